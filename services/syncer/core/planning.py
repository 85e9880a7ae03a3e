"""What a plan does with each record, what the brakes count of it, and what has moved when it is applied. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from services.syncer.core.pushing import decide, isolated, same_fields, skipped
from services.syncer.core.retrying import waits_for_retry
from services.syncer.core.state import NO_FIELDS, Decision, Fields, Push, PushState, RecordState
from services.syncer.core.sync_status import sync_status
from shared.contracts.commands import Selected
from shared.domain.plans import PAY, SHARE_FROM, WATCHED, Brake, PlanAction, SafetyLimits, Tripped
from shared.domain.values import Action, Status

PLACES = {action: place for place, action in enumerate(PlanAction)}
WRITING = frozenset({PlanAction.DEACTIVATE, PlanAction.CREATE, PlanAction.REACTIVATE, PlanAction.UPDATE})
_SAMPLE = 5


class PlanRecord(NamedTuple):
    """What a plan does with one record, and why nothing if it is blocked.

    One with nothing to do and no reason is confirmed by a read; one that `waits` is pushed once it has been matched.
    """

    record_id: UUID
    action: PlanAction
    push_id: UUID
    source_rev: int
    reason: str = ""
    field: str | None = None
    fields: Fields = NO_FIELDS
    marks: tuple[str, ...] = ()

    @property
    def place(self) -> int:
        """Where its action stands in the list."""
        return PLACES[self.action]


class Applied(NamedTuple):
    """What applying a plan does with one record now: push it, hold it, or skip it with a reason."""

    record: PlanRecord
    decision: Decision | None = None
    held: Push | None = None
    skipped: str | None = None
    field: str | None = None
    """The first planned field that has moved."""
    moved: Fields = NO_FIELDS
    """What would be written now to a record that is held."""


WAITS = "waits"
"""The mark of a record that is pushed, by a plan that is applied at once, when it has been matched."""


def action_of(action: Action | None) -> PlanAction:
    """The action that people see of a push."""
    return PlanAction(action) if action is not None else PlanAction.BLOCKED


def marks_of(action: PlanAction, fields: Fields, limits: SafetyLimits) -> tuple[str, ...]:
    """The brakes that this change of a record counts for."""
    marks = []
    if action is PlanAction.DEACTIVATE:
        marks.append(Brake.DEACTIVATED.value)
    if action is not PlanAction.CREATE and any(
        name in WATCHED and change["before"] is not None for name, change in fields.items()
    ):
        marks.append(Brake.CHANGED.value)
    if limits.pay_factor is not None and any(
        _exceeds(fields[name], Decimal(str(limits.pay_factor))) for name in PAY & fields.keys()
    ):
        marks.append(Brake.PAY_FACTOR.value)
    return tuple(marks)


def _exceeds(change: Mapping[str, Any], factor: Decimal) -> bool:
    before, after = change["before"], change["after"]
    if before is None or after is None:
        return False
    low, high = sorted((abs(Decimal(str(before))), abs(Decimal(str(after)))))
    return high > low * factor


def planned(
    state: RecordState | None, selected: Selected, asked: Push | None, limits: SafetyLimits, *, single: bool
) -> PlanRecord:
    """What a plan made now does with a selected record; `asked` is the push that would do it, None while disconnected."""
    held = state is not None and state.status is Status.HELD
    why = skipped(state, selected, single=single or held)
    push_id = asked.push_id if asked else selected.record_id
    base = PlanRecord(selected.record_id, PlanAction.BLOCKED, push_id, selected.source_rev)
    if why == "needs_action" and state is not None:
        return base._replace(reason=state.reason, field=state.field)
    if why is not None:
        return base._replace(
            action=PlanAction.NO_CHANGE if why == "synced" else PlanAction.BLOCKED, reason=why
        )
    if asked is None or state is None:
        return base._replace(reason="disconnected")
    decision = decide(_anew(state), asked, lane=asked.lane)
    push = decision.push
    if push is None:
        return base._replace(reason=decision.sync_status.reason, field=decision.sync_status.field)
    if push.state is PushState.WAITING:
        return base._replace(reason=sync_status(decision.state, None).reason, marks=(WAITS,))
    action = action_of(push.action)
    marks = marks_of(action, push.fields, limits)
    return base._replace(action=action, fields=push.fields, marks=marks)


def apply(state: RecordState | None, record: PlanRecord, asked: Push | None) -> Applied:
    """Compare a record of an approved plan with what is known now, and push exactly what was planned."""
    if state is None or state.source is None:
        return Applied(record, skipped="unknown")
    if state.push is not None and not waits_for_retry(state.push):
        return Applied(record, skipped="held" if state.push.state is PushState.HELD else "already_running")
    if state.status is Status.SYNCED:
        return Applied(record, skipped="synced")
    if asked is None:
        return Applied(record, skipped="disconnected")
    asked = isolated(state, asked)
    decision = decide(_anew(state), asked, lane=asked.lane)
    push = decision.push
    if WAITS in record.marks:
        return Applied(record, decision) if push is not None else Applied(record, skipped="needs_action")
    if push is None or push.state is PushState.WAITING:
        return Applied(record, held=asked._replace(fields=record.fields), field=_first(record.fields))
    if push.action is Action.NO_CHANGE and record.action is not PlanAction.NO_CHANGE:
        return Applied(record, decision)  # it was written meanwhile; a read confirms it
    same = action_of(push.action) is record.action
    if same and same_fields(state, push, record.fields):
        return Applied(record, decision._replace(push=push._replace(fields=record.fields)))
    field = _moved_field(state, push, record.fields)
    return Applied(record, held=asked._replace(fields=record.fields), field=field, moved=push.fields)


def _anew(state: RecordState) -> RecordState:
    """The record as if its last push had not failed: a plan takes the place of its retry."""
    return state._replace(failure=None, push=None)


def _first(fields: Fields) -> str | None:
    return next(iter(fields), None)


def _moved_field(state: RecordState, push: Push, planned: Fields) -> str | None:
    for name in [*planned, *push.fields]:
        one, other = planned.get(name), push.fields.get(name)
        if (
            one is None
            or other is None
            or not same_fields(state, push._replace(fields={name: other}), {name: one})
        ):
            return name
    return None


class Counted(NamedTuple):
    """What the brakes count of a plan."""

    changed: int
    deactivated: int
    pay: int


def counted(marks: Iterable[str]) -> Counted:
    """From the marks of a plan's records."""
    found = Counter(marks)
    return Counted(found[Brake.CHANGED], found[Brake.DEACTIVATED], found[Brake.PAY_FACTOR])


