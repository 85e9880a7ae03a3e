"""How QuickBooks writes an employee down, and what of it we may send back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.connectors.client import MASKED, load_record, remote_id_of
from shared.connectors.ports import RawRecord, Write
from shared.connectors.reading import Broken, NoNameError, read_employee
from shared.domain import display_names
from shared.domain.countries import alpha_3
from shared.domain.display_names import followed
from shared.domain.employee import Remote, Unread
from shared.domain.values import Note
from shared.systems.quickbooks import SYSTEM

SCALARS = {
    "number": "EmployeeNumber",
    "first_name": "GivenName",
    "middle_name": "MiddleName",
    "last_name": "FamilyName",
    "suffix": "Suffix",
    "honorific": "Title",
    "display_name": "DisplayName",
    "bill_rate": "BillRate",
    "cost_rate": "CostRate",
    "billable": "BillableTime",
    "hire_date": "HiredDate",
    "end_date": "ReleasedDate",
    "birth_date": "BirthDate",
    "gender": "Gender",
    "active": "Active",
}
NESTED = {
    "email": ("PrimaryEmailAddr", "Address"),
    "phone": ("PrimaryPhone", "FreeFormNumber"),
    "mobile": ("Mobile", "FreeFormNumber"),
    "address_line1": ("PrimaryAddr", "Line1"),
    "address_line2": ("PrimaryAddr", "Line2"),
    "address_city": ("PrimaryAddr", "City"),
    "address_state": ("PrimaryAddr", "CountrySubDivisionCode"),
    "address_postal_code": ("PrimaryAddr", "PostalCode"),
    "address_country": ("PrimaryAddr", "Country"),
}
FIELDS = {
    **{wire: name for name, wire in SCALARS.items()},
    **{f"{outer}.{inner}": name for name, (outer, inner) in NESTED.items()},
    **{outer: name for name, (outer, _) in NESTED.items() if outer != "PrimaryAddr"},
}
_MORE_LINES = ("Line2", "Line3", "Line4", "Line5")
_AREA = ("address_city", "address_state", "address_postal_code")
_READ_ONLY = ("MetaData", "domain", "sparse", "V4IDPseudonym", "time")
_ADDRESS_READ_ONLY = ("Lat", "Long")
_NOT_WITH_PAYROLL = ("Title", "Suffix", "BillRate", "PrintOnCheckName", "DisplayName")
_MASK = "XXX-XX-XXXX"
_DELETED = re.compile(r"\s*\(deleted(?: \d+)?\)$", re.IGNORECASE)


def literal(text: str) -> str:
    """A string in the query language: backslash escapes quote and backslash; doubling the quote does not (§2.3)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def instant(text: str | None) -> datetime | None:
    """A time in UTC. One without an offset would be the company's own, which we do not know: none."""
    found = datetime.fromisoformat(text) if text else None
    return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None


def parse(raw: RawRecord) -> Remote | Unread:
    """QuickBooks leaves empty fields out, so what it can carry and does not show is null."""
    try:
        wire, payload = load_record(raw.payload)
    except ValueError:
        return Unread(raw.remote_id, "unreadable")
    if remote_id_of(wire, "Id") != str(wire["Id"]):
        return Unread(raw.remote_id, "unreadable", payload=payload)
    values: dict[str, Any] = {name: wire.get(key) for name, key in SCALARS.items()}
    for name, (outer, inner) in NESTED.items():
        part = wire.get(outer) or {}
        values[name] = part.get(inner) if isinstance(part, dict) else Broken()
    values["active"] = values["active"] is not False
    notes = _read_address(wire.get("PrimaryAddr"), values)
    if not values["bill_rate"] and not values["billable"]:
        values["bill_rate"] = None  # QuickBooks shows a rate of 0 where none was ever given
    try:
        employee = read_employee(values, SYSTEM, notes)
    except NoNameError as error:
        return Unread(raw.remote_id, "unreadable", error.field, payload)
    meta = wire.get("MetaData")
    return Remote(
        remote_id=raw.remote_id,
        version=str(wire["SyncToken"]) if wire.get("SyncToken") is not None else None,
        updated_at=_moved_at(meta.get("LastUpdatedTime")) if isinstance(meta, dict) else None,
        employee=employee,
        payload=payload,
    )


