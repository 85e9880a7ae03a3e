"""What each system can carry, as data. Nothing outside the connectors knows more about a system than this."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from shared.contracts.records import Employee, System


@dataclass(frozen=True, slots=True)
class Capability:
    """One field of one system. `max_length` is in characters."""

    max_length: int | None = None
    writable: bool = True


_NAME = Capability(100)

QUICKBOOKS_FIELDS = MappingProxyType(
    {
        "number": _NAME,
        "first_name": _NAME,
        "middle_name": _NAME,
        "last_name": _NAME,
        "suffix": Capability(16),
        "honorific": Capability(16),
        "display_name": Capability(500),
        "email": _NAME,
        "phone": Capability(20),
        "mobile": Capability(20),
        "bill_rate": Capability(),
        "cost_rate": Capability(),
        "billable": Capability(),
        "hire_date": Capability(),
        "end_date": Capability(),
        "birth_date": Capability(),
        "gender": Capability(),
        "address_line1": Capability(500),
        "address_line2": Capability(500),
        "address_city": Capability(255),
        "address_state": Capability(255),
        "address_postal_code": Capability(30),
        "address_country": Capability(255),
        "active": Capability(),
    }
)

LINARC_FIELDS = MappingProxyType(
    {
        "number": Capability(50),
        "first_name": _NAME,
        "middle_name": _NAME,
        "last_name": _NAME,
        "suffix": Capability(20),
        "email": Capability(254),
        "phone": Capability(40),
        "mobile": Capability(40),
        "title": _NAME,
        "department": _NAME,
        "permission_level": Capability(50),
        "pay_type": Capability(50),
        "bill_rate": Capability(),
        "cost_rate": Capability(),
        "hire_date": Capability(),
        "end_date": Capability(),
        "birth_date": Capability(),
        "gender": Capability(30),
        "address_line1": Capability(500),
        "address_line2": Capability(500),
        "address_city": Capability(255),
        "address_state": Capability(255),
        "address_postal_code": Capability(30),
        "address_country": Capability(255),
        "active": Capability(),
        "state": Capability(writable=False),
    }
)

CAPABILITIES = MappingProxyType({System.QUICKBOOKS: QUICKBOOKS_FIELDS, System.LINARC: LINARC_FIELDS})

NOT_MAPPED = frozenset({"active", "display_name", "state"})
"""Carried by both systems or one, and never copied by the plain mapping: deactivation is a decision of its own."""


PAYROLL = "payroll"
"""QuickBooks Payroll: some fields may not be written any more, and an address must be there (EMP)."""
_NOT_WITH_PAYROLL = frozenset({"honorific", "suffix", "bill_rate", "display_name"})
_NOT_IN_NAMES = frozenset(":\t\n")
_NEEDED_WITH_PAYROLL = ("address_city", "address_state", "address_postal_code")


@cache
def mapped_fields(source: System, destination: System, features: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The fields that a push copies: both systems carry them and the destination, with its features, lets us write them."""
    theirs = CAPABILITIES[destination]
    without = NOT_MAPPED | _NOT_WITH_PAYROLL if PAYROLL in features else NOT_MAPPED
    return tuple(f for f in CAPABILITIES[source] if f in theirs and theirs[f].writable and f not in without)


def creation_problem(
    employee: Employee, destination: System, features: Collection[str] = ()
) -> tuple[str, str | None] | None:
    """Why the destination is bound to refuse this record, as (reason, field), or None."""
    if not (employee.first_name or employee.last_name):
        return "missing_name", "last_name"
    if destination is System.QUICKBOOKS and (problem := _quickbooks_problem(employee, features)):
        return problem
    without = _NOT_WITH_PAYROLL if PAYROLL in features else frozenset()
    for field, most in _lengths(destination, without):
        value = getattr(employee, field)
        if isinstance(value, str) and len(value) > most:
            return "text_too_long", field
    return None


@cache
def _lengths(system: System, without: frozenset[str]) -> tuple[tuple[str, int], ...]:
    fields = CAPABILITIES[system].items()
    return tuple((f, c.max_length) for f, c in fields if c.max_length is not None and f not in without)


def _quickbooks_problem(employee: Employee, features: Collection[str]) -> tuple[str, str] | None:
    names = ("first_name", "middle_name", "last_name")
    for field in names if PAYROLL in features else (*names, "suffix"):
        if not _NOT_IN_NAMES.isdisjoint(getattr(employee, field) or ""):
            return "invalid_name", field
    email = employee.email
    if email is not None and ("@" not in email or "." not in email.rsplit("@", 1)[1]):
        return "invalid_email", "email"
    if PAYROLL in features:
        missing = next((f for f in _NEEDED_WITH_PAYROLL if not getattr(employee, f)), None)
        return ("missing_value", missing) if missing else None
    return None
