"""The life of a push: asked for, planned, compared again when claimed, and sent."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from services.syncer.core.adopting import still_adopts
from services.syncer.core.differences import in_json
from services.syncer.core.ordering import Turn
from services.syncer.core.retrying import waits_for_retry
from services.syncer.core.state import (
    Decision,
    Fields,
    Push,
    PushOutcome,
    PushState,
    RecordState,
    SyncStatus,
)
from services.syncer.core.sync_status import (
    ALTERNATING,
    DRIFTED,
    WAITING_REASONS,
    may_create,
    needs_person,
    plan,
    sync_status,
    unchecked,
)
from shared.contracts.commands import Selected
from shared.domain.employee import Employee
from shared.domain.forms import same as same_value
from shared.domain.values import Action, Lane, Situation, Status
from shared.systems import SYSTEMS

Scales = Mapping[str, int]
"""The decimal places of a system's amounts, by field."""


def decide(state: RecordState, asked: Push | None = None, *, lane: Lane) -> Decision:
    """The record's sync status; a waiting or newly `asked` push is planned as soon as there is a situation, or ended.

    A push that the rules ask for goes in the `lane` of what led to it.
    """
    push = state.push
    if push is None and asked is None:
        asked = _automatic(state, lane)
    if push is not None and push.state is not PushState.WAITING:
        return _retry_over(state, push) or Decision(state, sync_status(state, push))
    intent = push or asked
    if intent is None:
        return Decision(state, sync_status(state, push))
    without = sync_status(state, None)
    account = state.settings.account(intent.account_id) if state.settings else None
    if account is not None and not account.connected:
        return Decision(
            state, without, ended=intent._replace(state=PushState.DONE, outcome=PushOutcome.CANCELLED)
        )
    if without.status is Status.NEEDS_SYNC and without.reason in WAITING_REASONS:
        waiting = intent._replace(state=PushState.WAITING)
        return Decision(state, sync_status(state, waiting), push=waiting)
    linked = state.situation is Situation.LINKED or state.created
    unmatched = without.status is Status.FAILED and not linked and unchecked(state)
    made = None if unmatched else plan(state, automatic=intent.automatic)
    if without.status is Status.NEEDS_ACTION and not _may_push(state, without.reason):
        made = None
    if made is None:
        return Decision(
            state, without, ended=intent._replace(state=PushState.DONE, outcome=PushOutcome.NEEDS_ACTION)
        )
    planned = intent._replace(
        state=PushState.PLANNED, action=made.action, fields=made.fields, basis=state.basis()
    )
    return Decision(state, sync_status(state, planned), push=planned, planned=True)


def _retry_over(state: RecordState, push: Push) -> Decision | None:
    """The end of a push that waits to be retried: disconnected, or what it rests on moved so that it cannot go on."""
    if not waits_for_retry(push):
        return None
    account, basis = state.settings.account(push.account_id) if state.settings else None, state.basis()
    without = sync_status(state, None)
    if account is not None and not account.connected:
        return Decision(
            state, without, ended=push._replace(state=PushState.DONE, outcome=PushOutcome.CANCELLED)
        )
    if state.failure is None or (basis is not None and state.failure.stands(basis)):
        return None
    found = recheck(state, push)
    elsewhere = basis is not None and basis.destination_account_id != push.account_id
    if found.held or found.ended or elsewhere or without.status is Status.NEEDS_ACTION:
        return Decision(
            state, without, ended=push._replace(state=PushState.DONE, outcome=PushOutcome.REPLACED)
        )
    return None


def failed(state: RecordState) -> Decision:
    """A record that a bug keeps from being decided: it shows that, and a push that waits for it ends."""
    over = state.push._replace(state=PushState.DONE, outcome=PushOutcome.FAILED) if state.push else None
    waiting = state.push is not None and state.push.state is PushState.WAITING
    return Decision(state, SyncStatus(Status.FAILED, "internal"), ended=over if waiting else None)


def _automatic(state: RecordState, lane: Lane) -> Push | None:
    """The push that the rules ask for when a hook or a sweep staged this version (S40: never an import)."""
    settings, source = state.settings, state.source
    if settings is None or source is None or state.automatic_rev != source.rev or state.in_plan:
        return None
    account = settings.destination()
    if account is None or settings.route is None or not settings.route.rules.auto_sync:
        return None
    status, reason = sync_status(state, state.push)[:2]
    if status is not Status.NEEDS_SYNC and reason != DRIFTED:  # the other fields are written
        return None
    linked = state.situation is Situation.LINKED or state.created
    if linked and plan(state, automatic=True) is None:
        return None
    push_id = uuid5(state.record_id, f"automatic/{source.rev}")
    push = Push(push_id, state.record_id, account.account_id, PushState.WAITING, automatic=True, lane=lane)
    return isolated(state, push)


def isolated(state: RecordState, push: Push) -> Push:
    """A push after one whose outcome stayed unknown goes alone: what breaks a batch must not break it again."""
    unknown = state.failure is not None and state.failure.reason == "outcome_unknown"
    return push._replace(isolated=True) if unknown else push


