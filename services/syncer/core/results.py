"""What the outcome of a push leaves: what was given and answered, a failure, a retry, or nothing. Pure."""

from dataclasses import asdict
from datetime import datetime

from services.syncer.core.adopting import adopted
from services.syncer.core.drift import unsure
from services.syncer.core.loops import noted
from services.syncer.core.pushing import scales, values
from services.syncer.core.state import (
    Failure,
    Push,
    PushState,
    RecordState,
    Snapshot,
)
from services.syncer.core.sync_status import RETRYABLE
from shared.domain.employee import FIELDS, Employee, Remote
from shared.domain.forms import same as same_value
from shared.domain.ids import record_id
from shared.domain.mapping import desired
from shared.domain.values import Action, Holder, Situation
from shared.domain.versions import Reading
from shared.errors import MusterError, RemoteAnswer, Unauthorized, Unavailable


def source_rev(state: RecordState, push: Push) -> int:
    """The version of the source record that this push carries."""
    assert state.source is not None
    return push.basis.source_rev if push.basis else state.source.rev


def exchanged(
    state: RecordState, push: Push, there: Employee, *, same: bool, looked_up: bool = False
) -> tuple[Employee, Employee]:
    """What this push gave the destination, and what that made of it, added to what is kept of the `same` record.

    A field counts when it was planned, or when both are equal; another's value is no answer to ours, and neither is what
    a look-up found.
    """
    given, places = _given(state, push), scales(state, push)
    planned = () if looked_up else push.fields
    names = [
        n for n in FIELDS
        if given.known(n)
        and (n in planned or (there.known(n) and same_value(n, getattr(given, n), getattr(there, n), places.get(n))))
    ]  # fmt: skip
    sent, answered = (given.only(names), there.only(names))
    if same:
        sent = (state.sent or Employee()).overlaid(sent)
        answered = (state.answered or Employee()).overlaid(answered)
    return sent, answered


def _given(state: RecordState, push: Push) -> Employee:
    """What the destination should hold by this push: what it wrote, and the rest of what it was planned from."""
    mapping, written = state.mapping(), Employee.model_validate(values(push))
    assert state.source is not None
    if mapping is None or push.basis is None or push.basis.source_rev != state.source.rev:
        return written
    return desired(state.source.employee, mapping).overlaid(written)


def answered(
    push: Push, remote: Remote, requested_at: datetime, answered_at: datetime, *, written: bool
) -> Snapshot:
    """The destination record as it was answered to this push; importer's rev for it is not known yet."""
    there = record_id(push.account_id, remote.remote_id)
    reading = Reading(remote.version, remote.updated_at, requested_at, answered_at, written)
    return Snapshot(there, push.account_id, remote.remote_id, 0, "present", remote.employee, reading)


def succeeded(
    state: RecordState,
    push: Push,
    there: Snapshot,
    known: Snapshot,
    *,
    action: str,
    at: datetime,
    taken: bool = False,
    looked_up: bool = False,
) -> RecordState:
    """The record's state after the destination answered `there`; `known` is the newest that is known of that record.

    A link made meanwhile stays: of this record to another one, or of another record to what was created (`taken`).
    """
    over = _without(state, push)
    if push.action is Action.ADOPT:
        return adopted(over, push, known)
    linked = state.situation is Situation.LINKED
    if (linked and state.destination_record_id != there.record_id) or (action is Action.CREATE and taken):
        return over._replace(created_before=True)
    same = state.destination_record_id == there.record_id
    gave, got = exchanged(state, push, there.employee, same=same, looked_up=looked_up)
    newer = state.automatic_rev is not None and state.automatic_rev > source_rev(state, push)
    return over._replace(
        destination=known,
        destination_record_id=there.record_id,
        destination_remote_id=there.remote_id,
        created=state.created or (action is Action.CREATE and not linked),
        unknown_call=None,
        synced_at=at,
        sent=gave,
        answered=got,
        failure=None,
        automatic_rev=state.automatic_rev if newer else None,
        writes=noted(state.writes, at, push.fields) if push.automatic and push.fields else (),
    )


def ended(
    state: RecordState,
    push: Push,
    reason: str | None,
    concerned: str | None,
    holder: Holder | None = None,
    answer: RemoteAnswer | None = None,
) -> RecordState:
    """The record's state after this push ended otherwise; `reason` stands until something moves."""
    over, basis = _without(state, push), state.basis()
    if reason is None or basis is None or push.action is Action.ADOPT:  # what was to be decided still is
        return over
    held = holder.model_dump(mode="json", exclude_none=True) if holder else None
    failure = Failure(
        reason,
        concerned,
        basis.source_rev,
        basis.link_rev,
        basis.settings_version,
        held,
        asdict(answer) if answer else None,
    )
    answers = unsure(state, push.fields) if reason == "outcome_unknown" else state.answered
    return over._replace(failure=failure, answered=answers)


def postponed(state: RecordState, push: Push) -> RecordState:
    """The record's state while this push waits to be tried again."""
    return _without(state, push)._replace(push=push._replace(state=PushState.PLANNED))


def retrying(
    state: RecordState,
    push: Push,
    reason: str,
    concerned: str | None,
    at: datetime,
    answer: RemoteAnswer | None = None,
) -> RecordState:
    """The record's state while this push, which failed for `reason`, waits to be tried again by itself."""
    alone = push.isolated or reason == "outcome_unknown"
    again = push._replace(state=PushState.PLANNED, retry_at=at, isolated=alone)
    return ended(state, push, reason, concerned, answer=answer)._replace(push=again)


def _without(state: RecordState, push: Push) -> RecordState:
    return state._replace(push=None) if state.push and state.push.push_id == push.push_id else state


def leaves_unknown(error: MusterError, *, again: bool) -> bool:
    """Whether a call may have been carried out, after this error of its first sending or of a repetition.

    What kept a repetition from being sent or judged says nothing about the sending before it.
    """
    if again and isinstance(error, Unavailable | Unauthorized):
        return True
    return is_unknown(error)


def is_unknown(error: MusterError | None) -> bool:
    """Whether the write may have been carried out for all that its answer says."""
    return isinstance(error, Unavailable) and error.outcome_unknown


def may_cure(error: MusterError | None) -> bool:
    """Whether this error may be another the next time: it does not speak of what was to be written."""
    return error is not None and error.reason in RETRYABLE
