"""HTTP to the two systems: time limits on everything, no redirects, one error class for each way it can fail."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from shared.clock import Clock
from shared.connectors.ports import Connector
from shared.connectors.vault import Vault
from shared.contracts.records import Account, System
from shared.errors import Unavailable
from shared.telemetry.metrics import REMOTE_CALLS, REMOTE_SECONDS

_TIMEOUT = httpx.Timeout(20, connect=5)
_LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=30)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def checked_url(base_url: str) -> str:
    """The address itself, if it may be called: https, or http on this machine. Raises ValueError."""
    parts = urlsplit(base_url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return base_url.rstrip("/")
    msg = "an account's address is https, or http on this machine only"
    raise ValueError(msg)


class Http:
    """Calls one system."""

    def __init__(
        self, system: System, base_url: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._system = system
        self._client = httpx.AsyncClient(
            base_url=checked_url(base_url),
            timeout=_TIMEOUT,
            limits=_LIMITS,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        writes: bool = False,
        headers: Mapping[str, str],
        **more: Any,
    ) -> httpx.Response:
        """The answer, whatever its status. Raises `Unavailable`; for a write that was sent, with its outcome unknown."""
        started = time.monotonic()
        outcome = "error"
        try:
            response = await self._client.request(method, path, headers=dict(headers), **more)
            outcome = str(response.status_code)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unavailable(f"{self._system}: {type(error).__name__}") from error
        except httpx.TransportError as error:
            raise Unavailable(f"{self._system}: {type(error).__name__}", outcome_unknown=writes) from error
        else:
            return response
        finally:
            REMOTE_CALLS.labels(system=self._system, operation=operation, outcome=outcome).inc()
            REMOTE_SECONDS.labels(system=self._system, operation=operation).observe(
                time.monotonic() - started
            )

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()


class Connectors:
    """One connector an account, kept while its address stays the same."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._open: dict[UUID, tuple[str, Connector]] = {}

    async def get(self, account: Account, company: UUID) -> Connector:
        """The connector of `account`."""
        known = self._open.get(account.account_id)
        if known is not None and known[0] == account.base_url:
            return known[1]
        if known is not None:
            await known[1].close()
        connector = make_connector(account, company, self._vault, self._clock)
        self._open[account.account_id] = (account.base_url, connector)
        return connector

    async def close(self) -> None:
        """Close all of them."""
        for _, connector in self._open.values():
            await connector.close()
        self._open.clear()


def make_connector(account: Account, company: UUID, vault: Vault, clock: Clock) -> Connector:
    """A connector for one account of `company`."""
    from shared.connectors.linarc import Linarc  # noqa: PLC0415  (the systems build on this file)
    from shared.connectors.oauth import Tokens  # noqa: PLC0415
    from shared.connectors.quickbooks import QuickBooks  # noqa: PLC0415

    http = Http(account.system, account.base_url)
    match account.system:
        case System.LINARC:
            return Linarc(http, vault, company, account, clock)
        case System.QUICKBOOKS:
            return QuickBooks(
                http, Tokens(vault, company, account.account_id, clock), account.tenant_id, clock
            )
