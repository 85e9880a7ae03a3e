"""QuickBooks' Employee: what may be written, what is filled in, and how it looks stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import orjson

from sandbox.box import Setting
from sandbox.quickbooks import faults
from sandbox.quickbooks.faults import Refused
from sandbox.store import Row, Store

COMPANY_ZONE = timezone(timedelta(hours=-8))
MASK = "XXX-XX-XXXX"
OTHER_LISTS = ("Customer", "Vendor")
READ_ONLY = frozenset({"domain", "sparse", "V4IDPseudonym", "MetaData"})
LENGTHS = {
    "Title": 16,
    "GivenName": 100,
    "MiddleName": 100,
    "FamilyName": 100,
    "Suffix": 16,
    "DisplayName": 500,
    "PrintOnCheckName": 100,
    "EmployeeNumber": 100,
    "SSN": 100,
}
ADDRESS_LENGTHS = {
    **dict.fromkeys(("Line1", "Line2", "Line3", "Line4", "Line5"), 500),
    "City": 255,
    "CountrySubDivisionCode": 255,
    "PostalCode": 30,
    "Country": 255,
}
NAMES = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix", "DisplayName", "PrintOnCheckName")
ORDER = (
    *NAMES,
    "Active",
    "Organization",
    "SSN",
    "EmployeeNumber",
    "BirthDate",
    "Gender",
    "HiredDate",
    "ReleasedDate",
    "PrimaryAddr",
    "PrimaryPhone",
    "Mobile",
    "PrimaryEmailAddr",
    "BillableTime",
    "BillRate",
    "CostRate",
)
_FORBIDDEN = re.compile(r"[:\t\n\r]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_DELETED = re.compile(r" \(deleted(?: \d+)?\)$", re.IGNORECASE)


def stamp(micros: int) -> str:
    """Company time with its offset, in whole seconds."""
    return datetime.fromtimestamp(micros // 1_000_000, COMPANY_ZONE).isoformat()


def stamp_millis(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, COMPANY_ZONE).isoformat(timespec="milliseconds")


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """The object without nulls, empty strings and objects that hold nothing else; all mean "absent"."""
    kept = {k: without_empty(v) if isinstance(v, dict) else v for k, v in value.items()}
    return {k: v for k, v in kept.items() if v not in (None, "", {})}


def _text(value: object, name: str, limit: int) -> str:
    if not isinstance(value, str):
        raise Refused(faults.UNSUPPORTED, f"Property Name:{name} must be a String", name)
    if len(value) > limit:
        raise Refused(
            faults.TOO_LONG,
            f"String length specified does not match the supported length. Min:0 Max:{limit} supported. "
            f"Supplied length:{len(value)}",
            name,
        )
    return value


def _field_name(value: object, name: str) -> str:
    text = _text(value, name, LENGTHS[name])
    if name in NAMES and _FORBIDDEN.search(text):
        raise Refused(faults.CHARACTERS, f"{name} must not contain a colon, a tab or a newline", name)
    return text


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise Refused(faults.UNSUPPORTED, f"Property Name:{name} must be a Boolean", name)
    return value


def _amount(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(faults.UNSUPPORTED, f"Property Name:{name} must be a Decimal", name)
    return value


def _day(value: object, name: str) -> str:
    try:
        return date.fromisoformat(_text(value, name, 10)).isoformat()
    except ValueError as wrong:
        raise Refused(faults.DATE, f"{name}: {value} is not a date of the form YYYY-MM-DD", name) from wrong


def _gender(value: object, name: str) -> str:
    text = _text(value, name, 100).capitalize()
    if text not in ("Male", "Female"):
        raise Refused(faults.ENUMERATION, f"Invalid Enumeration : {value}", name)
    return text


def _object(value: object, name: str, lengths: dict[str, int]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(faults.UNSUPPORTED, f"Property Name:{name} must be an object", name)
    if unknown := next(
        (k for k in value if k not in lengths and k not in ("Id", "Lat", "Long", "default")), None
    ):
        raise Refused(
            faults.UNSUPPORTED, f"Property Name:{unknown} specified is unsupported or invalid", name
        )
    return {k: _text(v, f"{name}.{k}", lengths[k]) for k, v in value.items() if k in lengths}


def _email(value: object, name: str) -> dict[str, Any]:
    email = _object(value, name, {"Address": 100})
    if not _EMAIL.fullmatch(email.get("Address", "a@b.c")):
        raise Refused(faults.EMAIL, "Enter email addresses in the format someone@xyz.com.", name)
    return email


def _ssn(value: object, name: str) -> str:
    _text(value, name, LENGTHS[name])
    return MASK


CHECKS: dict[str, Callable[[object, str], Any]] = {
    **dict.fromkeys((*NAMES, "EmployeeNumber"), _field_name),
    **dict.fromkeys(("Active", "Organization", "BillableTime"), _flag),
    **dict.fromkeys(("BillRate", "CostRate"), _amount),
    **dict.fromkeys(("BirthDate", "HiredDate", "ReleasedDate"), _day),
    **dict.fromkeys(
        ("PrimaryPhone", "Mobile"), lambda value, name: _object(value, name, {"FreeFormNumber": 20})
    ),
    "PrimaryAddr": lambda value, name: _object(value, name, ADDRESS_LENGTHS),
    "PrimaryEmailAddr": _email,
    "Gender": _gender,
    "SSN": _ssn,
}


def checked(body: dict[str, Any]) -> dict[str, Any]:
    """The writable fields of a request, or the refusal QuickBooks would give."""
    fields: dict[str, Any] = {}
    for name, value in without_empty(body).items():
        check = CHECKS.get(name)
        if check is not None:
            fields[name] = check(value, name)
        elif name not in READ_ONLY and name not in ("Id", "SyncToken"):
            raise Refused(
                faults.UNSUPPORTED, f"Property Name:{name} specified is unsupported or invalid", name
            )
    if "GivenName" not in fields and "FamilyName" not in fields:
        raise Refused(
            faults.MISSING,
            "Required parameter GivenName or FamilyName is missing in the request",
            "GivenName",
        )
    return fields


def _with_names(fields: dict[str, Any]) -> dict[str, Any]:
    if "DisplayName" not in fields:
        joined = " ".join(
            fields[k] for k in ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix") if k in fields
        )
        fields["DisplayName"] = joined or "Employee"
    fields.setdefault("PrintOnCheckName", fields["DisplayName"][: LENGTHS["PrintOnCheckName"]])
    for flag, default in (("Active", True), ("Organization", False), ("BillableTime", False)):
        fields.setdefault(flag, default)
    return fields


def _row(realm: str, num: int, version: int, fields: dict[str, Any], created: int, updated: int) -> Row:
    whole = {
        "Id": str(num),
        "SyncToken": str(version),
        "domain": "QBO",
        "sparse": False,
        "V4IDPseudonym": "002"
        + hashlib.sha1(f"{realm}/{num}".encode(), usedforsecurity=False).hexdigest()[:35],
        "MetaData": {"CreateTime": stamp(created), "LastUpdatedTime": stamp(updated)},
        **{name: fields[name] for name in ORDER if name in fields},
    }
    return Row(
        num,
        version,
        fields["Active"],
        created,
        updated,
        fields["DisplayName"].casefold(),
        None,
        None,
        orjson.dumps(whole),
    )


def list_scope(realm: str, name: str) -> str:
    """Where the store keeps the realm's customers or vendors, who share one name space with its employees."""
    return f"{realm}/{name}"


