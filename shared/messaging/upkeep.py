"""What people may see and settle of a service's messages: those that wait, and those that could not be handled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from shared.contracts.operations import DeadLetterDetail, DeadLetterView, Hop, Replayed
from shared.db.seal import Sealer, SealError
from shared.db.tx import Database
from shared.errors import Unavailable
from shared.messaging import dead_letters
from shared.messaging.consume import Consume
from shared.messaging.dead_letters import DeadLetter
from shared.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Of one service. A dead letter is settled where it is: the service that could not handle it handles it again."""

    database: Database
    consume: Consume
    settings: ServiceSettings

    def hops(self) -> list[Hop]:
        """Each topic that this process consumes."""
        paused = self.consume.paused()
        return [
            Hop(service=self.database.service, topic=topic, waiting=waiting, paused=paused.get(topic))
            for topic, waiting in self.consume.waiting().items()
        ]

    async def counts(self) -> dict[UUID | None, int]:
        """Dead letters that wait for somebody, by company."""
        async with self.database.system() as tx:
            return await dead_letters.open_counts(tx)

    async def list_dead_letters(self, company: UUID) -> list[DeadLetterView]:
        """The company's dead letters that wait for somebody, newest first."""
        async with self.database.transaction([company]) as tx:
            found = await dead_letters.list_dead_letters(tx)
        return [DeadLetterView.model_validate(self._view(one)) for one in found]

    async def show_dead_letter(self, company: UUID, position: Sequence[str]) -> DeadLetterDetail | None:
        """One of them as it came; None where there is none. Raises `Unavailable` when its key is not listed any more."""
        found = await self._opened(company, position)
        if found is None:
            return None
        assert found.raw is not None
        headers = {n: (v or b"").decode(errors="backslashreplace") for n, v in found.raw.headers}
        body = _json(found.raw.body)
        return DeadLetterDetail.model_validate(
            {**self._view(found), "headers": headers, "body": body, "readable": body is not None}
        )

    async def replay(self, company: UUID, position: Sequence[str]) -> Replayed | None:
        """Handle it again now; None where there is none."""
        found = await self._opened(company, position)
        subscription = self.consume.subscription(found.topic) if found else None
        if found is None or subscription is None:
            return None
        problem = await subscription.replay(found)
        if not problem:
            async with self.database.transaction([company]) as tx:
                await dead_letters.mark_replayed(tx, found.topic, found.partition, found.offset)
        return Replayed(handled=not problem, detail=problem)

    async def discard(self, company: UUID, position: Sequence[str], actor: str, reason: str) -> bool:
        """Give it up; False where there is none."""
        known = _position(position)
        if known is None:
            return False
        async with self.database.transaction([company]) as tx:
            return await dead_letters.discard(tx, *known, actor, reason)

    async def _opened(self, company: UUID, position: Sequence[str]) -> DeadLetter | None:
        known = _position(position)
        if known is None:
            return None
        try:
            sealer = Sealer(self.settings.dead_letter_keys())
            async with self.database.transaction([company]) as tx:
                found = await dead_letters.show(tx, sealer, *known)
        except (SealError, ValueError) as error:
            raise Unavailable(f"a dead letter cannot be opened: {error}") from None
        return None if found is None or found.replayed_at or found.discarded_at else found

    def _view(self, one: DeadLetter) -> dict[str, Any]:
        return {
            "id": f"{one.topic}:{one.partition}:{one.offset}",
            "service": self.database.service,
            "topic": one.topic,
            "type": one.type,
            "event_id": one.event_id,
            "reason": one.reason,
            "detail": one.detail,
            "at": one.dead_lettered_at,
            "replayable": self.consume.subscription(one.topic) is not None,
        }


def _position(position: Sequence[str]) -> tuple[str, int, int] | None:
    """Topic, partition and offset, as a view's id has them between colons."""
    topic, partition, offset = position
    return (topic, int(partition), int(offset)) if max(int(partition), int(offset)) < 2**63 else None


def _json(body: bytes | None) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
