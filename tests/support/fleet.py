"""The real stack with two copies of the services that decide, and hands on both sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from muster.client import AsyncClient
from muster.demo import Access, Company
from muster.sandboxes import REALMS, TENANTS
from muster.stack import Stack
from tests.support.eventually import eventually


@dataclass(frozen=True, slots=True)
class Fleet:
    """A stack that is up, one signed-in administrator, and the company whose source is Linarc."""

    stack: Stack
    access: Access
    client: AsyncClient
    http: httpx.AsyncClient

    @property
    def company(self) -> Company:
        """From Linarc to QuickBooks."""
        return self.access.companies[0]

    @property
    def path(self) -> str:
        """The company's address in the API."""
        return f"/v1/companies/{self.company.company_id}"

    async def hire(self, **values: Any) -> str:
        """A new person in Linarc, and Muster notified of it; the remote id."""
        url = f"{self.stack.urls['sandbox_linarc']}/api/v1/employees"
        key = {"Authorization": f"Bearer {self.stack.secret('linarc_0')}"}
        answer = await self.http.post(url, json=values, headers=key)
        answer.raise_for_status()
        remote_id = str(answer.json()["id"])
        await self.tell(remote_id)
        return remote_id

    async def edit(self, remote_id: str, **values: Any) -> None:
        """Somebody edits a person in Linarc, and Muster is notified."""
        url = f"{self.stack.urls['sandbox_linarc']}/admin/employees/{remote_id}"
        (await self.http.patch(url, json=values, params={"scope": TENANTS[0]})).raise_for_status()
        await self.tell(remote_id)

    async def tell(self, remote_id: str) -> None:
        """The hint that a record moved."""
        path = f"{self.path}/accounts/{self.company.source}/notifications"
        await self.client.call("POST", path, json={"remote_ids": [remote_id]})

    async def faults(self, *rules: Mapping[str, Any]) -> None:
        """What QuickBooks does wrong from now on."""
        url = f"{self.stack.urls['sandbox_quickbooks']}/admin/faults"
        (await self.http.put(url, json={"rules": list(rules)})).raise_for_status()

    async def creations(self, family: str) -> list[str]:
        """The ids of the employees of this family name that QuickBooks created."""
        url = f"{self.stack.urls['sandbox_quickbooks']}/admin"
        page = (await self.http.get(f"{url}/employees", params={"scope": REALMS[0], "limit": 5000})).json()
        return [e["Id"] for e in page["employees"] if e.get("FamilyName") == family]

    async def quickbooks(self, remote_id: str) -> dict[str, Any]:
        """One employee as QuickBooks holds it."""
        url = f"{self.stack.urls['sandbox_quickbooks']}/admin/employees"
        page = (await self.http.get(url, params={"scope": REALMS[0], "limit": 5000})).json()
        found: dict[str, Any] = next(e for e in page["employees"] if e["Id"] == remote_id)
        return found

    async def record(self, remote_id: str) -> dict[str, Any]:
        """The record of this Linarc id, once Muster shows it."""

        async def ask() -> dict[str, Any] | None:
            after = None
            while True:
                query = {"limit": 500, **({"after": after} if after else {})}
                page = await self.client.call("GET", f"{self.path}/records", params=query)
                for shown in page["items"]:
                    if shown["remote_id"] == remote_id:
                        found: dict[str, Any] = shown
                        return found
                after = page["next"]
                if after is None:
                    return None

        found = await eventually(ask)
        assert found is not None
        return found

    async def becomes(
        self, remote_id: str, *statuses: str, within: float = 40.0, **more: Any
    ) -> dict[str, Any]:
        """The record once it has one of these statuses, settled reasons, and these values."""

        async def ask() -> dict[str, Any] | None:
            record = await self.record(remote_id)
            good = record["status"] in statuses and record["reason"] not in (
                "checking",
                "directory_being_read",
            )
            return record if good and all(record[name] == value for name, value in more.items()) else None

        found = await eventually(ask, within=within)
        assert found is not None
        return found

    async def push(self, *record_ids: str) -> dict[str, Any]:
        """Sync these records and wait for the run's end."""
        run = await self.client.call("POST", f"{self.path}/syncs", json={"record_ids": list(record_ids)})
        return await self.ended(run["run_id"])

    async def push_many(self, company: Company, **chosen: Any) -> str:
        """Plan the sync of these records, or of everything that matches, and apply the plan; the run."""
        there = self.client.company(company.company_id)
        plan = await there.make_plan(**chosen, every=0.1)
        return str((await there.apply_plan(plan)).run_id)

    async def decide(self, record_id: str, **decision: Any) -> None:
        """A person decides who a record is."""
        await self.client.call("POST", f"{self.path}/records/{record_id}/decision", json=decision)

    async def ended(self, run_id: str) -> dict[str, Any]:
        """A run once it is over."""

        async def ask() -> dict[str, Any] | None:
            run: dict[str, Any] = await self.client.call("GET", f"{self.path}/runs/{run_id}")
            return run if run["state"] in ("completed", "failed") else None

        found = await eventually(ask, within=60)
        assert found is not None
        await asyncio.sleep(0)
        return found