def skipped(state: RecordState | None, selected: Selected, *, single: bool) -> str | None:
    """Why a selected record is not pushed, or None.

    One that was chosen by itself (`single`) may also be approved or tried again.
    """
    if state is None or state.source is None:
        return "unknown"
    if state.push is not None and not waits_for_retry(state.push):
        return "held" if state.push.state is PushState.HELD else "already_running"
    if state.source.rev != selected.source_rev or state.status is not selected.status:
        return "moved"
    match state.status:
        case Status.NEEDS_SYNC | Status.FAILED:
            return None
        case Status.SYNCING:
            return "already_running"
        case Status.SYNCED:
            return "synced"
        case Status.HELD:
            return None if single else "held"
        case Status.EXCLUDED:
            return "excluded"
        case Status.NEEDS_ACTION:
            return None if single and _may_push(state, state.reason) else "needs_action"


def _may_push(state: RecordState, reason: str) -> bool:
    """Whether a push may be what a record that needs a person needs: it was refused, or others change the record."""
    return reason in {DRIFTED, ALTERNATING} or (state.failure is not None and reason == state.failure.reason)


class Recheck(NamedTuple):
    """What a claim finds: go on (perhaps with a newer basis or plan), or stop."""

    push: Push
    replanned: bool = False
    held: bool = False
    ended: bool = False


def recheck(state: RecordState, push: Push) -> Recheck:
    """Compare the plan with what is known now.

    Other fields moved: the basis is refreshed. A planned one moved: planned again if automatic, Held if a person asked.
    A creation that has become an update is planned again in any case; who is to be made inactive or active again is Held
    unless that was approved. A first try whose basis still stands keeps its
    plan; a later one may have read the destination afresh, which moves no rev.
    """
    if push.step:
        return Recheck(push)  # what it has begun, it finishes
    basis = state.basis()
    if push.action is Action.ADOPT:
        return Recheck(push, ended=not still_adopts(state, push))
    no_creation = push.action is Action.CREATE and (
        state.created or state.created_before or not may_create(state) or _repeats_a_name(state, push)
    )
    if basis is not None and push.basis == basis and push.attempts == 0 and not no_creation:
        return Recheck(push)
    made = plan(state, automatic=push.automatic)
    if made is None or basis is None:
        return Recheck(push, ended=True)
    if made.action == push.action and same_fields(state, push, made.fields):
        return Recheck(push._replace(basis=basis))
    if made.action != push.action and needs_person(made.action):
        return Recheck(push, held=True)
    if push.automatic or made.action != push.action or not made.fields:
        return Recheck(push._replace(action=made.action, fields=made.fields, basis=basis), replanned=True)
    return Recheck(push, held=True)


def _repeats_a_name(state: RecordState, push: Push) -> bool:
    """Whether this creation asks for a name that somebody has by now."""
    if state.clash is None:
        return False
    return state.clash.instead is None or values(push).get("display_name") != state.clash.instead


def same_fields(state: RecordState, push: Push, fields: Fields) -> bool:
    """Whether a push writes the values of this plan, in their text at most apart."""
    places = scales(state, push)
    return fields.keys() == push.fields.keys() and all(
        same_value(n, fields[n][k], push.fields[n][k], places.get(n))
        for n in fields
        for k in ("before", "after")
    )


def scales(state: RecordState, push: Push) -> Scales:
    """The scales of the account that this push goes to."""
    account = state.settings.account(push.account_id) if state.settings else None
    return SYSTEMS[account.system].scales if account else {}


def pending_create_call(state: RecordState) -> UUID | None:
    """The call of unknown outcome that may have created this record: a push waits for it, unless it has gone elsewhere."""
    return None if state.created or state.situation is Situation.LINKED else state.unknown_call


def values(push: Push) -> dict[str, Any]:
    """What a creation writes."""
    return {name: change["after"] for name, change in push.fields.items()}


def can_be_found(push: Push) -> bool:
    """Whether a look-up can tell that this creation was carried out: equal names alone prove nothing."""
    written = values(push)
    return bool(written.get("number") or written.get("email"))


def remaining_changes(
    push: Push, fresh: Employee, scales: Scales, turn: Turn = Turn.GO
) -> tuple[dict[str, Any], str | None]:
    """Compare the plan's `before` with a fresh read: the values to write now, and a field that someone else moved.

    Amounts are compared at the destination's `scales`. On its way over temporary values a push meets what it has written
    itself.
    """
    values = in_json(fresh, list(push.fields))
    aside = any(
        "via" in c and same_value(n, values.get(n), c["via"], scales.get(n)) for n, c in push.fields.items()
    )
    wanted = {}
    for name, change in push.fields.items():
        there, via, before, after = values.get(name), change.get("via"), change["before"], change["after"]
        if turn is not Turn.BACK and same_value(name, there, after, scales.get(name)):
            continue
        ours = [before] if via is None and turn is not Turn.BACK else [before, via, after]
        if not any(same_value(name, there, value, scales.get(name)) for value in ours):
            if aside:
                continue  # nothing keeps it from giving its temporary values up
            return {}, name
        target = before if turn is Turn.BACK else via if turn is Turn.TEMPORARY and via is not None else after
        if not same_value(name, there, target, scales.get(name)):
            wanted[name] = target
    return wanted, None