def tripped(
    counts: Counted,
    limits: SafetyLimits,
    *,
    first: int,
    linked: int,
    samples: Mapping[str, Sequence[UUID]],
) -> tuple[Tripped, ...]:
    """The brakes that hold a plan with these counts.

    `first` is how many records it writes if it is the company's first, else 0; `linked` is how many records are linked,
    as far as that matters for a share.
    """
    share = limits.changed_percent
    found: list[tuple[Brake, int, float | None, str]] = []
    if limits.first_sync and first:
        found.append((Brake.FIRST_SYNC, first, None, ""))
    if limits.changed is not None and counts.changed > limits.changed:
        found.append((Brake.CHANGED, counts.changed, limits.changed, Brake.CHANGED.value))
    if share is not None and counts.changed > SHARE_FROM and 100 * counts.changed > share * linked:
        found.append((Brake.CHANGED_SHARE, counts.changed, share, Brake.CHANGED.value))
    if limits.deactivated is not None and counts.deactivated > limits.deactivated:
        found.append((Brake.DEACTIVATED, counts.deactivated, limits.deactivated, Brake.DEACTIVATED.value))
    if counts.pay:
        found.append((Brake.PAY_FACTOR, counts.pay, limits.pay_factor, Brake.PAY_FACTOR.value))
    return tuple(
        Tripped(brake=brake, count=count, limit=limit, sample=tuple(samples.get(mark, ()))[:_SAMPLE])
        for brake, count, limit, mark in found
    )


def linked_needed(counts: Counted, limits: SafetyLimits) -> int:
    """How many linked records must be counted to know whether the share is exceeded; 0 when it does not matter."""
    if not limits.changed_percent or counts.changed <= SHARE_FROM:
        return 0
    return 100 * counts.changed // limits.changed_percent + 1


def rules_plan(company: UUID, rule: str, at: datetime) -> UUID:
    """The plan of what a rule of this company pushes within this hour."""
    return uuid5(company, f"plan/{rule}/{at:%Y-%m-%dT%H}")


def asked_for(company: UUID, plan: UUID, record: UUID, account: UUID) -> Push:
    """The push that a plan makes of a record, with an id that a repetition gives again."""
    return Push(uuid5(company, f"{plan}/{record}"), record, account, PushState.WAITING, run_id=plan)
