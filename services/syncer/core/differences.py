"""In what the destination is not as it should be."""

from collections.abc import Sequence
from typing import Any

from services.syncer.core.drift import is_ignored
from services.syncer.core.state import Fields, RecordState
from shared.domain.employee import Employee
from shared.domain.mapping import FieldMapping, Mode, RouteMapping


def differing(state: RecordState, wanted: Employee, there: Employee, mapping: RouteMapping) -> Fields:
    """The fields in which the destination, as it is `there`, is not as `wanted`; both in the destination's terms.

    A value that is absent or masked on either side never counts, nor one that the destination answered to what we sent.
    An empty value clears only what came from the source before. Someone who is active on one side only becomes there what
    they are at the source, whatever the destination answered before; who is deactivated gets an end date, and nothing else.
    """
    names = [e.destination for e in mapping.carried(wanted) if _differs(state, e, wanted, there, mapping)]
    if {wanted.active, there.active} == {True, False} and not _hides_active(wanted, there):
        names = _with_active(names, wanted, there, mapping)
    return changes(in_json(there, names), in_json(wanted, names), names)


def _with_active(names: list[str], wanted: Employee, there: Employee, mapping: RouteMapping) -> list[str]:
    """Of these differing fields those that go with becoming active or inactive, and `active`; an old end date goes as well."""
    if wanted.active is False:
        return ["active", *(name for name in names if name == "end_date" and wanted.end_date is not None)]
    if mapping.destination.activates_alone:
        return ["active"]
    stale = wanted.known("end_date") and wanted.end_date is None and there.end_date is not None
    return [*names, *(["end_date"] if stale and "end_date" not in names else []), "active"]


def _differs(
    state: RecordState, entry: FieldMapping, wanted: Employee, there: Employee, mapping: RouteMapping
) -> bool:
    """Whether an update writes this field."""
    name = entry.destination
    value, current = getattr(wanted, name), getattr(there, name)
    if not wanted.known(name) or name in there.masked or mapping.same(name, value, current):
        return False
    if is_ignored(state, name, value, current, mapping):
        return False
    if entry.mode is Mode.ON_CREATE or (entry.mode is Mode.ONLY_IF_EMPTY and current is not None):
        return False
    sent = getattr(state.sent, name) if state.sent else None
    answered = getattr(state.answered, name) if state.answered else None
    answer_stands = mapping.same(name, answered, current)
    if value is None and (not entry.may_clear or sent is None or not answer_stands):
        return False
    return not (_was_sent(state, name) and mapping.same(name, sent, value) and answer_stands)


def _was_sent(state: RecordState, name: str) -> bool:
    return state.sent is not None and state.answered is not None and state.sent.known(name)


def not_taken(state: RecordState, wanted: Employee, there: Employee, mapping: RouteMapping) -> Sequence[str]:
    """The fields that the destination answered with another value than we sent, or with none, while neither side has moved.

    They are not sent again until one of them does.
    """
    return [
        name
        for name in (e.destination for e in mapping.carried(wanted))
        if wanted.known(name)
        and _was_sent(state, name)
        and not mapping.same(name, getattr(wanted, name), getattr(there, name))
        and mapping.same(name, getattr(wanted, name), getattr(state.sent, name))
        and mapping.same(name, getattr(there, name), getattr(state.answered, name))
    ]


def _hides_active(*records: Employee) -> bool:
    return any("active" in record.masked for record in records)


def changes(before: dict[str, Any], after: dict[str, Any], names: Sequence[str]) -> Fields:
    """These fields of two records, as a plan has them."""
    return {n: {"before": before.get(n), "after": after.get(n)} for n in names}


def in_json(employee: Employee, names: Sequence[str]) -> dict[str, Any]:
    """These fields in canonical JSON form."""
    return employee.model_dump(mode="json", include=set(names)) if names else {}
