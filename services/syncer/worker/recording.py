"""What came of pushes: store it, say it, and decide their records again, in a few statements for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.syncer import core
from services.syncer.core import Case, Item
from services.syncer.settings import Settings
from services.syncer.store import calls, deciding, facts, pushes, subjects
from shared.clock import Clock
from shared.contracts.events import PushFailed, PushHeld, PushSucceeded
from shared.contracts.records import Lane, Remote
from shared.db.companies import load_settings
from shared.db.tx import Tx
from shared.errors import Conflict, MusterError, RateLimited, Unavailable
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.metrics import WORK


class Outcome(NamedTuple):
    """How one push ended: the record as the destination holds it, an error, a conflict, nothing left to write, or cancelled.

    `action` is what was sent, or `no_change`; `moved` is the planned field that someone else changed at the destination.
    """

    item: Item
    remote: Remote | None = None
    error: MusterError | None = None
    action: str = "no_change"
    moved: str | None = None
    held: bool = False
    cancelled: bool = False
    requested_at: datetime | None = None
    looked_up: bool = False
    """The remote was found, not answered."""


class Recorder:
    """Records outcomes inside a transaction that holds the company's lock."""

    def __init__(self, outbox: Outbox, clock: Clock, settings: Settings) -> None:
        self._outbox = outbox
        self._clock = clock
        self._settings = settings

    async def record(
        self, tx: Tx, company: UUID, outcomes: Sequence[Outcome], cases: Mapping[UUID, Case] | None = None
    ) -> None:
        """Store and say all of it. `cases` are the records as they stand, loaded unless given; unknown ones are passed over."""
        if cases is None:
            settings = await load_settings(tx, [company])
            cases = await subjects.load_cases(tx, [o.item.record_id for o in outcomes], settings)
        now, after = self._clock.now(), dict(cases)
        heard = await _heard(tx, outcomes, now)
        said: list[Outgoing] = []
        again: list[Item] = []
        ended: list[tuple[UUID, str]] = []
        made: list[tuple[UUID, str]] = []
        for outcome in (o for o in outcomes if o.item.record_id in after):
            item = outcome.item
            case = after[item.record_id]
            answer = heard.get(item.item_id)
            if answer is not None and case.destination_record_id == answer.there.record_id:
                case = case._replace(destination=answer.newest)
            if self._tries_again(outcome):
                again.append(item)
                after[item.record_id] = core.postponed(case, item)
                continue
            if answer is not None and outcome.moved is None:
                after[item.record_id] = core.succeeded(
                    case,
                    item,
                    answer.there,
                    answer.newest,
                    action=outcome.action,
                    at=now,
                    taken=answer.owner not in {None, item.record_id},
                    looked_up=outcome.looked_up,
                )
                ended.append((item.item_id, "succeeded"))
                said.append(_succeeded(company, outcome, case, answer.there, now))
                if outcome.action == "create":
                    made.append((item.record_id, answer.there.remote_id))
                continue
            name, reason, field = _end(outcome)
            after[item.record_id] = core.ended(case, item, reason, field)
            ended.append((item.item_id, name))
            if reason is not None:
                said.append(_failed(company, outcome, reason, field))
        await pushes.postpone(tx, company, again, 0.0, attempt=True)
        known = [answer.newest for answer in heard.values()]
        await facts.save_facts(tx, [(company, fact, fact.employee.text()) for fact in known])
        if made:
            await calls.close_creations(tx, company, outcomes[0].item.account_id, made)
        said += deciding.run_events(company, await pushes.end_items(tx, company, ended))
        await self._outbox.append(tx, said)
        pushed = {o.item.record_id: _caused(o) for o in outcomes if o.item.record_id in after}
        moved_on = [core.decide(after[record], lane=item.lane) for record, item in pushed.items()]
        await deciding.save(tx, self._outbox, moved_on, lambda _: None, pushed=pushed)
        for name, count in Counter(name for _, name in ended).items():
            WORK.labels(kind="push", outcome=name).inc(count)

    async def retry_or_fail(self, tx: Tx, company: UUID, items: Sequence[Item], error: MusterError) -> None:
        """Certainly not carried out: again later, or Failed after the last try."""
        retry = isinstance(error, Unavailable | Conflict)
        waits = isinstance(error, RateLimited) and error.ours
        again = [i for i in items if waits or (retry and i.attempts + 1 < self._settings.send_attempts)]
        pause = core.backoff_seconds(
            self._settings.retry_seconds, max((i.attempts for i in again), default=0) + 1
        )
        if isinstance(error, RateLimited):
            pause = max(pause, error.retry_after)
        await pushes.postpone(tx, company, again, pause, attempt=not waits)
        ids = {i.item_id for i in again}
        await self.record(tx, company, [Outcome(i, error=error) for i in items if i.item_id not in ids])

    def _tries_again(self, outcome: Outcome) -> bool:
        """A stale version is read and planned again; so is a field that moved, if nobody asked for the push in person."""
        cures = isinstance(outcome.error, Conflict) or (outcome.moved is not None and outcome.item.automatic)
        return cures and outcome.item.attempts + 1 < self._settings.send_attempts


