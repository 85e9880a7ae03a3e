"""Linarc's employee: what may be written and how it looks stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import orjson

from sandbox.hooks import Kind
from sandbox.linarc.problem import Problem
from sandbox.store import Key, Row, Store

STATES = ("draft", "invited", "active", "suspended", "terminated")
INACTIVE = frozenset({"suspended", "terminated"})
READ_ONLY = frozenset({"id", "etag", "state", "created_at", "updated_at"})
ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")
LENGTHS = {
    "employee_number": 50,
    "first_name": 100,
    "middle_name": 100,
    "last_name": 100,
    "suffix": 20,
    "email": 254,
    "phone": 40,
    "mobile": 40,
    "title": 100,
    "department": 100,
    "permission_level": 50,
    "pay_type": 50,
    "gender": 30,
}
AMOUNTS = ("hourly_rate", "cost_rate")
DAYS = ("hire_date", "end_date", "birth_date")
FIELDS = (*LENGTHS, *AMOUNTS, *DAYS, "address")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def _invalid(name: str, detail: str, code: str = "invalid_value") -> Problem:
    return Problem(422, code, "The employee is not valid", detail, name)


def _text(value: object, name: str) -> str | None:
    if not isinstance(value, str):
        raise _invalid(name, f"{name} must be a text")
    if len(value) > LENGTHS[name]:
        raise _invalid(name, f"{name} is longer than {LENGTHS[name]} characters", "too_long")
    return value.strip() or None


def _email(value: object, name: str) -> str | None:
    text = _text(value, name)
    if text is not None and not _EMAIL.fullmatch(text):
        raise _invalid(name, f"{name} is not an e-mail address", "invalid_email")
    return text


def _amount(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _invalid(name, f"{name} must be a number of 0 or more")
    return value


def _day(value: object, name: str) -> str:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "").isoformat()
    except ValueError as wrong:
        raise _invalid(name, f"{name} must be a date of the form YYYY-MM-DD", "invalid_date") from wrong


def _address(value: object, name: str) -> dict[str, str] | None:
    if not isinstance(value, dict) or not set(value) <= set(ADDRESS):
        raise _invalid(name, f"{name} may hold {', '.join(ADDRESS)} only")
    if not all(isinstance(part, str) for part in value.values() if part is not None):
        raise _invalid(name, f"every part of {name} must be a text")
    kept = {part: value[part] for part in ADDRESS if value.get(part)}
    return kept or None


CHECKS: dict[str, Callable[[object, str], Any]] = {
    **dict.fromkeys(LENGTHS, _text),
    **dict.fromkeys(AMOUNTS, _amount),
    **dict.fromkeys(DAYS, _day),
    "email": _email,
    "address": _address,
}


def checked(body: dict[str, Any]) -> dict[str, Any]:
    """The fields given; None clears one."""
    for name in body:
        if name in READ_ONLY:
            raise _invalid(name, f"{name} is set by Linarc", "read_only_field")
        if name not in CHECKS:
            raise _invalid(name, f"{name} is not a field of an employee", "unknown_field")
    return {name: None if value is None else CHECKS[name](value, name) for name, value in body.items()}


def remote_id(num: int) -> str:
    return f"lin_{num:06d}"


def number_of(employee_id: str) -> int | None:
    digits = employee_id.removeprefix("lin_")
    return int(digits) if digits != employee_id and digits.isdecimal() and len(digits) < 19 else None


def etag(num: int, version: int) -> str:
    return f"{num:x}-{version}"


def stamp(micros: int) -> str:
    """UTC with milliseconds and Z."""
    text = datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def row_of(
    num: int,
    version: int,
    fields: dict[str, Any],
    state: str,
    created: int,
    updated: int,
    former: str | None = None,
) -> Row:
    """The stored row; every field is present, null when it has no value."""
    whole = {
        "id": remote_id(num),
        "etag": etag(num, version),
        **{name: fields.get(name) for name in FIELDS},
        "state": state,
        "created_at": stamp(created),
        "updated_at": stamp(updated),
    }
    number, email = fields.get("employee_number"), fields.get("email")
    return Row(
        num,
        version,
        state not in INACTIVE,
        created,
        updated,
        None,
        number,
        email and email.casefold(),
        orjson.dumps(whole),
        former,
    )


def check_whole(store: Store, tenant: str, fields: dict[str, Any], num: int | None) -> None:
    """Refuse an employee without a name, or with a number or e-mail somebody else has."""
    if not fields.get("first_name") and not fields.get("last_name"):
        raise _invalid("first_name", "an employee needs a first name or a last name", "missing_name")
    unique: tuple[tuple[str, Key, str], ...] = (
        ("employee_number", "number_key", "duplicate_number"),
        ("email", "email_key", "duplicate_email"),
    )
    for name, key, code in unique:
        value = fields.get(name)
        if not value:
            continue
        holder = store.holder(tenant, key, value.casefold() if key == "email_key" else value)
        if holder is not None and holder != num:
            detail = f"{name} already belongs to {remote_id(holder)}"
            raise Problem(409, code, "Another employee has this value", detail, name)


def fields_of(row: Row) -> dict[str, Any]:
    found = orjson.loads(row.data)
    return {name: found.get(name) for name in FIELDS}


def created(store: Store, tenant: str, body: dict[str, Any]) -> Row:
    """A new employee, always a draft."""
    fields = checked(body)
    check_whole(store, tenant, fields, None)
    num, now = store.next_num(tenant), _milli(store.now())
    return row_of(num, 0, fields, "draft", now, now)


def patched(store: Store, tenant: str, row: Row, body: dict[str, Any]) -> Row:
    """Given fields replace, null clears, absent stays."""
    fields = {**fields_of(row), **checked(body)}
    check_whole(store, tenant, fields, row.num)
    now = _milli(store.now())
    return row_of(row.num, row.version + 1, fields, state_of(row), row.created_at, now, row.former)


def deactivated(row: Row, end_date: str, now: int) -> Row:
    """The employee terminated, with the state before kept."""
    before = row.former or state_of(row)
    fields = {**fields_of(row), "end_date": end_date}
    return row_of(row.num, row.version + 1, fields, "terminated", row.created_at, _milli(now), before)


def reactivated(row: Row, now: int) -> Row:
    """The employee as before it was terminated or suspended: who never logged in is a draft again."""
    fields = {**fields_of(row), "end_date": None}
    return row_of(row.num, row.version + 1, fields, row.former or "active", row.created_at, _milli(now))


def moved(row: Row, state: str, now: int) -> Row:
    """The employee in another state, as the administrator or the employee brings it about."""
    former = (row.former or state_of(row)) if state in INACTIVE else None
    return row_of(row.num, row.version + 1, fields_of(row), state, row.created_at, _milli(now), former)


def state_of(row: Row) -> str:
    return str(orjson.loads(row.data)["state"])


def _milli(micros: int) -> int:
    return micros // 1000 * 1000


class LinarcWire:
    """How the admin calls seed and edit employees."""

    def seeded(self, scope: str, num: int, employee: dict[str, Any], now: int) -> Row:
        begun = _micros(employee.get("created_at")) or _milli(now)
        changed = _micros(employee.get("updated_at")) or _milli(now)
        return row_of(num, 0, employee, employee.get("state", "active"), begun, changed)

    def num(self, remote_id: str) -> int | None:
        return number_of(remote_id)

    def remote_id(self, num: int) -> str:
        return remote_id(num)

    def event(self, before: Row | None, row: Row) -> tuple[Kind, str]:
        return ("created" if before is None else "updated"), etag(row.num, row.version)

    def edited(self, scope: str, row: Row, changes: dict[str, Any], now: int) -> Row:
        fields = {**fields_of(row), **{name: value for name, value in changes.items() if name in FIELDS}}
        state = str(changes.get("state", state_of(row)))
        former = (row.former or state_of(row)) if state in INACTIVE else None
        return row_of(row.num, row.version + 1, fields, state, row.created_at, _milli(now), former)


def _micros(text: str | None) -> int | None:
    return round(datetime.fromisoformat(text).timestamp() * 1000) * 1000 if text else None
