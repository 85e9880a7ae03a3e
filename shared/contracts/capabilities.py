"""What each system can carry, as data. Nothing outside the connectors knows more about a system than this."""

from dataclasses import dataclass
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
        "number": _NAME,
        "first_name": _NAME,
        "middle_name": _NAME,
        "last_name": _NAME,
        "suffix": Capability(16),
        "email": Capability(254),
        "phone": Capability(32),
        "mobile": Capability(32),
        "title": _NAME,
        "department": _NAME,
        "permission_level": _NAME,
        "pay_type": Capability(32),
        "bill_rate": Capability(),
        "cost_rate": Capability(),
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
        "state": Capability(writable=False),
    }
)

CAPABILITIES = MappingProxyType({System.QUICKBOOKS: QUICKBOOKS_FIELDS, System.LINARC: LINARC_FIELDS})

NOT_MAPPED = frozenset({"active", "display_name", "state"})
"""Carried by both systems or one, and never copied by the plain mapping: deactivation is a decision of its own."""


def mapped_fields(source: System, destination: System) -> tuple[str, ...]:
    """The fields that a push copies: both systems carry them and the destination lets us write them."""
    theirs = CAPABILITIES[destination]
    return tuple(
        f for f in CAPABILITIES[source] if f in theirs and theirs[f].writable and f not in NOT_MAPPED
    )


def creation_problem(employee: Employee, destination: System) -> tuple[str, str | None] | None:
    """Why the destination is bound to refuse this record, as (reason, field), or None."""
    if not (employee.first_name or employee.last_name):
        return "missing_name", "last_name"
    if destination is System.QUICKBOOKS:
        for field in ("first_name", "middle_name", "last_name", "suffix"):
            if any(c in (getattr(employee, field) or "") for c in ":\t\n"):
                return "invalid_name", field
        email = employee.email
        if email is not None and ("@" not in email or "." not in email.rsplit("@", 1)[1]):
            return "invalid_email", "email"
    for field, capability in CAPABILITIES[destination].items():
        value = getattr(employee, field)
        if (
            capability.max_length is not None
            and isinstance(value, str)
            and len(value) > capability.max_length
        ):
            return "text_too_long", field
    return None
