"""Edits at both sandboxes, as people there make them; nobody tells Muster but the sandboxes' own webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from muster.demo import Company
from muster.sandboxes import REALMS, TENANTS
from tests.support.fleet import Fleet

FIELDS = {
    "linarc": {"first": "first_name", "last": "last_name", "middle": "middle_name", "mobile": "mobile"},
    "quickbooks": {
        "first": "GivenName",
        "last": "FamilyName",
        "middle": "MiddleName",
        "cheque": "PrintOnCheckName",
    },
}


@dataclass(frozen=True, slots=True)
class Hands:
    """Hands on one company's two systems: `source` and `destination` name them."""

    fleet: Fleet
    company: Company

    @property
    def number(self) -> int:
        """Which of the demo's tenants and realms."""
        return self.fleet.access.companies.index(self.company)

    @property
    def source(self) -> str:
        """The system that is the source of truth."""
        return "linarc" if self.company.direction == "linarc-to-qbo" else "quickbooks"

    @property
    def destination(self) -> str:
        """The other one."""
        return "quickbooks" if self.source == "linarc" else "linarc"

    def scope(self, system: str) -> str:
        """The tenant or realm."""
        return (TENANTS if system == "linarc" else REALMS)[self.number]

    async def edit(self, system: str, remote_id: str, **values: str) -> None:
        """Somebody edits a person."""
        url = f"{self.fleet.stack.urls[f'sandbox_{system}']}/admin/employees/{remote_id}"
        body = {FIELDS[system][name]: value for name, value in values.items()}
        answer = await self.fleet.http.patch(url, json=body, params={"scope": self.scope(system)})
        assert answer.is_success, answer.text

    async def people(self, system: str) -> dict[str, dict[str, Any]]:
        """Everybody as the system holds them, by remote id."""
        url = f"{self.fleet.stack.urls[f'sandbox_{system}']}/admin/employees"
        query = {"scope": self.scope(system), "limit": 5000}
        found = (await self.fleet.http.get(url, params=query)).json()["employees"]
        return {str(one.get("id") or one.get("Id")): one for one in found}

    async def faults(self, system: str, *rules: dict[str, Any]) -> None:
        """What this system does wrong from now on."""
        url = f"{self.fleet.stack.urls[f'sandbox_{system}']}/admin/faults"
        (await self.fleet.http.put(url, json={"rules": list(rules)})).raise_for_status()

    async def records(self) -> dict[str, dict[str, Any]]:
        """Every record that Muster shows, by its id at the source."""
        path, after = f"/v1/companies/{self.company.company_id}/records", None
        found: dict[str, dict[str, Any]] = {}
        while True:
            query = {"limit": 500, **({"after": after} if after else {})}
            page = await self.fleet.client.call("GET", path, params=query)
            found |= {one["remote_id"]: one for one in page["items"]}
            after = page["next"]
            if after is None:
                return found
