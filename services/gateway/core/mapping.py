"""What people may decide about who is who, and how two records are shown side by side. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from shared.contracts.cases import ComparedField, Decision
from shared.domain.employee import FIELDS
from shared.domain.forms import same

Found = Mapping[str, Any] | None
"""A record as mapper knows it: `side`, `state`, `linked_to`; of a source record `link_rev`, `excluded` and `undo` too."""
_PART_FIELDS: Mapping[str, tuple[str, ...]] = {
    "phone": ("mobile", "phone"),
    "postal_code": ("address_postal_code",),
    "city": ("address_city",),
    "state": ("address_state",),
    "street": ("address_line1",),
    "house_number": ("address_line1",),
    "address": ("address_line1", "address_city"),
}
"""The fields that a part of a score compares, where they are called otherwise."""


def refused_decision(
    kind: Decision, record: Found, found: Found, record_id: UUID, link_rev: int | None = None
) -> tuple[str, str] | None:
    """The problem and its text where a person's decision cannot be carried out as things stand, or None.

    `found` is the destination record that it names, and `link_rev` the version of the match that the person saw.
    """
    if record is None:
        return "not-found", "There is no such record here."
    if record["side"] != "source":
        return "invalid", "Decide about a record of the source of truth."
    if link_rev is not None and link_rev != record["link_rev"]:
        return (
            "conflict",
            "Somebody or something changed this match meanwhile. Look at it again; nothing is lost.",
        )
    if kind in ("include", "undo"):
        return _refused_return(kind, record)
    if record["excluded"]:
        return "conflict", "This record is excluded. Include it again first."
    if kind == "unlink":
        return ("conflict", "This record is linked to nobody.") if record["linked_to"] is None else None
    return None if kind == "exclude" else _refused_match(kind, record, found, record_id)


def _refused_return(kind: Decision, record: Mapping[str, Any]) -> tuple[str, str] | None:
    if kind == "include":
        return None if record["excluded"] else ("conflict", "This record is not excluded.")
    return None if record["undo"] else ("conflict", "There is no decision to take back.")


def _refused_match(
    kind: Decision, record: Mapping[str, Any], found: Found, record_id: UUID
) -> tuple[str, str] | None:
    if record["state"] == "removed":
        return "conflict", "This record is gone from the source."
    if record["state"] == "unreadable":
        return "conflict", "This record cannot be read. Correct it in the source first."
    if kind == "not_same":
        return _refused_pair(found, record_id)
    return _refused_link(found, record_id) if kind == "link" else None


def _refused_pair(found: Found, record_id: UUID) -> tuple[str, str] | None:
    if found is None:
        return "not-found", "There is no such record at the destination."
    if found["side"] != "destination":
        return "invalid", "Name a record of the destination."
    if found["linked_to"] == str(record_id):
        return "conflict", "These two are linked. Unlink them instead."
    return None


def _refused_link(found: Found, record_id: UUID) -> tuple[str, str] | None:
    if found is None:
        return "not-found", "There is no such record at the destination."
    if found["side"] != "destination":
        return "invalid", "Link it to a record of the destination."
    if found["state"] == "removed":
        return "conflict", "That person is gone from the destination."
    if found["linked_to"] not in (None, str(record_id)):
        return "conflict", "That person is linked to another record: `linked_to` says to which."
    return None


def holder(found: Found, record_id: UUID) -> dict[str, str]:
    """Who else holds the destination record, as a member of a problem; empty where nobody does."""
    by = found["linked_to"] if found else None
    return {"linked_to": by} if by and by != str(record_id) else {}


def with_values(parts: Iterable[dict[str, Any]], source: Found, destination: Found) -> list[dict[str, Any]]:
    """A score's parts with the values that they compare. `source` and `destination` hold what the role sees."""
    return [
        part | {"source": _value(part["field"], source), "destination": _value(part["field"], destination)}
        for part in parts
    ]


def _value(field: str, employee: Found) -> str | None:
    values = [employee.get(name) for name in _PART_FIELDS.get(field, (field,))] if employee else []
    texts = dict.fromkeys(text for v in values if (text := shown(v)) is not None)
    return " / ".join(texts) or None


def shown(value: object) -> str | None:
    """A value of canonical JSON as people read it."""
    if value is None:
        return None
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def compare(
    source: Mapping[str, Any], destination: Mapping[str, Any], scales: Mapping[str, int]
) -> list[ComparedField]:
    """Every field that one of the two has a value in, in canonical JSON form; amounts at the destination's `scales`."""
    found = []
    for name in FIELDS:
        here, there = source.get(name), destination.get(name)
        if here is None and there is None:
            continue
        known = here is not None and there is not None
        equal = same(name, here, there, scales.get(name)) if known else None
        found.append(ComparedField(field=name, source=shown(here), destination=shown(there), equal=equal))
    return found
