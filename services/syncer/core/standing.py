"""What the destination lacks, and what status that gives a record."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.syncer.core.case import Case, Fields, Item, Plan, Standing
from shared.contracts.capabilities import creation_problem, mapped_fields
from shared.contracts.records import CompanySettings, Employee, Situation, Status, System

WAITING_REASONS = frozenset({"checking", "directory_being_read"})
RETRYABLE = frozenset(
    {"unavailable", "rate_limited", "unauthorized", "stale", "outcome_unknown", "internal", "cancelled"}
)


def differing(case: Case, source: Employee, destination: Employee) -> Fields:
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
    return _changes(in_json(destination, names), in_json(source, names), names)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]) -> Fields:
    return {n: {"before": before.get(n), "after": after.get(n)} for n in names}


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
    if case.situation is Situation.UNMATCHED and not case.created_before:
        source, destination = case.settings.source(), case.settings.destination()
        assert source is not None
        assert destination is not None
        mapped = mapped_fields(source.system, destination.system, destination.features)
        known = case.source.employee.model_fields_set.difference(case.source.employee.masked)
        values = in_json(case.source.employee, [name for name in mapped if name in known])
        given = {name: value for name, value in values.items() if value is not None}
        return Plan("create", _changes({}, given, list(given)))
    return None


def standing(case: Case, item: Item | None) -> Standing:
    """The record's status while `item` is its open push, by the first rule that applies (architecture §4)."""
    source, settings = case.source, case.settings
    if source is None or settings is None or settings.destination() is None:
        return Standing(Status.NEEDS_SYNC, "checking")
    if source.state == "unreadable":
        return Standing(Status.NEEDS_ACTION, source.reason or "unreadable")
    if item is not None:
        reason = {"waiting": "waiting", "planned": "queued"}.get(item.state, "writing")
        return Standing(Status.SYNCING, reason)
    if source.state == "removed":
        return Standing(Status.NEEDS_ACTION, "deleted_at_source")
    linked = case.situation is Situation.LINKED or case.created
    if not linked and unchecked(case):
        failed = case.link_reason if case.situation is None else ""
        return Standing(Status.FAILED, failed) if failed else Standing(Status.NEEDS_SYNC, "checking")
    if not linked and case.situation is not Situation.UNMATCHED:
        if case.link_reason in WAITING_REASONS:
            return Standing(Status.NEEDS_SYNC, case.link_reason)
        return Standing(Status.NEEDS_ACTION, case.link_reason or "several_matches")
    blocked = _blocked(case, source.employee, settings, linked=linked)
    return blocked or (_linked(case) if linked else _unmatched(case))


def unchecked(case: Case) -> bool:
    """Whether mapper has not answered yet on this version of the record: until it has, nobody is created."""
    return case.situation is None or case.source is None or case.link_source_rev != case.source.rev


def _blocked(case: Case, employee: Employee, settings: CompanySettings, *, linked: bool) -> Standing | None:
    """What stops the record whatever its match: its content, or how the last attempt ended."""
    destination = settings.destination()
    assert destination is not None
    if employee.active is False and not (
        linked and case.destination and case.destination.employee.active is False
    ):
        return Standing(Status.NEEDS_ACTION, "inactive_at_source", "active")
    if problem := creation_problem(employee, System(destination.system), destination.features):
        return Standing(Status.NEEDS_ACTION, *problem)
    if case.failure is not None and (basis := case.basis()) and case.failure.stands(basis):
        reason, concerned = case.failure.reason, case.failure.field
        if reason == "conflict":
            return Standing(Status.HELD, reason, concerned)
        return Standing(Status.FAILED if reason in RETRYABLE else Status.NEEDS_ACTION, reason, concerned)
    return None


def _unmatched(case: Case) -> Standing:
    assert case.settings is not None
    assert case.settings.route is not None
    if case.created_before:
        return Standing(Status.NEEDS_ACTION, "created_before")
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
