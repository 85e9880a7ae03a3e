"""Every account's webhook secrets, in memory: a delivery is verified without asking the database."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.gateway.core import Secret, good_secrets
from services.gateway.settings import Settings
from services.gateway.store import webhooks as store
from shared.db.seal import Sealer, SealError
from shared.db.tx import Database, Record
from shared.telemetry.logs import log


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One account whose webhooks are taken."""

    company_id: UUID
    account_id: UUID
    system: str
    tenant_id: str
    secrets: Sequence[Secret]


class Known:
    """The accounts whose webhooks are taken. `refresh` learns what has changed."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._sealer = Sealer(settings.vault.listed())
        self._installation = settings.application.verifiers()
        self._endpoints: dict[UUID, Endpoint] = {}
        self._by_tenant: dict[tuple[str, str], list[Endpoint]] = {}
        self._loaded = False
        self._since: datetime | None = None
        self._turn = asyncio.Lock()

    async def refresh(self) -> None:
        """Learn what has changed since it was asked last. Raises `Unavailable`."""
        async with self._turn:
            async with self._database.system() as tx:
                rows = await store.moved_webhooks(tx, self._since)
            for row in rows:
                self._learn(row)
            by_tenant: defaultdict[tuple[str, str], list[Endpoint]] = defaultdict(list)
            for one in self._endpoints.values():
                by_tenant[one.system, one.tenant_id].append(one)
            self._by_tenant = dict(by_tenant)
            self._loaded = True
            newest = max((row["moved_at"] for row in rows), default=None)
            # a transaction that began earlier may commit later, with the time of its beginning
            self._since = newest - timedelta(seconds=30) if newest else self._since

    def _learn(self, row: Record) -> None:
        if not row["connected"]:
            self._endpoints.pop(row["account_id"], None)
            return
        try:
            secrets = store.open_secrets(self._sealer, row)
        except SealError as error:
            log.error("webhook.secrets", outcome=str(error), account_id=row["account_id"])
            secrets = []
        place = (row["company_id"], row["account_id"], row["system"], row["tenant_id"])
        self._endpoints[row["account_id"]] = Endpoint(*place, secrets)

    async def secrets(self, system: str, account: UUID | None, now: datetime) -> list[str]:
        """What a delivery to this address may be signed with."""
        if not self._loaded:
            await self.refresh()
        if account is None:
            return self._installation
        endpoint = self.find(account)
        return good_secrets(endpoint.secrets, now) if endpoint and endpoint.system == system else []

    def find(self, account: UUID | None) -> Endpoint | None:
        """The endpoint of one account."""
        return self._endpoints.get(account) if account is not None else None

    def of(self, system: str, account: UUID | None, tenant_id: str) -> list[Endpoint]:
        """The accounts that an event of this tenant is for; none for a tenant that nobody has connected."""
        found = self._by_tenant.get((system, tenant_id), ())
        return [one for one in found if account in (None, one.account_id)]