class _Answer(NamedTuple):
    """A destination record as it was answered, the newest that is known of it, and whom mapper has linked it to."""

    there: core.Fact
    newest: core.Fact
    owner: UUID | None


async def _heard(tx: Tx, outcomes: Sequence[Outcome], now: datetime) -> dict[UUID, _Answer]:
    """The answers by push."""
    answers = {o.item.item_id: core.answered(o.item, o.remote, now) for o in outcomes if o.remote is not None}
    ids = [there.record_id for there in answers.values()]
    told, owners = await facts.load_whole(tx, ids), await subjects.owners(tx, ids)
    return {
        i: _Answer(there, core.newest(told.get(there.record_id), there), owners.get(there.record_id))
        for i, there in answers.items()
    }


def _caused(outcome: Outcome) -> Item:
    """The push that a record's new status is told of; who asked for it did not cancel it."""
    return outcome.item._replace(actor=None) if outcome.cancelled else outcome.item


def _end(outcome: Outcome) -> tuple[str, str | None, str | None]:
    """The push's outcome, and the reason and field that its record shows."""
    if outcome.error is not None:
        return "failed", outcome.error.reason, outcome.error.field
    if outcome.held or outcome.moved is not None:
        return "held", "conflict", outcome.moved
    return "cancelled" if outcome.cancelled else "needs_action", None, None


def _succeeded(company: UUID, outcome: Outcome, case: Case, there: core.Fact, now: datetime) -> Outgoing:
    item = outcome.item
    body = PushSucceeded(
        record_id=item.record_id,
        item_id=item.item_id,
        action=outcome.action,
        destination_account_id=item.account_id,
        destination_record_id=there.record_id,
        destination_remote_id=there.remote_id,
        remote_version=there.remote_version,
        requested_at=outcome.requested_at or now,
        answered_at=now,
        employee=there.employee,
        source_rev=core.source_rev(case, item),
    )
    return _outgoing(body, company, item)


def _failed(company: UUID, outcome: Outcome, reason: str, field: str | None) -> Outgoing:
    item = outcome.item
    if outcome.error is None:
        held = PushHeld(record_id=item.record_id, item_id=item.item_id, reason=reason, field=field)
        return _outgoing(held, company, item)
    body = PushFailed(
        record_id=item.record_id,
        item_id=item.item_id,
        action=item.action,
        reason=reason,
        field=field,
        retryable=reason in core.RETRYABLE,
    )
    return _outgoing(body, company, item)


def _outgoing(body: PushFailed | PushHeld | PushSucceeded, company: UUID, item: Item) -> Outgoing:
    return Outgoing(body, company, lane=Lane(item.lane), run_id=item.run_id, actor=item.actor)
