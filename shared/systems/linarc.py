"""Linarc: what it holds, what opens it, and how much it takes. How it is called: `shared.connectors.linarc`."""

from types import MappingProxyType

from shared.domain.capabilities import Capability, Rates, System

_NAME = Capability(100)
_RATE = Capability(scale=2)
_FIELDS = MappingProxyType(
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
        "bill_rate": _RATE,
        "cost_rate": _RATE,
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

SYSTEM = System(
    id="linarc",
    label="Linarc",
    short_label="Linarc",
    connector="shared.connectors.linarc",
    fields=_FIELDS,
    credential=("api_key",),
    hosts=frozenset({"api.linarc.com"}),
    rates=Rates(requests_per_minute=600, requests_per_second=20, concurrent=10),
    payload_shown=frozenset(
        {
            "id",
            "etag",
            "created_at",
            "updated_at",
            "state",
            "masked",
            "employee_number",
            "first_name",
            "middle_name",
            "last_name",
            "suffix",
            "email",
            "phone",
            "mobile",
            "title",
            "department",
            "permission_level",
            "hire_date",
            "end_date",
            "gender",
        }
    ),
    features={},
    unique=("number", "email"),
    activates_alone=True,
)
"""Rates are what our contract for Linarc says, for each company (docs/linarc-api.md)."""
