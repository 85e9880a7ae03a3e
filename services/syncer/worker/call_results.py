"""Answers of calls that come while others are being recorded are recorded together: one lock, one transaction for all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.syncer import core
from services.syncer.core import Push
from services.syncer.store import calls
from services.syncer.store.calls import Call
from services.syncer.worker.outcomes import Outcome
from services.syncer.worker.recording import Recorder
from shared.connectors.ports import Written
from shared.db.tx import Database
from shared.domain.values import Action, Holder
from shared.errors import Rejected
from shared.telemetry.metrics import WORK

TOGETHER = 10
"""Calls recorded in one transaction: 300 records of the largest batches, so that others get the lock soon."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What the members of one call were answered; `pushes` are those members as they were sent, by id."""

    call: Call
    pushes: Mapping[str, Push]
    written: Sequence[Written]
    requested_at: datetime
    answered_at: datetime
    looked_up: bool = False
    holders: Mapping[UUID, Holder] = field(default_factory=dict)
    """Who has what was refused, by push."""

    @property
    def state(self) -> str:
        """How the call ended: a member of unknown outcome keeps it open for a look-up."""
        return "given_up" if any(core.is_unknown(w.error) for w in self.written) else "answered"

    def received(self) -> calls.Answers:
        """What was answered of each member."""
        kept = {w.push_id: w.error.received if w.error else w.received for w in self.written}
        return {push_id: one for push_id, one in kept.items() if one is not None}

    def action(self, push: Push) -> Action:
        """What the call did with this member's record."""
        exact = push.action if core.needs_person(push.action) else None
        return self.call.action if self.call.action is Action.CREATE else exact or self.call.action

    def not_created(self) -> list[tuple[UUID, UUID]]:
        """The (record, call) of creations that certainly were not carried out: refused, or looked for and not found.

        Their next push sends a call of its own, whatever becomes of the other members of this one.
        """
        if self.call.action is not Action.CREATE:
            return []
        refused = [
            push
            for w in self.written
            if w.error is not None and not core.is_unknown(w.error) and (push := self.pushes.get(w.push_id))
        ]
        return [
            (i.record_id, self.call.call_id) for i in refused + (self.left_out() if self.looked_up else [])
        ]

    def left_out(self) -> list[Push]:
        """The members that nothing was answered of: a look-up did not find them."""
        received = {w.push_id for w in self.written}
        return [push for push_id, push in self.pushes.items() if push_id not in received]


class CallResults:
    """Collects answers by company; the first to arrive records for those that wait, oldest first."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder
        self._waiting: defaultdict[UUID, list[CallResult]] = defaultdict(list)
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def record(self, result: CallResult) -> None:
        """Returns when the answer is recorded. What fails stays under its lease, and is sent again verbatim.

        Turns come in the order of the answers and each takes at least one, so nobody's own is left after its turn.
        """
        company = result.call.company_id
        waiting = self._waiting[company]
        waiting.append(result)
        async with self._turns[company]:
            call_results = waiting[:TOGETHER]
            del waiting[:TOGETHER]
            if call_results:
                await self._write(company, call_results)

    async def _write(self, company: UUID, call_results: Sequence[CallResult]) -> None:
        async with self._database.locked([company]) as tx:
            held = await calls.close_calls(
                tx, company, [(a.call, a.state, a.received()) for a in call_results]
            )
            mine = [a for a in call_results if a.call.call_id in held]
            WORK.labels(kind="push", outcome="lease_lost").inc(len(call_results) - len(mine))
            outcomes = [
                Outcome(
                    push,
                    w.remote,
                    w.error,
                    action=result.action(push),
                    requested_at=result.requested_at,
                    answered_at=result.answered_at,
                    looked_up=result.looked_up,
                    holder=result.holders.get(push.push_id),
                )
                for result in mine
                for w in result.written
                if (push := result.pushes.get(w.push_id))
            ]
            unknown = {o.push.record_id for o in outcomes if core.is_unknown(o.error)}
            waiting = await calls.waiting_for(tx, company, [a.call for a in mine])
            gone = Rejected("outcome_unknown")
            outcomes += [Outcome(i, error=gone) for i in waiting if i.record_id in unknown]
            await self._recorder.record(tx, company, outcomes)
            await calls.not_made(tx, company, [pair for a in mine for pair in a.not_created()])
            later = [i for i in waiting if i.record_id not in unknown]
            later += [push for result in mine for push in result.left_out()]
            await self._recorder.give_back(tx, company, later)
