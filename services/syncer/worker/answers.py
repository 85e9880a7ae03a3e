"""Answers of calls that come while others are being recorded are recorded together: one lock, one transaction for all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.syncer.core import Item
from services.syncer.store import calls, pushes
from services.syncer.store.calls import Call
from services.syncer.worker.recording import Outcome, Recorder
from shared.connectors.ports import Written
from shared.db.tx import Database
from shared.errors import MusterError, Rejected, Unavailable
from shared.telemetry.metrics import WORK

TOGETHER = 10
"""Calls recorded in one transaction: 300 records of the largest batches, so that others get the lock soon."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the members of one call were answered; `items` are those members as they were sent, by id."""

    call: Call
    items: Mapping[str, Item]
    written: Sequence[Written]
    requested_at: datetime
    looked_up: bool = False

    @property
    def state(self) -> str:
        """How the call ended: a member of unknown outcome keeps it open for a look-up."""
        return "given_up" if any(_is_unknown(w.error) for w in self.written) else "answered"

    def left_out(self) -> list[Item]:
        """The members that nothing was answered of: a look-up did not find them."""
        told = {w.item_id for w in self.written}
        return [item for item_id, item in self.items.items() if item_id not in told]


def _is_unknown(error: MusterError | None) -> bool:
    """Whether even a look-up did not tell if the change was made."""
    return isinstance(error, Unavailable) and error.outcome_unknown


class Answers:
    """Collects answers by company; whoever comes first records for those who wait, oldest first."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder
        self._waiting: defaultdict[UUID, list[Answer]] = defaultdict(list)
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def record(self, answer: Answer) -> None:
        """Returns when the answer is recorded. What fails stays under its lease, and is sent again to the letter.

        Turns come in the order of the answers and each takes at least one, so nobody's own is left after its turn.
        """
        company = answer.call.company_id
        waiting = self._waiting[company]
        waiting.append(answer)
        async with self._turns[company]:
            answers = waiting[:TOGETHER]
            del waiting[:TOGETHER]
            if answers:
                await self._write(company, answers)

    async def _write(self, company: UUID, answers: Sequence[Answer]) -> None:
        async with self._database.transaction([company]) as tx:
            await tx.lock_companies()
            held = await calls.close_calls(tx, company, [(a.call, a.state) for a in answers])
            mine = [a for a in answers if a.call.call_id in held]
            WORK.labels(kind="push", outcome="lease_lost").inc(len(answers) - len(mine))
            outcomes = [
                Outcome(
                    item,
                    w.remote,
                    w.error,
                    action=answer.call.action,
                    requested_at=answer.requested_at,
                    looked_up=answer.looked_up,
                )
                for answer in mine
                for w in answer.written
                if (item := answer.items.get(w.item_id))
            ]
            unknown = {o.item.record_id for o in outcomes if _is_unknown(o.error)}
            waiting = await calls.waiting_for(tx, company, [a.call for a in mine])
            gone = Rejected("outcome_unknown")
            outcomes += [Outcome(i, error=gone) for i in waiting if i.record_id in unknown]
            await self._recorder.record(tx, company, outcomes)
            missing = [(i.record_id, a.call.call_id) for a in mine if a.looked_up for i in a.left_out()]
            await calls.not_made(tx, company, missing)
            later = [i for i in waiting if i.record_id not in unknown]
            later += [item for answer in mine for item in answer.left_out()]
            await pushes.postpone(tx, company, later, 0, attempt=False)
