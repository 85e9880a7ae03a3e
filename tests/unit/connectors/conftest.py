"""Both connectors over a transport that answers by function, and a vault in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from shared.clock import SystemClock
from shared.connectors.client import Http
from shared.connectors.limits import Gate
from shared.connectors.linarc import Linarc
from shared.connectors.oauth import Tokens
from shared.connectors.quickbooks import QuickBooks
from shared.connectors.quickbooks.session import Session
from shared.connectors.vault import Credential, Vault
from shared.domain.settings import Account
from shared.errors import Unauthorized

COMPANY, ACCOUNT = UUID(int=1), UUID(int=2)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
REALM = "9130350000000999"
TOKEN_URL = "https://oauth.test/oauth2/v1/tokens/bearer"
Reply = Callable[[httpx.Request], httpx.Response]


@dataclass
class MemoryVault:
    """One credential, its state, and every credential that was kept."""

    credential: Credential
    state: str = "connected"
    problem: str = ""
    kept: list[Credential] = field(default_factory=list)

    leased: bool = False

    async def load(self, company: UUID, account: UUID) -> Credential:
        if self.state != "connected":
            raise Unauthorized("vault", "this account is not connected", state=self.state)
        return self.credential

    async def lease(self, company: UUID, account: UUID, credential: Credential) -> bool:
        if self.leased or credential.version != self.credential.version:
            return False
        self.leased = True
        return True

    async def release(self, company: UUID, account: UUID, credential: Credential) -> None:
        self.leased = False

    async def renew(self, company: UUID, account: UUID, old: Credential, new: Credential) -> bool:
        if old.version != self.credential.version:
            return False
        self.credential = new.model_copy(update={"version": old.version + 1})
        self.state, self.problem, self.leased = "connected", "", False
        self.kept.append(new)
        return True

    async def end(self, company: UUID, account: UUID, refused: Credential, state: str, problem: str) -> bool:
        if refused.version != self.credential.version:
            return False
        self.state, self.problem, self.leased = state, problem, False
        return True


class OpenGate:
    """Lets everybody through, and notes who came."""

    def __init__(self) -> None:
        self.calls: list[dict[str, bool]] = []

    @asynccontextmanager
    async def call(self, **kind: bool) -> AsyncIterator[None]:
        self.calls.append(kind)
        yield

    async def close(self) -> None:
        pass


@dataclass
class World:
    """What was asked, what is answered, and the vault."""

    vault: MemoryVault
    reply: Reply = lambda _: httpx.Response(500)
    asked: list[httpx.Request] = field(default_factory=list)
    gate: OpenGate = field(default_factory=OpenGate)
    features: tuple[str, ...] = ()

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.reply(request)

    def http(self, system: str) -> Http:
        return Http(system, "https://remote.test", httpx.MockTransport(self._handle))

    def quickbooks(self) -> QuickBooks:
        http = self.http("quickbooks")
        tokens = Tokens(cast("Vault", self.vault), COMPANY, ACCOUNT, SystemClock(), http)
        account, clock = self.account("quickbooks"), SystemClock()
        return QuickBooks(Session(http, cast("Gate", self.gate), tokens, account, clock), account, clock)

    def linarc(self) -> Linarc:
        http, gate = self.http("linarc"), cast("Gate", self.gate)
        account = self.account("linarc")
        return Linarc(http, gate, cast("Vault", self.vault), COMPANY, account, SystemClock())

    def account(self, system: str) -> Account:
        return Account(
            account_id=ACCOUNT,
            system=system,
            environment="test",
            tenant_id=REALM if system == "quickbooks" else "t",
            base_url="https://x",
            features=self.features,
        )

    def answers(self, body: Any, status: int = 200, **headers: str) -> None:
        """The same answer to everything."""
        self.reply = lambda _: httpx.Response(status, json=body, headers=headers)


@pytest.fixture
def qbo() -> World:
    credential = Credential(
        system="quickbooks",
        client_id="client",
        client_secret="secret",
        token_url=TOKEN_URL,
        refresh_token="refresh-1",
        access_token="access-1",
        expires_at=LATER,
    )
    return World(MemoryVault(credential))


@pytest.fixture
def lin() -> World:
    return World(MemoryVault(Credential(system="linarc", api_key="key-1")))
