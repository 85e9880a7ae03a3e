"""Kafka in: facts, our own writes, people's decisions and settings become results for source records."""

from faststream.kafka import KafkaRouter

from services.mapper.deciding import Deciding
from services.mapper.handlers.commands import make_on_commands
from services.mapper.handlers.employees import make_on_dead_letter, make_on_employees
from services.mapper.handlers.pushes import is_creation, make_on_pushes
from services.mapper.handlers.settings import on_settings
from services.mapper.settings import Settings
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.events import PushSucceeded
from shared.messaging.consume import Consume
from shared.messaging.subscription import Reads

__all__ = [
    "make_on_commands",
    "make_on_dead_letter",
    "make_on_employees",
    "make_on_pushes",
    "make_router",
    "on_settings",
]  # fmt: skip


def make_router(consume: Consume, deciding: Deciding, clock: Clock, settings: Settings) -> KafkaRouter:
    """mapper's subscriptions."""
    router = KafkaRouter()
    on_dead_letter = make_on_dead_letter(deciding)
    on_employees, on_pushes = make_on_employees(deciding), make_on_pushes(deciding)
    on_commands = make_on_commands(deciding, clock, settings)
    consume.subscribe(router, Reads(topics.SETTINGS, on_settings))
    consume.subscribe(
        router,
        Reads(topics.EMPLOYEES, on_employees, on_dead_letter=on_dead_letter),
        Reads(
            topics.PUSHES,
            on_pushes,
            only=(PushSucceeded,),
            concerns=is_creation,
            on_dead_letter=on_dead_letter,
        ),
    )
    consume.subscribe(router, Reads(topics.MAPPER_COMMANDS, on_commands, on_dead_letter=on_dead_letter))
    return router
