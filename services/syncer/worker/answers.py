"""Answers of calls that come while others are being recorded are recorded together: one lock, one transaction for all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.syncer.store import work
from services.syncer.store.work import Call
from services.syncer.worker.recording import Outcome, Recorder
from shared.connectors.ports import Written
from shared.db.tx import Database
from shared.errors import Unavailable
from shared.telemetry.metrics import WORK


@dataclass(frozen=True, slots=True)
class Answer:
    """What the members of one call were answered."""

    call: Call
    written: Sequence[Written]
    requested_at: datetime

    @property
    def state(self) -> str:
        """How the call ended: a member of unknown outcome keeps it open for a look-up."""
        unknown = any(isinstance(w.error, Unavailable) and w.error.outcome_unknown for w in self.written)
        return "given_up" if unknown else "answered"


class Answers:
    """Collects answers by company; whoever comes first records for all who wait."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder
        self._waiting: dict[UUID, list[Answer]] = {}
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def record(self, answer: Answer) -> None:
        """Returns when the answer is recorded. What fails stays under its lease, and is sent again to the letter."""
        company = answer.call.company_id
        self._waiting.setdefault(company, []).append(answer)
        async with self._turns[company]:
            answers = self._waiting.pop(company, [])
            if answers:
                await self._write(company, answers)

    async def _write(self, company: UUID, answers: Sequence[Answer]) -> None:
        async with self._database.transaction([company]) as tx:
            await tx.lock_companies()
            held = await work.close_calls(tx, company, [(a.call, a.state) for a in answers])
            mine = [a for a in answers if a.call.call_id in held]
            WORK.labels(kind="push", outcome="lease_lost").inc(len(answers) - len(mine))
            items = {i.item_id: i for i in await work.members(tx, company, [a.call for a in mine])}
            outcomes = [
                Outcome(
                    items[UUID(w.item_id)],
                    w.remote,
                    w.error,
                    action=answer.call.action,
                    requested_at=answer.requested_at,
                )
                for answer in mine
                for w in answer.written
                if UUID(w.item_id) in items
            ]
            await self._recorder.record(tx, company, outcomes)
            later = await work.waiting_for(tx, company, [a.call for a in mine])
            await work.postpone(tx, company, later, 0, attempt=False)
