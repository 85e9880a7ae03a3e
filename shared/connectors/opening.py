"""Opens the connector of an account, whatever its system: the package that the system's description names."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast
from uuid import UUID

from shared.clock import Clock
from shared.connectors.client import Http, guarded
from shared.connectors.limits import Limits
from shared.connectors.ports import Connector, Webhooks
from shared.connectors.vault import Vault
from shared.domain.settings import Account
from shared.settings import EgressSettings
from shared.systems import SYSTEMS


def make_connector(
    account: Account, company: UUID, vault: Vault, limits: Limits, clock: Clock, egress: EgressSettings
) -> Connector:
    """A connector for one account of `company`, from `open_connector` of its system's package."""
    http = Http(account.system, account.base_url, guarded(account.system, egress))
    gate = limits.gate(company, account)
    package = import_module(SYSTEMS[account.system].connector)
    connector: Connector = package.open_connector(account, company, http, gate, vault, clock)
    return connector


@cache
def webhooks_of(system: str) -> Webhooks:
    """How a registered system's deliveries are verified and read."""
    return cast("Webhooks", import_module(f"{SYSTEMS[system].connector}.webhooks"))


class Connectors:
    """One connector an account, kept while the account stays as it is."""

    def __init__(self, vault: Vault, limits: Limits, clock: Clock, egress: EgressSettings) -> None:
        self._egress = egress
        self._vault = vault
        self._limits = limits
        self._clock = clock
        self._open: dict[UUID, tuple[Account, Connector]] = {}

    async def get(self, account: Account, company: UUID) -> Connector:
        """The connector of `account`."""
        known = self._open.get(account.account_id)
        if known is not None and known[0] == account:
            return known[1]
        connector = make_connector(account, company, self._vault, self._limits, self._clock, self._egress)
        self._open[account.account_id] = (account, connector)
        if known is not None:
            await known[1].close()
        return connector

    async def close(self) -> None:
        """Close all of them."""
        for _, connector in self._open.values():
            await connector.close()
        self._open.clear()
