"""What status a record has, and what a push of it would write."""

from services.syncer.core.differences import changes, differing, in_json, not_taken
from services.syncer.core.drift import drifted
from services.syncer.core.loops import goes_back_and_forth
from services.syncer.core.ordering import with_display_name
from services.syncer.core.retrying import TRANSIENT
from services.syncer.core.state import (
    Failure,
    Fields,
    Plan,
    Push,
    PushState,
    RecordState,
    Snapshot,
    SyncStatus,
)
from shared.domain.capabilities import creation_problem, unique_fields
from shared.domain.employee import Employee
from shared.domain.mapping import RouteMapping, desired
from shared.domain.scope import in_scope
from shared.domain.values import Action, Holder, Situation, Status
from shared.errors import RemoteAnswer

DRIFTED = "changed_at_destination"


ALTERNATING = "changing_back_and_forth"


WAITING_REASONS = frozenset({"checking", "directory_being_read"})


HELD_REASONS = frozenset({"conflict", "moved"})
"""What moved after a person had approved a change."""


RETRYABLE = TRANSIENT | {"internal"}


def _ended(state: RecordState) -> bool:
    """Whether the person is not active at the source, and nobody at the destination is linked to them."""
    if state.source is None or state.source.employee.active is not False:
        return False
    linked = state.situation is Situation.LINKED or state.created
    return not (linked and state.destination and state.destination.state == "present")


def plan(state: RecordState, *, automatic: bool = False) -> Plan | None:
    """What a push made now would write; None while there is nothing to write or nobody to write to.

    An `automatic` one leaves alone what somebody changed at the destination, and makes nobody active or inactive.
    """
    mapping = state.mapping()
    if state.source is None or mapping is None or _ended(state) or is_excluded(state):
        return None
    wanted = desired(state.source.employee, mapping)
    if state.situation is Situation.LINKED or state.created:
        if state.destination is None or state.destination.state != "present":
            return None
        fields = differing(state, wanted, state.destination.employee, mapping)
        if automatic:
            moved = drifted(state, fields, state.destination.employee, mapping)
            rest = {name: change for name, change in fields.items() if name not in moved}
            if "active" in fields or (moved and not rest):
                return None
            fields = rest
            if goes_back_and_forth(state, fields, mapping):
                return None
        if "display_name" in unique_fields(mapping.destination, mapping.features):
            fields = with_display_name(fields, state.destination.employee)
        return Plan(_action(fields), fields)
    if may_create(state) and not state.created_before:
        return _creation(state, wanted, mapping)
    return None


def _creation(state: RecordState, wanted: Employee, mapping: RouteMapping) -> Plan | None:
    """A new record; None where somebody has its name, and no rule gives it another."""
    names = [e.destination for e in mapping.carried(wanted) if wanted.known(e.destination)]
    values = in_json(wanted, names)
    given = {name: values[name] for name in names if values[name] is not None}
    if state.clash is not None:
        if state.clash.instead is None:
            return None
        given["display_name"] = state.clash.instead
    return Plan(Action.CREATE, changes({}, given, list(given)))


def _is_automatic(state: RecordState) -> bool:
    """Whether the rules would push this version of the record."""
    route = state.settings.route if state.settings else None
    newest = state.source is not None and state.automatic_rev == state.source.rev
    return newest and route is not None and route.rules.auto_sync


def _action(fields: Fields) -> Action:
    """What writing these fields to a linked record does."""
    if "active" in fields:
        return Action.REACTIVATE if fields["active"]["after"] else Action.DEACTIVATE
    return Action.UPDATE if fields else Action.NO_CHANGE


def needs_person(action: Action | None) -> bool:
    """Whether only a person's push does this: nobody becomes active or inactive by a rule."""
    return action in {Action.DEACTIVATE, Action.REACTIVATE}


def sync_status(state: RecordState, push: Push | None) -> SyncStatus:
    """The record's status while `push` is its open push, by the first rule that applies (docs/architecture.md, section 3)."""
    source, mapping = state.source, state.mapping()
    if source is None or mapping is None:
        return _failed(state) or SyncStatus(Status.NEEDS_SYNC, "checking")
    if left_out := _left_out(state, source, push):
        return left_out
    if push is not None:
        return _pushed(state, push)
    if source.state == "removed":
        return SyncStatus(Status.NEEDS_ACTION, "deleted_at_source")
    linked = state.situation is Situation.LINKED or state.created
    if not linked and unchecked(state):
        return _failed(state) or SyncStatus(Status.NEEDS_SYNC, "checking")
    if not linked and not may_create(state):
        if state.link_reason in WAITING_REASONS:
            return SyncStatus(Status.NEEDS_SYNC, state.link_reason)
        return SyncStatus(Status.NEEDS_ACTION, state.link_reason or "several_matches")
    wanted = desired(source.employee, mapping)
    blocked = _blocked(state, wanted, mapping, linked=linked)
    return blocked or (_linked(state, wanted, mapping) if linked else _unmatched(state))


