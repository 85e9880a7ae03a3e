"""A small real service that hears source.changed as mapper's role would, and writes each effect down.

`python -m tests.support.probe POINT` runs it as a process, with its settings from the environment. It ends itself by SIGKILL
at POINT: `handled` (before COMMIT), `committed` (before the offset is), `produced` (before the relay marks). `none` runs on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import uvloop
from faststream.kafka import KafkaRouter

from shared.contracts import topics
from shared.contracts.events import Message
from shared.db.tx import Tx
from shared.http.app import Base, Parts, serve
from shared.messaging.consume import Consume
from shared.messaging.relay import Relay
from shared.messaging.subscriber import Subscriber
from shared.messaging.subscription import Reads
from shared.settings import ServiceSettings

COMPANY = UUID(int=1)
TABLES = """
CREATE TABLE mapper.effects (company_id uuid, event_id uuid);
SELECT muster.protect('mapper.effects');
"""
Fault = Callable[[Sequence[Message[Any]]], Awaitable[None]]


def make_router(
    consume: Consume, fault: Fault, dead_lettered: Callable[[Message[Any]], None] = lambda _: None
) -> KafkaRouter:
    """The service's one subscription. `fault` runs at the end of the handler, within its transaction."""
    router = KafkaRouter()

    async def on_dead_letter(message: Message[Any], _: Tx) -> None:
        dead_lettered(message)

    async def on_notifications(events: Sequence[Message[Any]], tx: Tx) -> None:
        await tx.connection.executemany(
            "INSERT INTO effects VALUES ($1, $2)", [(event.company_id, event.id) for event in events]
        )
        await fault(events)

    consume.subscribe(router, Reads(topics.NOTIFICATIONS, on_notifications, on_dead_letter=on_dead_letter))
    return router


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dies_after(owner: type[Any], name: str) -> None:
    """Let this process end as soon as the method has done its work."""
    original = getattr(owner, name)

    async def and_dies(*args: Any, **more: Any) -> None:
        await original(*args, **more)
        _die()

    setattr(owner, name, and_dies)


async def main(point: str) -> None:
    """Serve until asked to stop, or until the point."""
    if point == "committed":
        _dies_after(Subscriber, "take")
    if point == "produced":
        _dies_after(Relay, "_send")

    async def fault(events: Sequence[Message[Any]]) -> None:
        if point == "handled":
            _die()
        await asyncio.sleep(float(os.environ.get("PROBE_SECONDS", "0")))

    def build(base: Base) -> Parts:
        return Parts(make_router(base.consume, fault))

    await serve("mapper", ServiceSettings(), build)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
