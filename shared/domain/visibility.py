"""Which fields each role sees. gateway leaves the others out of every answer."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any


class Role(IntEnum):
    """What a person or key may do in one company; each includes the ones before."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @classmethod
    def named(cls, name: str) -> "Role":
        """`viewer`, `operator` or `admin`."""
        return cls[name.upper()]


PRIVATE = frozenset(
    {
        "birth_date",
        "pay_type",
        "bill_rate",
        "cost_rate",
        "address_line1",
        "address_line2",
        "address_city",
        "address_state",
        "address_postal_code",
        "address_country",
    }
)
"""Birth date, pay and home address."""
QUOTING = frozenset({"remote_text"})
"""What a system answered in its own words may quote any value: only who sees every field sees it."""
_HIDDEN = MappingProxyType(
    {Role.VIEWER: PRIVATE, Role.OPERATOR: frozenset[str](), Role.ADMIN: frozenset[str]()}
)
_HIDDEN_STRICTLY = MappingProxyType({**_HIDDEN, Role.OPERATOR: PRIVATE})


def hidden_fields(role: Role, *, from_operators: bool) -> frozenset[str]:
    """The fields that the role does not see; `from_operators` is the installation's choice."""
    return (_HIDDEN_STRICTLY if from_operators else _HIDDEN)[role]


def without(value: Any, hidden: frozenset[str]) -> Any:
    """JSON without the members of these names, at any depth, and then without what may quote them."""
    if not hidden:
        return value
    if isinstance(value, dict):
        hidden |= QUOTING
        return {name: without(inner, hidden) for name, inner in value.items() if name not in hidden}
    if isinstance(value, list):
        return [without(inner, hidden) for inner in value]
    return value


def only(
    payload: Mapping[str, Any], shown: frozenset[str], record_member: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """A system's raw record with these of its members, and the names of the others.

    Of a body that holds the record in its `record_member`, the record alone.
    """
    inner = payload.get(record_member)
    payload = inner if isinstance(inner, dict) else payload
    kept = {name: value for name, value in payload.items() if name in shown}
    return kept, sorted(payload.keys() - kept.keys())