def _read_address(address: Any, values: dict[str, Any]) -> tuple[Note, ...]:
    """Five lines are two of ours. City, state and ZIP code are absent, with a note, where an address has lines alone.

    They may stand in the lines then, so their absence must clear nothing elsewhere.
    """
    if not isinstance(address, dict):
        return ()
    more = [address[line] for line in _MORE_LINES if address.get(line)]
    if len(more) > 1 and all(isinstance(line, str) for line in more):
        values["address_line2"] = ", ".join(more)
    elif more:
        values["address_line2"] = next((line for line in more if not isinstance(line, str)), more[0])
    if not (more or address.get("Line1")) or any(values[name] for name in _AREA):
        return ()
    for name in _AREA:
        del values[name]
    return (Note(field="address_city", reason="in_lines"),)


def _moved_at(text: Any) -> datetime | None:
    """When the record moved, where that can be read."""
    try:
        return instant(text) if isinstance(text, str) else None
    except ValueError:
        return None


def default_name(wire: Mapping[str, Any]) -> str:
    """How QuickBooks makes DisplayName when it is left out."""
    return display_names.default_name(_parts(wire))


def _parts(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {part: wire.get(SCALARS[part]) for part in display_names.PARTS}


def body_of(write: Write, *, payroll: bool) -> dict[str, Any]:
    """A full update sends the whole record back, for what is left out is cleared; only our fields are laid over it.

    A social security number that we never saw survives because its mask goes back; with Payroll on it may not.
    """
    wire: dict[str, Any] = orjson.loads(write.current.payload) if write.current else {}
    for key in _READ_ONLY:
        wire.pop(key, None)
    if wire.pop(MASKED, None):
        wire["SSN"] = _MASK
    before, was_active = dict(wire), wire.get("Active")
    for name, value in write.fields.items():
        _set(wire, name, value)
    _tidy_address(wire)
    if write.fields.get("bill_rate") is not None and "billable" not in write.fields:
        wire["BillableTime"] = True  # QuickBooks drops the rate of a person who is not billable
    if write.current is not None:
        _rename(wire, before, write.fields, back=was_active is False and wire["Active"] is True)
    if payroll:
        for key in (*_NOT_WITH_PAYROLL, "SSN"):
            wire.pop(key, None)
    return wire


def _rename(
    wire: dict[str, Any], before: Mapping[str, Any], fields: Mapping[str, object], *, back: bool
) -> None:
    """The names that people see follow their parts where a rule made them, and stay where somebody chose them.

    The name on checks follows the display name where it equalled that. One who comes back loses the mark of the deleted.
    """
    shown, parts = str(before.get("DisplayName") or ""), _parts(before)
    plain = _DELETED.sub("", shown) if back else shown
    if "display_name" not in fields and shown:
        wire["DisplayName"] = followed(plain, parts, _parts(wire))
    check = str(before.get("PrintOnCheckName") or "")
    if check:
        same = check == plain and wire.get("DisplayName")
        wire["PrintOnCheckName"] = wire["DisplayName"] if same else followed(check, parts, _parts(wire))


def _tidy_address(wire: dict[str, Any]) -> None:
    if address := wire.get("PrimaryAddr"):
        for key in _ADDRESS_READ_ONLY:
            address.pop(key, None)
        if not address.keys() - {"Id"}:
            del wire["PrimaryAddr"]


def _set(wire: dict[str, Any], name: str, value: object) -> None:
    if name == "gender" and isinstance(value, str):
        value = value.capitalize()
    if name == "address_country" and isinstance(value, str):
        value = alpha_3(value)
    if name.endswith("_rate") and value is not None:
        value = float(str(value))
    if name in SCALARS:
        target, key = wire, SCALARS[name]
    else:
        outer, key = NESTED[name]
        target = wire[outer] = wire.get(outer) or {}
    if name == "address_line2":
        for line in _MORE_LINES:
            target.pop(line, None)  # they were read as one
    if value is not None:
        target[key] = value
        return
    target.pop(key, None)
    if name in NESTED and not target:
        del wire[NESTED[name][0]]