def _taken(store: Store, realm: str, name: str, num: int | None) -> bool:
    key = name.casefold()
    if store.holder(realm, "name_key", key) not in (None, num):
        return True
    return any(store.holder(list_scope(realm, other), "name_key", key) is not None for other in OTHER_LISTS)


def _free_name(store: Store, realm: str, name: str, num: int | None) -> None:
    if _taken(store, realm, name, num):
        raise faults.duplicate_name()


def created(store: Store, realm: str, body: dict[str, Any]) -> Row:
    """The row a create makes; Id and SyncToken in the body are ignored."""
    fields = _with_names(checked(body))
    _free_name(store, realm, fields["DisplayName"], None)
    num, now = store.next_num(realm), _second(store.now())
    _place(fields, {}, num, 0)
    return _row(realm, num, 0, fields, now, now)


def updated(store: Store, realm: str, body: dict[str, Any], switches: dict[str, Setting]) -> Row:
    """The row after a full update: every writable field left out becomes null.

    With the switch `honour_sparse`, a body with `sparse: true` changes only the fields it names.
    The switch `ssn_survives_omission` keeps a stored SSN that the body leaves out.
    """
    remote_id = str(body.get("Id", ""))
    row = store.get(realm, int(remote_id)) if remote_id.isdecimal() and len(remote_id) < 19 else None
    if row is None:
        raise faults.not_found()
    if body.get("SyncToken") in (None, ""):
        raise Refused(faults.MISSING, "Required parameter SyncToken is missing in the request", "SyncToken")
    if str(body["SyncToken"]) != str(row.version):
        raise faults.stale()
    old = orjson.loads(row.data)
    if switches.get("honour_sparse") and body.get("sparse") is True:
        body = {**old, **body}
    fields = checked(body)
    if "SSN" in old and ("SSN" in fields or switches.get("ssn_survives_omission")):
        fields["SSN"] = MASK
    return _changed(store, realm, row, old, _with_names(fields), store.now())


