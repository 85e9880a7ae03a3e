"""What the destination lacks, and what status that gives a record. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from shared.contracts.capabilities import creation_problem, mapped_fields
from shared.contracts.commands import Selected
from shared.contracts.events import Basis
from shared.contracts.records import FIELDS, Change, CompanySettings, Employee, Situation, Status, System
from shared.errors import MusterError, Unauthorized, Unavailable

WAITING_REASONS = frozenset({"checking", "directory_being_read"})
RETRYABLE = frozenset(
    {"unavailable", "rate_limited", "unauthorized", "stale", "outcome_unknown", "internal", "cancelled"}
)


@dataclass(frozen=True, slots=True)
class Fact:
    """The newest we know of one record of either account."""

    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    state: str
    employee: Employee
    remote_version: str | None
    read_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """How the last attempt ended, and the versions it was made from."""

    reason: str
    field: str | None
    source_rev: int
    link_rev: int | None
    settings_version: int

    def stands(self, basis: Basis) -> bool:
        """Whether nothing has moved since that could make a difference."""
        then = (self.source_rev, self.link_rev, self.settings_version)
        return then == (basis.source_rev, basis.link_rev, basis.settings_version)


@dataclass(frozen=True, slots=True)
class Item:
    """One intended push: an intent (`waiting`), a plan (`planned`), on its way (`sending`), or over (`done`)."""

    item_id: UUID
    record_id: UUID
    account_id: UUID
    state: str
    action: str = ""
    fields: Mapping[str, Change] = field(default_factory=dict)
    basis: Basis | None = None
    automatic: bool = False
    run_id: UUID | None = None
    actor: str | None = None
    lane: str = "bulk"
    attempts: int = 0
    lease_token: int = 0
    call_id: UUID | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that one source record's status depends on."""

    company_id: UUID
    record_id: UUID
    settings: CompanySettings | None
    source: Fact | None
    destination: Fact | None
    situation: Situation | None
    link_rev: int
    link_source_rev: int
    link_reason: str
    destination_record_id: UUID | None
    destination_remote_id: str | None
    created: bool
    """A creation of ours succeeded, and links has not said `linked` yet."""
    unknown_call: UUID | None
    """The call of this record's creation whose outcome is not known."""
    status: Status
    reason: str
    field: str | None
    status_rev: int
    synced_at: datetime | None
    sent: Employee | None
    answered: Employee | None
    failure: Failure | None
    automatic_rev: int | None
    item: Item | None
    directory_read: bool

    def basis(self) -> Basis | None:
        """The versions that a decision made now rests on; None while there is nothing to push to."""
        account = self.settings.destination() if self.settings else None
        if self.source is None or self.settings is None or account is None:
            return None
        return Basis(
            source_rev=self.source.rev,
            destination_rev=self.destination.rev if self.destination else None,
            link_rev=self.link_rev,
            settings_version=self.settings.version,
            destination_account_id=account.account_id,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A status with its reason and the field concerned."""

    status: Status
    reason: str = ""
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be written: `create`, `update` or `no_change`, and per field the value before and after."""

    action: str
    fields: Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class Decision:
    """A case decided: its standing, and what becomes of its push."""

    case: Case
    standing: Standing
    item: Item | None = None
    planned: bool = False
    ended: Item | None = None

    def moved(self) -> bool:
        """Whether people see something else than before."""
        return (self.standing.status, self.standing.reason, self.standing.field) != (
            self.case.status,
            self.case.reason,
            self.case.field,
        )


def replaces(stored: Fact | None, version: str | None, read_at: datetime | None, rev: int) -> bool:
    """Whether a fact of rev `rev` is newer than the stored one, which may be the answer to our own last write."""
    if stored is None:
        return True
    if rev <= stored.rev:
        return False
    old = stored.remote_version
    if old is not None and version is not None and old != version and old.isdigit() and version.isdigit():
        return int(version) > int(old)
    return stored.read_at is None or read_at is None or read_at >= stored.read_at


def differing(case: Case, source: Employee, destination: Employee) -> dict[str, Change]:
    """The mapped fields that the destination lacks.

    A value that is absent or masked at the source never counts, nor one that the destination answered to what we sent.
    An empty value clears only what came from the source before.
    """
    assert case.settings is not None
    from_account, to_account = case.settings.source(), case.settings.destination()
    assert from_account is not None
    assert to_account is not None
    names = []
    for name in mapped_fields(from_account.system, to_account.system, to_account.features):
        wanted, there = getattr(source, name), getattr(destination, name)
        if wanted == there or not source.known(name) or name in destination.masked:
            continue
        sent = getattr(case.sent, name) if case.sent else None
        answered = getattr(case.answered, name) if case.answered else None
        if wanted is None and (sent is None or answered != there):
            continue
        if case.sent is not None and case.answered is not None and sent == wanted and answered == there:
            continue
        names.append(name)
    before, after = in_json(destination, names), in_json(source, names)
    return {name: Change(before=before.get(name), after=after.get(name)) for name in names}


def in_json(employee: Employee, names: Sequence[str]) -> dict[str, Any]:
    """These fields in canonical JSON form."""
    return employee.model_dump(mode="json", include=set(names)) if names else {}


def plan(case: Case) -> Plan | None:
    """What a push made now would write; None while there is nothing to write or nobody to write to."""
    if case.source is None or case.settings is None or case.settings.destination() is None:
        return None
    if case.situation is Situation.LINKED or case.created:
        if case.destination is None or case.destination.state != "present":
            return None
        fields = differing(case, case.source.employee, case.destination.employee)
        return Plan("update" if fields else "no_change", fields)
    if case.situation is Situation.UNMATCHED:
        source, destination = case.settings.source(), case.settings.destination()
        assert source is not None
        assert destination is not None
        employee = case.source.employee
        names = [
            n
            for n in mapped_fields(source.system, destination.system, destination.features)
            if employee.known(n) and getattr(employee, n) is not None
        ]
        values = in_json(employee, names)
        return Plan("create", {name: Change(after=values[name]) for name in names})
    return None


def standing(case: Case) -> Standing:
    """The record's status, by the first rule that applies (architecture §4)."""
    source, settings = case.source, case.settings
    if source is None or settings is None or settings.destination() is None:
        return Standing(Status.NEEDS_SYNC, "checking")
    if source.state == "unreadable":
        return Standing(Status.NEEDS_ACTION, source.reason or "unreadable")
    if case.item is not None:
        reason = {"waiting": "waiting", "planned": "queued"}.get(case.item.state, "writing")
        return Standing(Status.SYNCING, reason)
    if source.state == "removed":
        return Standing(Status.NEEDS_ACTION, "deleted_at_source")
    linked = case.situation is Situation.LINKED or case.created
    if not linked and (case.situation is None or case.link_source_rev != source.rev):
        failed = case.link_reason if case.situation is None else ""
        return Standing(Status.FAILED, failed) if failed else Standing(Status.NEEDS_SYNC, "checking")
    if not linked and case.situation is not Situation.UNMATCHED:
        if case.link_reason in WAITING_REASONS:
            return Standing(Status.NEEDS_SYNC, case.link_reason)
        return Standing(Status.NEEDS_ACTION, case.link_reason or "several_matches")
    blocked = _blocked(case, source.employee, settings, linked=linked)
    return blocked or (_linked(case) if linked else _unmatched(case))


def _blocked(case: Case, employee: Employee, settings: CompanySettings, *, linked: bool) -> Standing | None:
    """What stops the record whatever its match: its content, or how the last attempt ended."""
    destination, basis = settings.destination(), case.basis()
    assert destination is not None
    assert basis is not None
    if employee.active is False and not (
        linked and case.destination and case.destination.employee.active is False
    ):
        return Standing(Status.NEEDS_ACTION, "inactive_at_source", "active")
    if problem := creation_problem(employee, System(destination.system), destination.features):
        return Standing(Status.NEEDS_ACTION, *problem)
    if case.failure is not None and case.failure.stands(basis):
        reason, concerned = case.failure.reason, case.failure.field
        if reason == "conflict":
            return Standing(Status.HELD, reason, concerned)
        return Standing(Status.FAILED if reason in RETRYABLE else Status.NEEDS_ACTION, reason, concerned)
    return None


def _unmatched(case: Case) -> Standing:
    assert case.settings is not None
    assert case.settings.route is not None
    if not case.settings.route.rules.create_missing:
        return Standing(Status.NEEDS_ACTION, "creation_off")
    return Standing(Status.NEEDS_SYNC, "not_pushed" if case.directory_read else "directory_being_read")


def _linked(case: Case) -> Standing:
    assert case.source is not None
    if case.destination is None:
        return Standing(Status.NEEDS_SYNC, "checking")
    if case.destination.state == "removed":
        return Standing(Status.NEEDS_ACTION, "deleted_at_destination")
    if differing(case, case.source.employee, case.destination.employee):
        return Standing(Status.NEEDS_SYNC, "changed" if case.synced_at else "differs")
    return Standing(Status.SYNCED) if case.synced_at else Standing(Status.NEEDS_SYNC, "never_pushed")


def decide(case: Case, asked: Item | None = None) -> Decision:
    """The record's standing; a waiting or newly `asked` push is planned as soon as there is a situation, or ended."""
    item = case.item
    if item is None and asked is None:
        asked = _automatic(case)
    if item is not None and item.state != "waiting":
        return Decision(case, standing(case))
    intent = item or asked
    if intent is None:
        return Decision(case, standing(case))
    without = standing(replace(case, item=None))
    if without.status is Status.NEEDS_SYNC and without.reason in WAITING_REASONS:
        waiting = replace(intent, state="waiting")
        return Decision(case, standing(replace(case, item=waiting)), item=waiting)
    made = plan(case)
    if without.status is Status.NEEDS_ACTION and not (case.failure and without.reason == case.failure.reason):
        made = None
    if made is None:
        return Decision(case, without, ended=replace(intent, state="done", outcome="needs_action"))
    planned = replace(intent, state="planned", action=made.action, fields=made.fields, basis=case.basis())
    return Decision(case, standing(replace(case, item=planned)), item=planned, planned=True)


def _automatic(case: Case) -> Item | None:
    """The push that the rules ask for when a hook or a sweep staged this version (S40: never an import)."""
    settings, source = case.settings, case.source
    if settings is None or source is None or case.automatic_rev != source.rev:
        return None
    account = settings.destination()
    if account is None or settings.route is None or not settings.route.rules.auto_sync:
        return None
    if standing(case).status is not Status.NEEDS_SYNC:
        return None
    item_id = uuid5(case.record_id, f"automatic/{source.rev}")
    return Item(item_id, case.record_id, account.account_id, "waiting", automatic=True, lane="real_time")


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


@dataclass(frozen=True, slots=True)
class Recheck:
    """What a claim finds: go on (perhaps with a newer plan), or stop."""

    item: Item
    replanned: bool = False
    held: bool = False
    ended: bool = False


def recheck(case: Case, item: Item) -> Recheck:
    """Compare the plan with the facts of now.

    Other fields moved: the basis is refreshed. A planned one moved: planned again if automatic, Held if a person asked.
    A creation that has become an update is planned again in any case.
    """
    made = plan(replace(case, item=None))
    basis = case.basis()
    if made is None or basis is None:
        return Recheck(item, ended=True)
    if made.action == item.action and dict(made.fields) == dict(item.fields):
        return Recheck(replace(item, basis=basis))
    if item.automatic or made.action != item.action or not made.fields:
        return Recheck(replace(item, action=made.action, fields=made.fields, basis=basis), replanned=True)
    return Recheck(item, held=True)


def values(item: Item) -> dict[str, Any]:
    """What a creation writes."""
    return {name: change.after for name, change in item.fields.items()}


def still_wanted(item: Item, fresh: Employee) -> tuple[dict[str, Any], str | None]:
    """Compare the plan's `before` with a fresh read: the values still to write, and a field that someone else moved."""
    values = in_json(fresh, list(item.fields))
    wanted = {}
    for name, change in item.fields.items():
        there = values.get(name)
        if there == change.after:
            continue
        if there != change.before:
            return {}, name
        wanted[name] = change.after
    return wanted, None


def sent(case: Case, item: Item) -> Employee:
    """What the destination now holds from us: the source's values, or, if they moved meanwhile, what was planned."""
    assert case.source is not None
    source = case.source.employee
    if item.basis is not None and item.basis.source_rev == case.source.rev:
        return Employee(**{name: getattr(source, name) for name in FIELDS if source.known(name)})
    planned = Employee.model_validate({name: change.after for name, change in item.fields.items()})
    return (case.sent or Employee()).overlaid(planned)


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
