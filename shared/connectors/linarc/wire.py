"""How Linarc writes an employee down, and what of it we send."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.connectors.client import load_record, remote_id_of
from shared.connectors.ports import RawRecord
from shared.connectors.reading import Broken, NoNameError, read_employee
from shared.domain.countries import alpha_3
from shared.domain.employee import Remote, Unread
from shared.systems.linarc import SYSTEM

_ADDRESS = {f"address_{n}": n for n in ("line1", "line2", "city", "state", "postal_code", "country")}
_TO_WIRE = {
    name: name for name in SYSTEM.fields if name not in _ADDRESS and name not in ("active", "state")
} | {
    "number": "employee_number",
    "bill_rate": "hourly_rate",
}
FROM_WIRE = {wire: name for name, wire in _TO_WIRE.items()} | {"state": "state"}
_INACTIVE = frozenset({"suspended", "terminated"})


def parse(raw: RawRecord) -> Remote | Unread:
    """A key that is present is known, null included; one that is absent is not."""
    try:
        wire, payload = load_record(raw.payload)
    except ValueError:
        return Unread(raw.remote_id, "unreadable")
    if remote_id_of(wire, "id") != str(wire["id"]):
        return Unread(raw.remote_id, "unreadable", payload=payload)
    values: dict[str, Any] = {name: wire[key] for key, name in FROM_WIRE.items() if key in wire}
    if "address" in wire:
        address = wire["address"] or {}
        readable = isinstance(address, dict)
        values |= {n: address.get(k) if readable else Broken() for n, k in _ADDRESS.items()}
    if isinstance(wire.get("state"), str):
        values["active"] = wire["state"] not in _INACTIVE
    try:
        employee = read_employee(values, SYSTEM)
    except NoNameError as error:
        return Unread(raw.remote_id, "unreadable", error.field, payload)
    return Remote(
        remote_id=raw.remote_id,
        version=str(wire["etag"]) if wire.get("etag") is not None else None,
        updated_at=_moved_at(wire.get("updated_at")),
        employee=employee,
        payload=payload,
    )


def instant(text: str) -> datetime:
    """A time in UTC. Raises ValueError when it does not say its offset."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without an offset")
    return found.astimezone(UTC)


def _moved_at(text: Any) -> datetime | None:
    """When the record moved, where that can be read."""
    try:
        return instant(text) if isinstance(text, str) else None
    except ValueError:
        return None


def body_of(fields: Mapping[str, object], current: Remote | None) -> dict[str, Any]:
    """The fields that differ. An address goes whole, with what we do not change in it: Linarc replaces it as one value."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _ADDRESS:
            country = name == "address_country" and isinstance(value, str)
            part = alpha_3(str(value)) if country else value
            body.setdefault("address", _address(current))[_ADDRESS[name]] = part
        else:
            amount = name.endswith("_rate") and value is not None
            body[_TO_WIRE[name]] = float(str(value)) if amount else value
    return body


def _address(current: Remote | None) -> dict[str, Any]:
    known = orjson.loads(current.payload).get("address") if current else None
    return dict(known or {})
