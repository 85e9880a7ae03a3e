"""Both systems' sandboxes, in process and over HTTP, each with a connected account of ours."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import httpx
from pydantic import SecretStr

from sandbox.linarc.app import make_app as make_linarc
from sandbox.quickbooks.app import make_app as make_quickbooks
from sandbox.quickbooks.tokens import Client
from sandbox.store import Store
from shared.clock import SystemClock
from shared.connectors.client import Http, guarded
from shared.connectors.limits import Limits
from shared.connectors.linarc import Linarc
from shared.connectors.oauth import Tokens, authorise_url, exchange_code
from shared.connectors.ports import Connector, PreparedCall, Tenant, Write, Written
from shared.connectors.quickbooks import QuickBooks
from shared.connectors.quickbooks.session import Session
from shared.connectors.vault import Credential, Vault
from shared.db.tx import Database
from shared.domain.employee import Remote
from shared.domain.settings import Account
from shared.domain.values import Action
from shared.errors import MusterError, RateLimited, Unavailable
from shared.settings import ApplicationSettings, EgressSettings, LimitSettings, VaultSettings
from tests.support.eventually import eventually

How = Literal["in process", "over HTTP"]
COMPANY, ACCOUNT = UUID(int=1), UUID(int=2)
SCOPES = {"quickbooks": "9130350000000417", "linarc": "stonecourse"}
OTHER_SCOPE = "9130350000000833"
LINARC_KEY = "lin-key-1"
VAULT = VaultSettings(key=SecretStr("bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4="))
BACK = "https://muster.test/back"
HERE = EgressSettings(loopback=True)
ADMIN = "admin"


class InProcess(httpx.ASGITransport):
    """The application called directly; a connection that it cuts is a read that fails."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error)) from error


@dataclass
class Place:
    """Where a sandbox is: its address, and how to get there (None: the network)."""

    url: str
    transport: httpx.AsyncBaseTransport | None


@asynccontextmanager
async def sandbox(system: str, how: How, folder: Path) -> AsyncIterator[Place]:
    """A running sandbox with an empty directory and without limits."""
    if how == "in process":
        store = Store(folder / f"{system}.db")
        if system == "quickbooks":
            app, _ = make_quickbooks(store, [SCOPES[system], OTHER_SCOPE], Client("app", "hush", 3600), ADMIN)
        else:
            app, _ = make_linarc(store, {SCOPES[system]: LINARC_KEY}, ADMIN)
        yield Place("http://localhost:1", InProcess(app))
        store.close()
        return
    async with process(system, folder) as url:
        yield Place(url, None)


@asynccontextmanager
async def process(system: str, folder: Path, *more: str) -> AsyncIterator[str]:
    """A sandbox in a process of its own; its address."""
    port_file = folder / f"{system}.port"
    who = (
        ["--realm", SCOPES[system], "--realm", OTHER_SCOPE, "--client-id", "app", "--client-secret", "hush"]
        if system == "quickbooks"
        else ["--tenant", f"{SCOPES[system]}:{LINARC_KEY}"]
    )
    off = [] if more else ["--limits", "off"]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"sandbox.{system}", "--data", str(folder), "--port-file", str(port_file)),
        *("--admin-token", ADMIN, *who, *off, *more),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:

        async def port() -> str | None:
            assert child.returncode is None, "the sandbox ended"
            return port_file.read_text().strip() if port_file.exists() else None

        yield f"http://127.0.0.1:{await eventually(port, within=30)}"
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


