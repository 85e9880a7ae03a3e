"""How QuickBooks writes an employee down, and what of it we may send back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from shared.connectors.client import MASKED, load_record
from shared.connectors.ports import RawRecord, Unread, Write
from shared.contracts.countries import alpha_3
from shared.contracts.records import Employee, Remote

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
_READ_ONLY = ("MetaData", "domain", "sparse", "V4IDPseudonym", "time")
_ADDRESS_READ_ONLY = ("Lat", "Long")
_NOT_WITH_PAYROLL = ("Title", "Suffix", "BillRate", "PrintOnCheckName", "DisplayName")
_NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
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
        wire = load_record(raw.payload)
        values: dict[str, Any] = {name: wire.get(key) for name, key in SCALARS.items()}
        for name, (outer, inner) in NESTED.items():
            values[name] = (wire.get(outer) or {}).get(inner)
        for rate in ("bill_rate", "cost_rate"):
            values[rate] = str(values[rate]) if values[rate] is not None else None
        values["active"] = values["active"] is not False
        meta = wire.get("MetaData") or {}
        updated_at = datetime.fromisoformat(meta["LastUpdatedTime"]) if meta.get("LastUpdatedTime") else None
        employee = Employee.model_validate(values)
    except ValidationError as error:
        return Unread(raw.remote_id, "unreadable", str(error.errors()[0]["loc"][0]), raw.payload.decode())
    except (ValueError, TypeError, AttributeError):
        return Unread(raw.remote_id, "unreadable")
    return Remote(
        remote_id=raw.remote_id,
        version=str(wire["SyncToken"]) if wire.get("SyncToken") is not None else None,
        updated_at=updated_at,
        employee=employee,
        payload=raw.payload.decode(),
    )


def default_name(wire: Mapping[str, Any]) -> str:
    """How QuickBooks makes DisplayName when it is left out."""
    return " ".join(str(wire[part]) for part in _NAME_PARTS if wire.get(part))


def body_of(write: Write, *, payroll: bool) -> dict[str, Any]:
    """A full update sends the whole record back, for what is left out is cleared; only our fields are laid over it.

    A social security number that we never saw survives because its mask goes back; with Payroll on it may not.
    """
    wire: dict[str, Any] = orjson.loads(write.current.payload) if write.current else {}
    for key in _READ_ONLY:
        wire.pop(key, None)
    if wire.pop(MASKED, None):
        wire["SSN"] = _MASK
    before, was_active = default_name(wire), wire.get("Active")
    for name, value in write.fields.items():
        _set(wire, name, value)
    _tidy_address(wire)
    if write.current is None:
        # A rate means nothing while the person is not billable; an existing record's flag is not ours to turn.
        if wire.get("BillRate") is not None:
            wire.setdefault("BillableTime", True)
    elif "display_name" not in write.fields and wire.get("DisplayName"):
        wire["DisplayName"] = _display_name(wire, before, back=was_active is False and wire["Active"] is True)
    if payroll:
        for key in (*_NOT_WITH_PAYROLL, "SSN"):
            wire.pop(key, None)
    return wire


def _display_name(wire: Mapping[str, Any], before: str, *, back: bool) -> str:
    """A name that QuickBooks made follows its parts; who comes back loses the mark of the deleted (§1.5)."""
    shown = str(wire["DisplayName"])
    if back:
        shown = _DELETED.sub("", shown)
    return default_name(wire) if before and shown == before else shown


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
    if value is not None:
        target[key] = value
        return
    target.pop(key, None)
    if name in NESTED and not target:
        del wire[NESTED[name][0]]
