"""The company that the small worlds begin with: its source is Linarc, its destination QuickBooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.contracts.events import SettingsChanged
from shared.domain.ids import account_id
from shared.domain.plans import NO_LIMITS
from shared.domain.settings import Account, CompanySettings, Route, Rules

NAMESPACE = UUID("00000000-0000-0000-0000-00000000cafe")
COMPANY = UUID(int=1)


def account_of(system: str, company: UUID = COMPANY) -> UUID:
    """A company's directory in one system."""
    return account_id(company, system, "test", "1")


SOURCE, DESTINATION = account_of("linarc"), account_of("quickbooks")


def document(
    version: int,
    company: UUID = COMPANY,
    *,
    disconnected: str | None = None,
    active: bool = True,
    routed: bool = True,
    flipped: bool = False,
    payroll: bool = False,
    **rules: Any,
) -> SettingsChanged:
    """A version of its settings; `flipped`, the source is QuickBooks; `payroll`, it has that.

    Nothing is held unless `limits` are given."""
    rules = {"limits": NO_LIMITS, **rules}
    accounts = [
        Account(
            account_id=account_of(system, company),
            system=system,
            environment="test",
            tenant_id="1",
            base_url="http://x",
            connected=system is not disconnected,
            features=("payroll",) if payroll and system == "quickbooks" else (),
        )
        for system in ("linarc", "quickbooks")
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