class Side:
    """One connected account, its connector, and the other side of the sandbox."""

    def __init__(self, system: str, place: Place, database: Database, limits: LimitSettings) -> None:
        self.system, self.place, self.database = system, place, database
        self.scope = SCOPES[system]
        self.clock = SystemClock()
        self.vault = Vault(database, VAULT)
        self.limits = Limits(database, limits, self.clock)
        self.account = Account(
            account_id=ACCOUNT,
            system=system,
            environment="sandbox",
            tenant_id=self.scope,
            base_url=place.url,
        )
        self.application = ApplicationSettings(
            client_id="app",
            client_secret=SecretStr("hush"),
            authorise_url=f"{place.url}/connect/oauth2",
            token_url=f"{place.url}/oauth2/v1/tokens/bearer",
            revoke_url=f"{place.url}/v2/oauth2/tokens/revoke",
        )
        self.admin = httpx.AsyncClient(
            base_url=place.url,
            transport=place.transport,
            headers={"X-Sandbox-Admin": ADMIN},
            params={"scope": self.scope},
            trust_env=False,
            timeout=60,
        )
        self.open: list[Connector] = []

    def http(self) -> Http:
        return Http(self.system, self.place.url, self.place.transport or guarded(self.system, HERE))

    def connector(self, *features: str) -> Connector:
        """One more process's connector of the same account."""
        account = self.account.model_copy(update={"features": features})
        gate = self.limits.gate(COMPANY, account)
        made: Connector
        if self.system == "linarc":
            made = Linarc(self.http(), gate, self.vault, COMPANY, account, self.clock)
        else:
            http = self.http()
            tokens = Tokens(self.vault, COMPANY, ACCOUNT, self.clock, http)
            made = QuickBooks(Session(http, gate, tokens, account, self.clock), account, self.clock)
        self.open.append(made)
        return made

    async def connect(self, realm: str | None = None) -> None:
        """As a person would: an API key, or consent on the authorise page and the code that comes back."""
        if self.system == "linarc":
            credential = Credential(system=self.system, api_key=LINARC_KEY)
        else:
            await self.switch(auto_approve=True)
            url = authorise_url(self.application, BACK, "state-1")
            answer = await self.admin.get(url, params={"realm": realm or self.scope, **httpx.URL(url).params})
            back = httpx.URL(answer.headers["location"]).params
            assert back["state"] == "state-1"
            http = self.http()
            credential = await exchange_code(
                http, self.system, self.application, back["code"], BACK, self.clock
            )
            await http.close()
        await self.vault.save(COMPANY, ACCOUNT, credential)

    async def close_connectors(self) -> None:
        for connector in self.open:
            await connector.close()
        self.open.clear()

    async def close(self) -> None:
        await self.close_connectors()
        await self.admin.aclose()

    async def _admin(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = await self.admin.request(
            method, f"/admin{path}", json=body, params={"scope": self.scope, **query}
        )
        assert answer.is_success, answer.text
        return answer.json()

    async def switch(self, **switches: bool | float | str) -> None:
        await self._admin("PUT", "/switches", switches)

    async def company(self, **settings: bool | float | str) -> None:
        await self._admin("PUT", "/company", settings)

    async def faults(self, *rules: Mapping[str, Any]) -> None:
        await self._admin("PUT", "/faults", {"rules": list(rules)})

    async def reset(self) -> None:
        """Nobody there, no faults, and switches as they are at first."""
        await self._admin("POST", "/reset")

    async def seed(self, people: Sequence[Mapping[str, Any]], **query: Any) -> list[str]:
        found = await self._admin("POST", "/seed", {"employees": list(people)}, **query)
        return [str(i) for i in found["ids"]]

    async def edit(self, remote_id: str, **values: Any) -> None:
        await self._admin("PATCH", f"/employees/{remote_id}", values)

    async def merge_away(self, remote_id: str) -> None:
        await self._admin("DELETE", f"/employees/{remote_id}")

    async def forget_pauses(self) -> None:
        """As if the time that a 429 asks for were over."""
        async with self.database.transaction([]) as tx:
            await tx.execute("DELETE FROM vault.rates")

    async def recover(self) -> None:
        """After trouble: connected, and nobody waits."""
        await self.faults()
        await self.forget_pauses()
        (health,) = await self.vault.health(COMPANY)
        if health.state != "connected":
            await self.connect()

    async def rows(self) -> dict[str, dict[str, Any]]:
        """Everybody as the system holds them, by id."""
        found: dict[str, dict[str, Any]] = {}
        after: dict[str, str] = {}
        while True:
            page = await self._admin("GET", "/employees", limit=1000, **after)
            found |= {str(e.get("Id") or e.get("id")): e for e in page["employees"]}
            if not page["next_after_id"]:
                return found
            after = {"after_id": page["next_after_id"]}

    async def calls(self) -> dict[str, int]:
        return dict((await self._admin("GET", "/counts"))["calls"])

    async def admin_get(self, path: str) -> Any:
        return await self._admin("GET", path)

    async def admin_post(self, path: str, **query: str) -> None:
        await self._admin("POST", path, **query)

    def person(
        self, first: str, last: str, number: str | None = None, *, active: bool = True
    ) -> dict[str, Any]:
        """Somebody as the system writes them down."""
        if self.system == "quickbooks":
            found = {"GivenName": first, "FamilyName": last, "EmployeeNumber": number, "Active": active}
        else:
            state = "active" if active else "terminated"
            found = {"first_name": first, "last_name": last, "employee_number": number, "state": state}
        return {k: v for k, v in found.items() if v is not None}


async def send(connector: Connector, key: str, *writes: Write) -> list[Written]:
    """Prepare and send one call."""
    return list(await connector.send(connector.prepare(key, writes)))


async def outcome(connector: Connector, write: Write, key: str = "key-1") -> MusterError | None:
    """The error that one write ends with, raised or answered."""
    try:
        (written,) = await send(connector, key, write)
    except MusterError as error:
        return error
    return written.error


async def until_known(connector: Connector, call: PreparedCall, tries: int = 10) -> list[Written]:
    """Send the same call until every outcome is known."""
    for _ in range(tries):
        try:
            written = list(await connector.send(call))
        except Unavailable:
            continue
        if not any(isinstance(w.error, Unavailable) for w in written):
            return written
    raise AssertionError("an outcome stays unknown")


async def read(connector: Connector, remote_id: str) -> Remote:
    found = (await connector.read_many([remote_id]))[remote_id]
    assert isinstance(found, Remote)
    return found


async def directory(connector: Connector) -> list[Remote]:
    """A full read."""
    cursor, found = None, list[Remote]()
    while True:
        page = await connector.read_page(cursor)
        for parsed in map(connector.parse, page.records):
            assert isinstance(parsed, Remote)
            found.append(parsed)
        if (cursor := page.cursor) is None:
            return found


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to."""

    count: int
    calls: int
    seconds: float


async def push(
    side: Side, people: int, *, processes: int = 1, per_call: int = 30, name: str = "push"
) -> Pushed:
    """Create that many people from several connectors, as the syncer does: calls side by side, again when told to wait.

    A refusal by the system itself ends it.
    """
    loop = asyncio.get_running_loop()
    refused = asyncio.Event()
    waiting = list(range(0, people, per_call))
    ends: list[float] = []
    done = 0

    async def work(connector: Connector) -> None:
        nonlocal done
        while waiting and not refused.is_set():
            start = waiting.pop(0)
            writes = [
                Write(
                    Action.CREATE,
                    str(n),
                    {"first_name": f"{name} {n}", "last_name": "Li", "number": f"{name}-{n}"},
                )
                for n in range(start, min(people, start + per_call))
            ]
            call = connector.prepare(f"{name}-{start}", writes)
            try:
                written = await connector.send(call)
            except RateLimited as error:
                if not error.ours:
                    refused.set()
                    return
                waiting.append(start)
                with suppress(TimeoutError):
                    async with asyncio.timeout(error.retry_after):
                        await refused.wait()
                continue
            done += sum(w.remote is not None for w in written)
            ends.append(loop.time())

    started = loop.time()
    connectors = [side.connector() for _ in range(processes)]
    await asyncio.gather(*(work(c) for c in connectors for _ in range(c.parallel_calls)))
    return Pushed(done, len(ends), max(ends, default=started) - started)


async def _tested(connector: Connector) -> Tenant:
    """As workers do: again when something does not answer in time, never when access is refused."""
    for _ in range(20):
        try:
            return await connector.test()
        except Unavailable:
            continue
    raise AssertionError("it never answers")


async def race(side: Side, *, workers: int, rounds: int) -> list[int]:
    """How many refreshes each round of an expiry took, with that many workers that know nothing of each other."""
    took: list[int] = []
    for _ in range(rounds):
        connectors = [side.connector() for _ in range(workers)]
        await connectors[0].test()
        await side.admin_post("/tokens/expire", kind="access")
        before = (await side.calls()).get("token", 0)
        for tenant in await asyncio.gather(*(_tested(c) for c in connectors)):
            assert tenant.tenant_id == side.scope
        took.append((await side.calls())["token"] - before)
        for connector in connectors:
            await connector.close()
            side.open.remove(connector)
    return took
