"""Parking: what cannot be handled is set aside, sealed, and the record that it is about shows it."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.events import Body, Message
from shared.db.seal import Sealer
from shared.db.tx import Database, Tx
from shared.errors import Unavailable
from shared.messaging import dead_letters
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.inbox import Received
from shared.settings import ServiceSettings
from shared.telemetry.logs import log
from shared.telemetry.metrics import PARKED

ParkedHook = Callable[[Message[Any], Tx], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parking:
    """Where the messages of one topic are parked."""

    settings: ServiceSettings
    database: Database
    topic: str
    on_parked: ParkedHook | None

    async def park_poison(self, letters: Sequence[DeadLetter]) -> None:
        """Park what could not be read, so that no record can show it; what is parked already stays as it is."""
        if not letters:
            return
        async with self.database.system() as tx:
            new = await self._park(tx, letters)
        for reason in new:
            PARKED.labels(topic=self.topic, reason=reason).inc()
        if new:
            log.error("consume.parked", outcome="poison", topic=self.topic, count=len(new))

    async def park_failed(self, one: Received[Body], error: Exception) -> None:
        """Park it, and let its record show it, in one transaction: a crash in between would hide it for ever."""
        message = one.message
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        where = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames))
        letter = DeadLetter.of(one.record, "failed", f"{type(error).__name__} at {where}")
        try:
            async with self.database.transaction([message.company_id]) as tx:
                await self._park(tx, [letter])
                if self.on_parked is not None:
                    await self.on_parked(message, tx)
        except Unavailable:
            raise
        except Exception as shown:  # noqa: BLE001  (the message is kept; only its record does not show it)
            log.error("consume.parked.show", outcome=type(shown).__name__, topic=self.topic)
            async with self.database.transaction([message.company_id]) as tx:
                await self._park(tx, [letter])
        PARKED.labels(topic=self.topic, reason="failed").inc()
        log.error(
            "consume.parked",
            outcome=type(error).__name__,
            topic=self.topic,
            event_id=str(message.id),
            where=where,
        )

    async def _park(self, tx: Tx, letters: Sequence[DeadLetter]) -> list[str]:
        try:
            sealer = Sealer(self.settings.dead_letter_keys())
        except ValueError as error:
            raise Unavailable(f"a message must be parked: {error}") from None
        return await dead_letters.park(tx, sealer, letters)