def _changed(
    store: Store, realm: str, row: Row, old: dict[str, Any], fields: dict[str, Any], now: int
) -> Row:
    if old["Active"] and not fields["Active"]:
        fields["DisplayName"] = _deleted_name(store, realm, fields["DisplayName"], row.num)
    _free_name(store, realm, fields["DisplayName"], row.num)
    _place(fields, old, row.num, row.version + 1)
    return _row(realm, row.num, row.version + 1, fields, row.created_at, _second(now))


def _deleted_name(store: Store, realm: str, name: str, num: int) -> str:
    bare, n = _DELETED.sub("", name), 1
    free = f"{bare} (deleted)"
    while _taken(store, realm, free, num):
        n += 1
        free = f"{bare} (deleted {n})"
    return free


def _place(fields: dict[str, Any], old: dict[str, Any], num: int, version: int) -> None:
    """Give a new or changed address its Id."""
    if "PrimaryAddr" not in fields:
        return
    before = dict(old.get("PrimaryAddr", {}))
    kept = before.pop("Id", None)
    same = kept is not None and before == fields["PrimaryAddr"]
    fields["PrimaryAddr"] = {"Id": kept if same else f"{num}{version:02d}", **fields["PrimaryAddr"]}


def _second(micros: int) -> int:
    return micros // 1_000_000 * 1_000_000


class QuickBooksWire:
    """How the admin calls seed and edit employees."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def seeded(self, scope: str, num: int, employee: dict[str, Any], now: int) -> Row:
        fields = _with_names({k: v for k, v in without_empty(employee).items() if k in CHECKS})
        if "SSN" in fields:
            fields["SSN"] = MASK
        times = employee.get("MetaData", {})
        begun = _micros(times.get("CreateTime")) or _second(now)
        changed = _micros(times.get("LastUpdatedTime")) or _second(now)
        version = int(employee.get("SyncToken") or 0)
        if "Id" not in fields.get("PrimaryAddr", {"Id": ""}):
            _place(fields, {}, num, version)
        return _row(scope, num, version, fields, begun, changed)

    def num(self, remote_id: str) -> int | None:
        return int(remote_id) if remote_id.isdecimal() and len(remote_id) < 19 else None

    def remote_id(self, num: int) -> str:
        return str(num)

    def edited(self, scope: str, row: Row, changes: dict[str, Any], now: int) -> Row:
        old = orjson.loads(row.data)
        fields = {k: v for k, v in without_empty({**old, **changes}).items() if k in CHECKS}
        if "PrimaryAddr" in fields:
            fields["PrimaryAddr"] = {k: v for k, v in fields["PrimaryAddr"].items() if k != "Id"}
        return _changed(self._store, scope, row, old, _with_names(fields), now)


def _micros(text: str | None) -> int | None:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000 if text else None