def _pushed(state: RecordState, push: Push) -> SyncStatus:
    """The status of a record with an open push."""
    if push.state is PushState.HELD:
        return SyncStatus(Status.HELD, "brake")
    if push.retry_at is not None and push.state is not PushState.WAITING and state.failure:
        failure = state.failure
        return SyncStatus(
            Status.FAILED, failure.reason, failure.field, push.retry_at, answer=_answer(failure)
        )
    if push.waits_for is not None and push.state is PushState.PLANNED:
        return SyncStatus(Status.SYNCING, "waiting_for", retry_at=push.retry_at)
    return SyncStatus(Status.SYNCING, {"waiting": "waiting", "planned": "queued"}.get(push.state, "writing"))


def _left_out(state: RecordState, source: Snapshot, push: Push | None) -> SyncStatus | None:
    """The status of a record that is excluded, once nothing of it is on its way, or that cannot be read."""
    if push is None and (reason := excluded_by(state)):
        return SyncStatus(Status.EXCLUDED, reason)
    if source.state == "unreadable":
        return SyncStatus(Status.NEEDS_ACTION, source.reason or "unreadable")
    return None


def excluded_by(state: RecordState) -> str:
    """Why this record never takes part: a person's decision, or the company's scope; empty where it does."""
    if state.situation is Situation.EXCLUDED and state.link_reason != "out_of_scope":
        return "excluded"
    route = state.settings.route if state.settings else None
    if state.source is None or route is None or state.source.state != "present":
        return ""
    return "" if in_scope(state.source.employee, route.rules.scope) else "out_of_scope"


def is_excluded(state: RecordState) -> bool:
    """Whether nothing of this record may be written."""
    return excluded_by(state) != ""


def unchecked(state: RecordState) -> bool:
    """Whether mapper has not answered yet on this version of the record and the scope: until it has, nobody is created."""
    if state.situation is None or state.source is None or state.link_source_rev != state.source.rev:
        return True
    return state.situation is Situation.EXCLUDED and not is_excluded(state)


def may_create(state: RecordState) -> bool:
    """Whether nobody at the destination is this person, or who may be is what a creation of ours made.

    A creation whose outcome is not known is settled first: until then a match may be its own result.
    """
    return state.situation is Situation.UNMATCHED or state.unknown_call is not None


def _blocked(
    state: RecordState, wanted: Employee, mapping: RouteMapping, *, linked: bool
) -> SyncStatus | None:
    """What stops the record whatever its match: its content, or how the last attempt ended."""
    if _ended(state):
        return SyncStatus(Status.NEEDS_ACTION, "inactive_at_source", "active")
    if problem := creation_problem(wanted, mapping.destination, mapping.features, creating=not linked):
        return SyncStatus(Status.NEEDS_ACTION, *problem)
    return _failed(state)


def _failed(state: RecordState) -> SyncStatus | None:
    """How the last attempt ended, while nothing has moved since."""
    basis = state.basis()
    if state.failure is None or (basis is not None and not state.failure.stands(basis)):
        return None
    reason, concerned = state.failure.reason, state.failure.field
    if reason in HELD_REASONS:
        return SyncStatus(Status.HELD, reason, concerned)
    answer = _answer(state.failure)
    holder = Holder.model_validate(state.failure.holder) if state.failure.holder else None
    status = Status.FAILED if reason in RETRYABLE else Status.NEEDS_ACTION
    return SyncStatus(status, reason, concerned, holder=holder, answer=answer)


def _answer(failure: Failure) -> RemoteAnswer | None:
    return RemoteAnswer(**failure.answer) if failure.answer else None


def _unmatched(state: RecordState) -> SyncStatus:
    assert state.settings is not None
    assert state.settings.route is not None
    if state.created_before:
        return SyncStatus(Status.NEEDS_ACTION, "created_before")
    if not state.settings.route.rules.create_missing:
        return SyncStatus(Status.NEEDS_ACTION, "creation_off")
    if state.clash is not None and state.clash.instead is None:
        return SyncStatus(Status.NEEDS_ACTION, "duplicate_name", "display_name", holder=state.clash.holder)
    return SyncStatus(Status.NEEDS_SYNC, "not_pushed" if state.directory_read else "directory_being_read")


def _linked(state: RecordState, wanted: Employee, mapping: RouteMapping) -> SyncStatus:
    if state.destination is None:
        return SyncStatus(Status.NEEDS_SYNC, "checking")
    if state.destination.state == "removed":
        return SyncStatus(Status.NEEDS_ACTION, "deleted_at_destination")
    if fields := differing(state, wanted, state.destination.employee, mapping):
        if "active" in fields:
            active = "inactive" if wanted.active else "active"
            return SyncStatus(Status.NEEDS_SYNC, f"{active}_at_destination", "active")
        if moved := drifted(state, fields, state.destination.employee, mapping):
            return SyncStatus(Status.NEEDS_ACTION, DRIFTED, moved[0])
        if field := (goes_back_and_forth(state, fields, mapping) if _is_automatic(state) else None):
            return SyncStatus(Status.NEEDS_ACTION, ALTERNATING, field)
        return SyncStatus(Status.NEEDS_SYNC, "changed" if state.synced_at else "differs")
    if refused := not_taken(state, wanted, state.destination.employee, mapping):
        return SyncStatus(Status.NEEDS_ACTION, "not_taken", refused[0])
    return SyncStatus(Status.SYNCED) if state.synced_at else SyncStatus(Status.NEEDS_SYNC, "never_pushed")
