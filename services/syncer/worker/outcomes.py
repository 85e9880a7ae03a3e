"""How a push ended, what that leaves of its record, and what is published of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.syncer import core
from services.syncer.core import Push, PushOutcome, PushState, RecordState
from shared.contracts.events import PushAdopted, PushEvent, PushFailed, PushHeld, PushSucceeded
from shared.domain.employee import Remote
from shared.domain.values import Action, Holder
from shared.domain.versions import Reading
from shared.errors import MusterError, RemoteAnswer
from shared.messaging.outbox import Outgoing


class Outcome(NamedTuple):
    """How one push ended: the record as the destination holds it, an error, a conflict, nothing left to write, or cancelled.

    `action` is what was sent, or `no_change`; `moved` is the planned field that someone else changed at the destination.
    """

    push: Push
    remote: Remote | None = None
    error: MusterError | None = None
    action: Action = Action.NO_CHANGE
    moved: str | None = None
    held: bool = False
    cancelled: bool = False
    requested_at: datetime | None = None
    answered_at: datetime | None = None
    looked_up: bool = False
    """The remote was found, not answered."""
    holder: Holder | None = None
    """Who has the value that was refused."""
    reason: str = "conflict"
    """Why it is held."""


def is_over(outcome: Outcome) -> bool:
    """Whether the push has ended before, with a reason of its own; it may still turn out to have been carried out."""
    return outcome.push.state is PushState.DONE and outcome.remote is None


def _answer(outcome: Outcome) -> RemoteAnswer | None:
    """What the system answered to a push that failed, where it did."""
    return outcome.error.received.answer if outcome.error and outcome.error.received else None


def caused(outcome: Outcome) -> Push:
    """The push that a record's new status follows from; who asked for it did not cancel it."""
    return outcome.push._replace(actor=None) if outcome.cancelled else outcome.push


def _end(outcome: Outcome) -> tuple[PushOutcome, str | None, str | None]:
    """The push's outcome, and the reason and field that its record shows."""
    if outcome.error is not None:
        return PushOutcome.FAILED, outcome.error.reason, outcome.error.field
    if outcome.held or outcome.moved is not None:
        return PushOutcome.HELD, outcome.reason, outcome.moved
    return PushOutcome.CANCELLED if outcome.cancelled else PushOutcome.NEEDS_ACTION, None, None


def not_carried_out(
    company: UUID, outcome: Outcome, state: RecordState, retry_at: datetime | None
) -> tuple[RecordState, PushOutcome | None, list[Outgoing]]:
    """What such a push leaves: the record, the push's outcome unless it is retried, and the event of its first failure or end."""
    push = outcome.push
    name, reason, field = _end(outcome)
    events = [] if reason is None else [_failed(company, outcome, reason, field)]
    if reason is None or retry_at is None:
        return core.ended(state, push, reason, field, outcome.holder, _answer(outcome)), name, events
    return (
        core.retrying(state, push, reason, field, retry_at, _answer(outcome)),
        None,
        events if push.retry_at is None else [],
    )


def succeeded_event(company: UUID, outcome: Outcome, state: RecordState, there: core.Snapshot) -> Outgoing:
    """That the destination holds the record as it is `there`; of an adoption, that the source does."""
    push, reading = outcome.push, there.reading
    assert reading is not None
    if push.action is Action.ADOPT:
        return _outgoing(_adopted(push, there, reading), company, push)
    body = PushSucceeded(
        record_id=push.record_id,
        push_id=push.push_id,
        action=outcome.action,
        destination_account_id=push.account_id,
        destination_record_id=there.record_id,
        destination_remote_id=there.remote_id,
        remote_version=reading.version,
        remote_updated_at=reading.updated_at,
        requested_at=reading.requested_at,
        answered_at=reading.answered_at,
        employee=there.employee,
        source_rev=core.source_rev(state, push),
    )
    return _outgoing(body, company, push)


def _adopted(push: Push, here: core.Snapshot, reading: Reading) -> PushAdopted:
    return PushAdopted(
        record_id=push.record_id,
        push_id=push.push_id,
        account_id=push.account_id,
        remote_id=here.remote_id,
        remote_version=reading.version,
        remote_updated_at=reading.updated_at,
        requested_at=reading.requested_at,
        answered_at=reading.answered_at,
        employee=here.employee,
    )


def _failed(company: UUID, outcome: Outcome, reason: str, field: str | None) -> Outgoing:
    push = outcome.push
    if outcome.error is None:
        held = PushHeld(record_id=push.record_id, push_id=push.push_id, reason=reason, field=field)
        return _outgoing(held, company, push)
    assert push.action is not None, "what is sent has been planned"
    body = PushFailed(
        record_id=push.record_id,
        push_id=push.push_id,
        action=push.action,
        reason=reason,
        field=field,
        retryable=reason in core.RETRYABLE,
        answer=_answer(outcome),
    )
    return _outgoing(body, company, push)


def _outgoing(body: PushEvent, company: UUID, push: Push) -> Outgoing:
    return Outgoing(body, company, lane=push.lane, run_id=push.run_id, actor=push.actor)
