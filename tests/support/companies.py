"""The company that the small worlds begin with: its source is Linarc, its destination QuickBooks."""

from __future__ import annotations

from uuid import UUID

from shared.contracts.events import SettingsChanged
from shared.contracts.records import Account, CompanySettings, Route, Rules, System, account_id

NAMESPACE = UUID("00000000-0000-0000-0000-00000000cafe")
COMPANY = UUID(int=1)


def account_of(system: System, company: UUID = COMPANY) -> UUID:
    """A company's directory in one system."""
    return account_id(company, system, "test", "1")


SOURCE, DESTINATION = account_of(System.LINARC), account_of(System.QUICKBOOKS)


def document(
    version: int,
    company: UUID = COMPANY,
    *,
    disconnected: System | None = None,
    active: bool = True,
    routed: bool = True,
    flipped: bool = False,
    **rules: bool,
) -> SettingsChanged:
    """A version of its settings; `flipped`, the source is QuickBooks."""
    accounts = [
        Account(
            account_id=account_of(system, company),
            system=system,
            environment="test",
            tenant_id="1",
            base_url="http://x",
            connected=system is not disconnected,
        )
        for system in (System.LINARC, System.QUICKBOOKS)
    ]
    source, destination = (a.account_id for a in (reversed(accounts) if flipped else accounts))
    route = Route(source=source, destination=destination, rules=Rules(**rules), active=active)
    settings = CompanySettings(
        company_id=company,
        version=version,
        name="x",
        accounts=tuple(accounts),
        route=route if routed else None,
    )
    return SettingsChanged(company_id=company, settings=settings)
