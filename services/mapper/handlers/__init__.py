"""Kafka in: facts, our own writes, people's decisions and settings become answers about source records."""

from faststream.kafka import KafkaRouter

from services.mapper.handlers.commands import make_on_commands
from services.mapper.handlers.deciding import Ask, Deciding, Way
from services.mapper.handlers.employees import make_on_employees, make_on_parked
from services.mapper.handlers.others import make_on_pushes, on_settings
from services.mapper.settings import Settings
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.events import PushSucceeded
from shared.messaging.consume import Consume

__all__ = [
    "Ask", "Deciding", "Way", "make_on_commands", "make_on_employees", "make_on_parked", "make_on_pushes",
    "make_router", "on_settings",
]  # fmt: skip


def make_router(consume: Consume, deciding: Deciding, clock: Clock, settings: Settings) -> KafkaRouter:
    """mapper's subscriptions."""
    router = KafkaRouter()
    consume.subscribe(router, topics.SETTINGS, on_settings)
    consume.subscribe(
        router, topics.EMPLOYEES, make_on_employees(deciding), on_parked=make_on_parked(deciding)
    )
    consume.subscribe(router, topics.PUSHES, make_on_pushes(deciding), only=(PushSucceeded,))
    consume.subscribe(router, topics.MAPPER_COMMANDS, make_on_commands(deciding, clock, settings))
    return router
