"""The life of a push: asked for, planned, compared again when claimed, sent, and what its outcome leaves."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from services.syncer.core.case import Case, Decision, Fact, Failure, Item
from services.syncer.core.standing import WAITING_REASONS, in_json, plan, standing
from shared.contracts.commands import Selected
from shared.contracts.records import FIELDS, Employee, Remote, Situation, Status, record_id
from shared.errors import MusterError, Unauthorized, Unavailable


def decide(case: Case, asked: Item | None = None, *, lane: str) -> Decision:
    """The record's standing; a waiting or newly `asked` push is planned as soon as there is a situation, or ended.

    A push that the rules ask for goes in the `lane` of what led to it.
    """
    item = case.item
    if item is None and asked is None:
        asked = _automatic(case, lane)
    if item is not None and item.state != "waiting":
        return Decision(case, standing(case, item))
    intent = item or asked
    if intent is None:
        return Decision(case, standing(case, item))
    without = standing(case, None)
    account = case.settings.account(intent.account_id) if case.settings else None
    if account is not None and not account.connected:
        return Decision(case, without, ended=intent._replace(state="done", outcome="cancelled"))
    if without.status is Status.NEEDS_SYNC and without.reason in WAITING_REASONS:
        waiting = intent._replace(state="waiting")
        return Decision(case, standing(case, waiting), item=waiting)
    made = plan(case)
    if without.status is Status.NEEDS_ACTION and not (case.failure and without.reason == case.failure.reason):
        made = None
    if made is None:
        return Decision(case, without, ended=intent._replace(state="done", outcome="needs_action"))
    planned = intent._replace(state="planned", action=made.action, fields=made.fields, basis=case.basis())
    return Decision(case, standing(case, planned), item=planned, planned=True)


def _automatic(case: Case, lane: str) -> Item | None:
    """The push that the rules ask for when a hook or a sweep staged this version (S40: never an import)."""
    settings, source = case.settings, case.source
    if settings is None or source is None or case.automatic_rev != source.rev:
        return None
    account = settings.destination()
    if account is None or settings.route is None or not settings.route.rules.auto_sync:
        return None
    if standing(case, case.item).status is not Status.NEEDS_SYNC:
        return None
    item_id = uuid5(case.record_id, f"automatic/{source.rev}")
    item = Item(item_id, case.record_id, account.account_id, "waiting", automatic=True, lane=lane)
    return careful(case, item)


def careful(case: Case, item: Item) -> Item:
    """A push after one whose outcome stayed unknown goes alone: what breaks a batch must not break it again."""
    unknown = case.failure is not None and case.failure.reason == "outcome_unknown"
    return item._replace(alone=True) if unknown else item


def skipped(case: Case | None, selected: Selected, *, alone: bool) -> str | None:
    """Why a selected record is not pushed, or None. One that was chosen `alone` may also be approved or tried again."""
    if case is None or case.source is None:
        return "unknown"
    if case.item is not None:
        return "already_running"
    if case.source.rev != selected.source_rev or case.status is not selected.status:
        return "moved"
    match case.status:
        case Status.NEEDS_SYNC | Status.FAILED:
            return None
        case Status.SYNCING:
            return "already_running"
        case Status.SYNCED:
            return "synced"
        case Status.HELD:
            return None if alone else "held"
        case Status.NEEDS_ACTION:
            return (
                None
                if alone and case.failure is not None and case.reason == case.failure.reason
                else "needs_action"
            )


class Recheck(NamedTuple):
    """What a claim finds: go on (perhaps with a newer basis or plan), or stop."""

    item: Item
    replanned: bool = False
    held: bool = False
    ended: bool = False


def recheck(case: Case, item: Item) -> Recheck:
    """Compare the plan with the facts of now.

    Other fields moved: the basis is refreshed. A planned one moved: planned again if automatic, Held if a person asked.
    A creation that has become an update is planned again in any case. A first try whose basis still stands keeps its
    plan; a later one may have read the destination afresh, which moves no rev.
    """
    basis = case.basis()
    made_since = item.action == "create" and (case.created or case.created_before)
    if basis is not None and item.basis == basis and item.attempts == 0 and not made_since:
        return Recheck(item)
    made = plan(case)
    if made is None or basis is None:
        return Recheck(item, ended=True)
    if made == (item.action, item.fields):
        return Recheck(item._replace(basis=basis))
    if item.automatic or made.action != item.action or not made.fields:
        return Recheck(item._replace(action=made.action, fields=made.fields, basis=basis), replanned=True)
    return Recheck(item, held=True)


def awaited(case: Case) -> UUID | None:
    """The call of unknown outcome that may have created this record: a push waits for it, unless it has gone elsewhere."""
    return None if case.created or case.situation is Situation.LINKED else case.unknown_call


def values(item: Item) -> dict[str, Any]:
    """What a creation writes."""
    return {name: change["after"] for name, change in item.fields.items()}


def can_be_found(item: Item) -> bool:
    """Whether a look-up can tell that this creation was carried out: equal names alone prove nothing."""
    written = values(item)
    return bool(written.get("number") or written.get("email"))


def still_wanted(item: Item, fresh: Employee) -> tuple[dict[str, Any], str | None]:
    """Compare the plan's `before` with a fresh read: the values still to write, and a field that someone else moved."""
    values = in_json(fresh, list(item.fields))
    wanted = {}
    for name, change in item.fields.items():
        there = values.get(name)
        if there == change["after"]:
            continue
        if there != change["before"]:
            return {}, name
        wanted[name] = change["after"]
    return wanted, None


