"""QuickBooks Online: what it holds, what opens it, and how much it takes. How it is called: `shared.connectors.quickbooks`."""

from types import MappingProxyType

from shared.domain.capabilities import Capability, Feature, Rates, System

PAYROLL = "payroll"
"""QuickBooks Payroll: some fields may not be written any more, and an address must be there (EMP)."""
_NAME = Capability(100)
_COLON = frozenset(":\t\n")
_NAME_PART = Capability(100, without=_COLON)
_RATE = Capability(scale=2)
_FIELDS = MappingProxyType(
    {
        "number": _NAME,
        "first_name": _NAME_PART,
        "middle_name": _NAME_PART,
        "last_name": _NAME_PART,
        "suffix": Capability(16, without=_COLON),
        "honorific": Capability(16),
        "display_name": Capability(500),
        "email": _NAME,
        "phone": Capability(20),
        "mobile": Capability(20),
        "bill_rate": _RATE,
        "cost_rate": _RATE,
        "billable": Capability(),
        "hire_date": Capability(),
        "end_date": Capability(),
        "birth_date": Capability(),
        "gender": Capability(choices=frozenset({"female", "male"})),
        "address_line1": Capability(500),
        "address_line2": Capability(500),
        "address_city": Capability(255),
        "address_state": Capability(255),
        "address_postal_code": Capability(30),
        "address_country": Capability(255),
        "active": Capability(),
    }
)

SYSTEM = System(
    id="quickbooks",
    label="QuickBooks Online",
    short_label="QBO",
    connector="shared.connectors.quickbooks",
    fields=_FIELDS,
    credential=("client_id", "client_secret", "refresh_token", "token_url"),
    hosts=frozenset(
        {
            "quickbooks.api.intuit.com",
            "sandbox-quickbooks.api.intuit.com",
            "oauth.platform.intuit.com",
            "developer.api.intuit.com",
        }
    ),
    rates=Rates(
        requests_per_minute=500,
        requests_per_second=10,
        batches_per_minute=40,
        concurrent=10,
        metered_per_month=500_000,
    ),
    payload_shown=frozenset(
        {
            "Id",
            "SyncToken",
            "MetaData",
            "domain",
            "sparse",
            "status",
            "masked",
            "EmployeeNumber",
            "Title",
            "GivenName",
            "MiddleName",
            "FamilyName",
            "Suffix",
            "DisplayName",
            "PrintOnCheckName",
            "PrimaryEmailAddr",
            "PrimaryPhone",
            "Mobile",
            "Active",
            "Organization",
            "BillableTime",
            "HiredDate",
            "ReleasedDate",
            "Gender",
        }
    ),
    features=MappingProxyType(
        {
            PAYROLL: Feature(
                not_written=frozenset({"honorific", "suffix", "bill_rate", "display_name"}),
                needed=("address_city", "address_state", "address_postal_code"),
            )
        }
    ),
    unique=("display_name",),
    name_lists=("customer", "vendor"),
    batch_items="BatchItemRequest",
    record_member="Employee",
    batch_size=30,
    read_size=200,
    one_webhook=True,
)
"""Rates are Intuit's limits per company and application (page "API call limits and throttles"), Builder tier."""
