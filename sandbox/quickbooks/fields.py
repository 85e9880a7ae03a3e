"""The fields of QuickBooks' Employee that may be written, and what each of them takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from sandbox.quickbooks import faults
from sandbox.quickbooks.faults import Refused

MASK = "XXX-XX-XXXX"
READ_ONLY = frozenset({"Id", "SyncToken", "domain", "sparse", "V4IDPseudonym", "MetaData"})
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
ADDRESS_LINES = 2000
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
NOT_WITH_PAYROLL = ("SSN", "Title", "Suffix", "BillRate", "PrintOnCheckName")
NEEDED_WITH_PAYROLL = ("City", "CountrySubDivisionCode", "PostalCode")
_FORBIDDEN = re.compile(r"[:\t\n\r]")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:Z|[+-]\d{2}:\d{2})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What XML cannot carry."""
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """The object without nulls, empty strings and objects that hold nothing else; all mean "absent"."""
    kept = {}
    for key, given in value.items():
        found = without_empty(given) if type(given) is dict else given
        if found is not None and found not in ("", {}):
            kept[key] = found
    return kept


def _unsupported(name: str, element: str | None = None) -> Refused:
    detail = f"Property Name:{name} specified is unsupported or invalid"
    return Refused(faults.UNSUPPORTED, detail, name if element is None else element)


def _text(value: object, name: str, limit: int) -> str:
    if not isinstance(value, str):
        raise Refused(faults.UNSUPPORTED, f"Property Name:{name} must be a String", name)
    if len(value) > limit:
        raise _too_long(name, limit, len(value))
    if _CONTROL.search(value):
        raise Refused(faults.CHARACTERS, f"{name} must not contain control characters", name)
    return value


def _too_long(name: str, limit: int, length: int) -> Refused:
    detail = "String length specified does not match the supported length."
    return Refused(faults.TOO_LONG, f"{detail} Min:0 Max:{limit} supported. Supplied length:{length}", name)


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
    """A date, perhaps with a zone (xs:date), which is dropped."""
    found = _DATE.fullmatch(_text(value, name, 100))
    try:
        return date.fromisoformat(found[1] if found else "").isoformat()
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
    found = {}
    for key, given in value.items():
        if key in lengths:
            found[key] = _text(given, f"{name}.{key}", lengths[key])
        elif key not in ("Id", "Lat", "Long", "default"):
            raise _unsupported(key, name)
    return found


def _address(value: object, name: str) -> dict[str, Any]:
    address = _object(value, name, ADDRESS_LENGTHS)
    lines = sum(len(text) for part, text in address.items() if part.startswith("Line"))
    if lines > ADDRESS_LINES:
        raise _too_long(name, ADDRESS_LINES, lines)
    return address


def _phone(value: object, name: str) -> dict[str, Any]:
    return _object(value, name, {"FreeFormNumber": 20})


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
    **dict.fromkeys(("PrimaryPhone", "Mobile"), _phone),
    "PrimaryAddr": _address,
    "PrimaryEmailAddr": _email,
    "Gender": _gender,
    "SSN": _ssn,
}


def checked(body: dict[str, Any], *, payroll: bool, no_name: str) -> dict[str, Any]:
    """The writable fields of a request, or the refusal QuickBooks would give; `no_name` is the code for no name."""
    fields: dict[str, Any] = {}
    for name, value in without_empty(body).items():
        check = CHECKS.get(name)
        if check is not None:
            fields[name] = check(value, name)
        elif name not in READ_ONLY:
            raise _unsupported(name)
    if "GivenName" not in fields and "FamilyName" not in fields:
        detail = "Required parameter GivenName or FamilyName is missing in the request"
        raise Refused(no_name, detail, "GivenName")
    return _for_payroll(fields) if payroll else fields


def _for_payroll(fields: dict[str, Any]) -> dict[str, Any]:
    """With QuickBooks Payroll some fields may not be sent, an address must be, and the shown name is computed."""
    for name in NOT_WITH_PAYROLL:
        if fields.get(name):
            raise _unsupported(name)
        fields.pop(name, None)
    address = fields.get("PrimaryAddr", {})
    for part in NEEDED_WITH_PAYROLL:
        if part not in address:
            detail = f"Required parameter PrimaryAddr.{part} is missing in the request"
            raise Refused(faults.MISSING, detail, f"PrimaryAddr.{part}")
    fields.pop("DisplayName", None)
    return fields