def source_rev(case: Case, item: Item) -> int:
    """The version of the source record that this push carries."""
    assert case.source is not None
    return item.basis.source_rev if item.basis else case.source.rev


def exchanged(
    case: Case, item: Item, there: Employee, *, same: bool, looked_up: bool = False
) -> tuple[Employee, Employee]:
    """What this push gave the destination, and what that made of it, added to what is kept of the `same` record.

    A field counts when it was planned, or when both are equal; another's value is no answer to ours, and neither is what
    a look-up found.
    """
    assert case.source is not None
    given = case.source.employee
    if item.basis is None or item.basis.source_rev != case.source.rev:
        given = Employee.model_validate(values(item))
    planned = () if looked_up else item.fields
    names = [
        n
        for n in FIELDS
        if given.known(n) and (n in planned or (there.known(n) and getattr(given, n) == getattr(there, n)))
    ]
    sent, answered = (given.only(names), there.only(names))
    if same:
        sent = (case.sent or Employee()).overlaid(sent)
        answered = (case.answered or Employee()).overlaid(answered)
    return sent, answered


def answered(item: Item, remote: Remote, at: datetime) -> Fact:
    """The destination record as it was answered; importer's rev for it is not known yet."""
    there = record_id(item.account_id, remote.remote_id)
    return Fact(there, item.account_id, remote.remote_id, 0, "present", remote.employee, remote.version, at)


def succeeded(
    case: Case,
    item: Item,
    there: Fact,
    known: Fact,
    *,
    action: str,
    at: datetime,
    taken: bool = False,
    looked_up: bool = False,
) -> Case:
    """The case after the destination answered `there`; `known` is the newest that is known of that record.

    A link made meanwhile stays: of this record to another one, or of another record to what was created (`taken`).
    """
    over = _without(case, item)
    linked = case.situation is Situation.LINKED
    if (linked and case.destination_record_id != there.record_id) or (action == "create" and taken):
        return over._replace(created_before=True)
    same = case.destination_record_id == there.record_id
    gave, got = exchanged(case, item, there.employee, same=same, looked_up=looked_up)
    newer = case.automatic_rev is not None and case.automatic_rev > source_rev(case, item)
    return over._replace(
        destination=known,
        destination_record_id=there.record_id,
        destination_remote_id=there.remote_id,
        created=case.created or (action == "create" and not linked),
        unknown_call=None,
        synced_at=at,
        sent=gave,
        answered=got,
        failure=None,
        automatic_rev=case.automatic_rev if newer else None,
    )


def ended(case: Case, item: Item, reason: str | None, concerned: str | None) -> Case:
    """The case after this push ended otherwise; `reason` stands until something moves."""
    over, basis = _without(case, item), case.basis()
    if reason is None or basis is None:
        return over
    failure = Failure(reason, concerned, basis.source_rev, basis.link_rev, basis.settings_version)
    return over._replace(failure=failure)


def postponed(case: Case, item: Item) -> Case:
    """The case while this push waits to be tried again."""
    return _without(case, item)._replace(item=item._replace(state="planned"))


def _without(case: Case, item: Item) -> Case:
    return case._replace(item=None) if case.item and case.item.item_id == item.item_id else case


def leaves_unknown(error: MusterError, *, again: bool) -> bool:
    """Whether a call may have been carried out, after this error of its first sending or of a repetition.

    What kept a repetition from being sent or judged says nothing about the sending before it.
    """
    if again and isinstance(error, Unavailable | Unauthorized):
        return True
    return isinstance(error, Unavailable) and error.outcome_unknown


def backoff_seconds(first: float, attempts: int) -> float:
    """Doubling pauses between tries."""
    return float(min(60.0, first * 2 ** max(0, attempts - 1)))
