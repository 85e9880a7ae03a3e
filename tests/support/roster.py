"""A third system, in memory: everything that adding one takes, in one file. It is its own connector package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson

from shared.clock import Clock
from shared.connectors.client import Http
from shared.connectors.limits import Gate
from shared.connectors.ports import Browsed, NamesPage, Page, PreparedCall, RawRecord, Tenant, Write, Written
from shared.connectors.reading import read_employee
from shared.connectors.vault import Vault
from shared.domain.capabilities import Capability, Rates, System
from shared.domain.employee import Remote, Unread
from shared.domain.settings import Account
from shared.domain.values import Holder
from shared.errors import Unauthorized

KEY = "roster-key"
SYSTEM = System(
    id="roster",
    label="Roster Cloud",
    short_label="Roster",
    connector=__name__,
    fields={
        "number": Capability(12),
        "first_name": Capability(40),
        "last_name": Capability(40),
        "email": Capability(100),
        "bill_rate": Capability(scale=1),
        "active": Capability(),
    },
    credential=("api_key",),
    hosts=frozenset({"roster.example"}),
    rates=Rates(),
    features={},
    payload_shown=frozenset({"first_name", "last_name", "number", "active", "version"}),
)
DIRECTORIES: dict[str, dict[str, dict[str, Any]]] = {}
"""By tenant and id: a person's values by field, with `version`."""


class Roster:
    """One tenant. Implements `ports.Connector`."""

    batch_size = 5
    parallel_calls = 1
    settled_after_seconds = 60.0
    keys_hold_seconds = 60.0

    def __init__(self, gate: Gate, vault: Vault, company: UUID, account: Account) -> None:
        self._gate, self._vault = gate, vault
        self._company, self._account = company, account
        self._people = DIRECTORIES.setdefault(account.tenant_id, {})

    async def test(self) -> Tenant:
        credential = await self._vault.load(self._company, self._account.account_id)
        if credential.api_key != KEY:
            raise Unauthorized(SYSTEM.id, "refused")
        return Tenant(self._account.tenant_id, "A roster")

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        now = datetime.now(UTC)
        async with self._gate.call(bulk=True):
            return Page([self._raw(i) for i in sorted(self._people)], None, now, datetime.now(UTC), now)

    async def browse(self, text: str, cursor: str | None, limit: int) -> Browsed:
        now, start = datetime.now(UTC), int(cursor or 0)
        async with self._gate.call():
            found = [i for i, one in sorted(self._people.items()) if text.lower() in str(one).lower()]
        following = str(start + limit) if start + limit < len(found) else None
        page = [self._raw(i) for i in found[start : start + limit]]
        return Browsed(page, following, len(found), now, datetime.now(UTC))

    def _raw(self, remote_id: str) -> RawRecord:
        payload = orjson.dumps(self._people[remote_id])
        return RawRecord(remote_id, payload, blake2b(payload, digest_size=16).digest())

    def parse(self, raw: RawRecord) -> Remote | Unread:
        values = orjson.loads(raw.payload)
        version = str(values.pop("version"))
        employee = read_employee(values, SYSTEM)
        return Remote(
            remote_id=raw.remote_id,
            version=version,
            updated_at=None,
            employee=employee,
            payload=raw.payload.decode(),
        )

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | Unread]:
        async with self._gate.call():
            return {i: self.parse(self._raw(i)) for i in remote_ids if i in self._people}

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        body = orjson.dumps(
            [[w.current.remote_id if w.current else None, w.fields] for w in writes], default=str
        )
        return PreparedCall(key, "POST", "/people", body.decode(), {}, [w.push_id for w in writes])

    async def send(self, call: PreparedCall, *, again: bool = False) -> Sequence[Written]:
        written = []
        async with self._gate.call():
            for member, (known, fields) in zip(call.members, orjson.loads(call.body), strict=True):
                remote_id = known or f"r{len(self._people) + 1}"
                old = self._people.get(remote_id, {"version": 0})
                self._people[remote_id] = {**old, **fields, "version": old["version"] + 1}
                remote = self.parse(self._raw(remote_id))
                assert isinstance(remote, Remote)
                written.append(Written(member, remote))
        return written

    async def find_created(self, write: Write) -> Remote | None:
        return None

    async def read_names(self, kind: str, cursor: str | None, *, since: datetime | None = None) -> NamesPage:
        return NamesPage([], None, datetime.now(UTC))

    async def find_holders(self, field: str, value: str) -> Sequence[Holder]:
        return []

    async def close(self) -> None:
        await self._gate.close()


def open_connector(
    account: Account,
    company: UUID,
    http: Http,
    gate: Gate,
    vault: Vault,
    clock: Clock,
) -> Roster:
    """A connector for one account."""
    return Roster(gate, vault, company, account)


def hire(tenant: str, remote_id: str, **values: Any) -> None:
    """Somebody comes to a roster, or is edited there."""
    people = DIRECTORIES.setdefault(tenant, {})
    old = people.get(remote_id, {"active": True, "version": 0})
    people[remote_id] = {**old, **values, "version": old["version"] + 1}
