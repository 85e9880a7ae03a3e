"""Dead-lettering: what cannot be handled is kept, sealed, and the record that it is about shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.events import Body, Message
from shared.db.seal import Sealer
from shared.db.tx import Database, Tx
from shared.errors import Unavailable, where
from shared.messaging import dead_letters
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.inbox import Received
from shared.settings import ServiceSettings
from shared.telemetry.logs import log
from shared.telemetry.metrics import DEAD_LETTERED

DeadLetterHook = Callable[[Message[Any], Tx], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DeadLettering:
    """Where the messages of one topic are dead-lettered."""

    settings: ServiceSettings
    database: Database
    topic: str
    on_dead_letter: DeadLetterHook | None

    async def store_poison(self, entries: Sequence[DeadLetter]) -> None:
        """Dead-letter what could not be read, so that no record can show it; what is dead-lettered already stays as it is."""
        if not entries:
            return
        async with self.database.system() as tx:
            new = await self._store(tx, entries)
        for reason in new:
            DEAD_LETTERED.labels(topic=self.topic, reason=reason).inc()
        if new:
            log.error("consume.dead_lettered", outcome="poison", topic=self.topic, count=len(new))

    async def store_failed(self, one: Received[Body], error: Exception) -> None:
        """Dead-letter it, and let its record show it, in one transaction: a crash in between would hide it for ever."""
        message = one.message
        dead_letter = DeadLetter.of(one.record, "failed", f"{type(error).__name__} at {where(error)}")
        try:
            async with self.database.handling([message.company_id]) as tx:
                await self._store(tx, [dead_letter])
                if self.on_dead_letter is not None:
                    await self.on_dead_letter(message._replace(dead_lettered=True), tx)
        except Unavailable:
            raise
        except Exception as shown:  # noqa: BLE001  (the message is kept; only its record does not show it)
            log.error("consume.dead_lettered.show", outcome=type(shown).__name__, topic=self.topic)
            async with self.database.handling([message.company_id]) as tx:
                await self._store(tx, [dead_letter])
        DEAD_LETTERED.labels(topic=self.topic, reason="failed").inc()
        log.error(
            "consume.dead_lettered",
            outcome=type(error).__name__,
            topic=self.topic,
            event_id=str(message.id),
            where=where(error),
        )

    async def _store(self, tx: Tx, entries: Sequence[DeadLetter]) -> list[str]:
        try:
            sealer = Sealer(self.settings.dead_letter_keys())
        except ValueError as error:
            raise Unavailable(f"a message must be dead-lettered: {error}") from None
        return await dead_letters.add(tx, sealer, entries)
