"""A person's years in both systems, in each direction: imported, mapped by hand, renamed, gone and back; and one left out."""

from __future__ import annotations

from typing import Any

import pytest

from muster.sandboxes import REALMS, TENANTS
from tests.support.command import muster
from tests.support.console import Side
from tests.support.eventually import eventually
from tests.support.fleet import Fleet

both_directions = pytest.mark.parametrize(
    "career", [0, 1], ids=["linarc-to-qbo", "qbo-to-linarc"], indirect=True
)


class Career:
    """One person at the source and at the destination, as their systems and Muster hold them."""

    def __init__(self, side: Side) -> None:
        self.side, self.fleet = side, side.fleet
        self.path = f"/v1/companies/{side.company.company_id}"
        self.remote = ""
        systems = ("linarc", "quickbooks")
        self.source, self.destination = systems if side.number == 0 else systems[::-1]

    async def call(self, method: str, path: str, **more: Any) -> Any:
        """Muster's public API."""
        return await self.fleet.client.call(method, f"{self.path}{path}", **more)

    async def change(self, **values: Any) -> None:
        """Somebody edits the person at the source."""
        scope = (TENANTS if self.source == "linarc" else REALMS)[self.side.number]
        url = f"{self.fleet.stack.urls[f'sandbox_{self.source}']}/admin/employees/{self.remote}"
        answer = await self.fleet.http.patch(url, json=values, params={"scope": scope})
        assert answer.is_success, answer.text

    async def edit(self, **values: Any) -> None:
        """Somebody edits the person at the source, and an operator imports them again."""
        await self.change(**values)
        await self.call("POST", "/imports", json={"mode": "selected", "remote_ids": [self.remote]})

    @property
    def last_name(self) -> str:
        """The field of the source."""
        return "last_name" if self.source == "linarc" else "FamilyName"

    async def rename(self, last: str) -> None:
        """A married name."""
        await self.edit(**{self.last_name: last})

    async def join(self, first: str, last: str) -> str:
        """Somebody else comes to the source, and its webhook says so; the id there."""
        here = self.remote
        (joined,) = await self.side.hire((first, "Arriving"))
        self.remote = joined
        await self.change(**{self.last_name: last})
        self.remote = here
        return joined

    async def let_in(self, remote_id: str, last: str) -> None:
        """A change is staged once the importer has heard of the rules that let it in; until then it is told again."""

        async def ask() -> bool:
            await self.call(
                "POST",
                f"/accounts/{self.side.company.source}/notifications",
                json={"remote_ids": [remote_id]},
            )
            return bool((await self.call("GET", "/records", params={"q": last}))["total"])

        await eventually(ask, within=90, every=1.0)

    async def employ(self, *, active: bool) -> None:
        """Leaves, or comes back."""
        state = "active" if active else "terminated"
        await self.edit(**({"state": state} if self.source == "linarc" else {"Active": active}))

    async def becomes(self, q: str, status: str, reason: str | None = None) -> dict[str, Any]:
        """The one record with this in its name, once it has this status and reason."""

        async def ask() -> dict[str, Any] | None:
            found = (await self.call("GET", "/records", params={"q": q}))["items"]
            good = [r for r in found if r["status"] == status and reason in (None, r["reason"])]
            return good[0] if good and len(found) == 1 else None

        found = await eventually(ask, within=90)
        assert found is not None
        self.remote = found["remote_id"]
        return found

    async def push(self, record: dict[str, Any]) -> None:
        """Sync to Destination, for this one."""
        await self.call("POST", "/syncs", json={"record_ids": [record["record_id"]]})

    async def people(self) -> list[dict[str, Any]]:
        """Everybody at the destination."""
        scope = (TENANTS if self.destination == "linarc" else REALMS)[self.side.number]
        url = f"{self.fleet.stack.urls[f'sandbox_{self.destination}']}/admin/employees"
        found: list[dict[str, Any]] = (
            await self.fleet.http.get(url, params={"scope": scope, "limit": 5000})
        ).json()["employees"]
        return found

    async def count(self, last: str) -> int:
        """How many there have this last name."""
        return sum(last in (one.get("last_name"), one.get("FamilyName")) for one in await self.people())

    async def there(self, remote_id: str) -> tuple[str, bool]:
        """The last name at the destination, and whether the person is active there."""
        one = next(e for e in await self.people() if str(e.get("id") or e.get("Id")) == remote_id)
        if self.destination == "linarc":
            return one["last_name"], one["state"] not in ("suspended", "terminated")
        return one["FamilyName"], one["Active"]

    async def stands(self, remote_id: str, last: str, *, active: bool) -> None:
        """The destination holds the person like this."""

        async def ask() -> bool:
            return await self.there(remote_id) == (last, active)

        assert await eventually(ask, within=60)


@pytest.fixture
def career(request: pytest.FixtureRequest, staging: Fleet) -> Career:
    return Career(Side(staging, staging.access.companies[request.param]))


@both_directions
@pytest.mark.behaviour("S28", "S56", "S57", "S59", "S60", "S61", "S62")
async def test_a_career_from_import_to_rehire_keeps_to_one_destination_record(career: Career) -> None:
    name = ("Katalin", "Brenninkmeyer")
    await career.side.known(name)
    (known,) = (await career.call("GET", "/directory", params={"q": "brenninkmeier"}))["items"]
    await career.side.hire(name)
    await career.call("POST", "/imports", json={"mode": "new"})
    record = await career.becomes("brenninkmeyer", "needs_action")
    place = f"/records/{record['record_id']}"

    (case,) = (await career.call("GET", "/cases", params={"q": "brenninkmeyer"}))["items"]
    assert case["first"]["record_id"] == known["record_id"] and case["reason_text"]
    asked = await career.call("GET", f"{place}/candidates")
    best = asked["candidates"][0]
    assert best["bits"] == round(best["start"] + sum(p["bits"] for p in best["parts"]), 2)
    assert asked["could_change"] and {p["field"]: p["source"] for p in best["parts"]}["last_name"] == name[1]
    compared = await career.call("GET", f"{place}/compare/{known['record_id']}")
    assert {f["field"]: f["equal"] for f in compared["fields"]}["last_name"] is True

    link = {"decision": "link", "destination_record_id": known["record_id"], "link_rev": case["link_rev"]}
    await career.call("POST", f"{place}/decision", json=link)
    await career.push(await career.becomes("brenninkmeyer", "needs_sync"))
    synced = await career.becomes("brenninkmeyer", "synced")
    assert synced["destination_remote_id"] == known["remote_id"]

    await career.rename("Vandersloot")
    await career.push(await career.becomes("vandersloot", "needs_sync", "changed"))
    await career.stands(known["remote_id"], "Vandersloot", active=True)
    await career.becomes("vandersloot", "synced")

    await career.employ(active=False)
    await career.push(await career.becomes("vandersloot", "needs_sync", "active_at_destination"))
    await career.stands(known["remote_id"], "Vandersloot", active=False)

    await career.employ(active=True)
    await career.push(await career.becomes("vandersloot", "needs_sync", "inactive_at_destination"))
    await career.stands(known["remote_id"], "Vandersloot", active=True)
    await career.becomes("vandersloot", "synced")

    (pair,) = (await career.call("GET", "/links", params={"q": "vandersloot"}))["items"]
    assert (pair["origin"], pair["destination"]["remote_id"]) == ("manual", known["remote_id"])
    timeline = (await career.call("GET", f"{place}/timeline"))["items"]
    (made,) = (e for e in timeline if e["type"] == "decision.made")
    assert made["actor"] and made["detail"]["decision"] == "link"


@pytest.mark.parametrize("career", [0], ids=["linarc-to-qbo"], indirect=True)
async def test_who_is_left_out_is_never_pushed_until_included_again(career: Career) -> None:
    await career.side.hire(("Ottoline", "Featherstonehaugh"))
    await career.call("POST", "/imports", json={"mode": "new"})
    record = await career.becomes("featherstonehaugh", "needs_sync", "not_pushed")
    place = f"/records/{record['record_id']}"
    before = (await career.call("GET", "/records"))["counts"].get("excluded", 0)
    await career.call(
        "POST", f"{place}/decision", json={"decision": "exclude", "reason": "Is paid elsewhere"}
    )
    await career.becomes("featherstonehaugh", "excluded", "excluded")
    shown = await career.call("GET", "/records", params={"status": "excluded", "q": "featherstonehaugh"})
    assert shown["total"] == 1
    assert (await career.call("GET", "/records"))["counts"]["excluded"] == before + 1

    run = await career.call("POST", "/syncs", json={"record_ids": [record["record_id"]]})

    async def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = await career.call("GET", f"/runs/{run['run_id']}")
        return found if found["state"] == "completed" else None

    over = await eventually(ended, within=60)
    assert over is not None and over["skipped"] == {"excluded": 1}
    await career.rename("Featherstone")
    await career.becomes("featherstone", "excluded")
    assert await career.fleet.creations("Featherstone") == []

    told = await muster(
        "match", "explain", record["record_id"], "--url", career.fleet.access.url, "--company",
        str(career.side.company.company_id), "--email", career.fleet.access.email,
        MUSTER_PASSWORD=career.fleet.access.password,
    )  # fmt: skip
    assert told.code == 0 and "Excluded: Is paid elsewhere" in told.text
    await career.call("POST", f"{place}/decision", json={"decision": "include"})
    await career.becomes("featherstone", "needs_sync", "not_pushed")


async def _rules(career: Career, **rules: Any) -> None:
    await career.call("PATCH", "/route/rules", json=rules)


async def _seen(career: Career) -> int:
    """How many changes at the source are known, and kept out of staging until an import."""
    accounts = (await career.call("GET", "/freshness"))["accounts"]
    found: int = next(a["seen"] for a in accounts if a["account_id"] == career.side.company.source)
    return found


@both_directions
@pytest.mark.behaviour("S6", "S13", "S34", "S37", "S40")
async def test_what_changes_at_the_source_waits_for_an_import_and_no_import_writes(career: Career) -> None:
    """A sync before that import pushes the old values."""
    await career.side.hire(("Lysander", "Beforehand"))
    path = "/records"
    assert (await career.call("GET", path, params={"q": "beforehand"}))["total"] == 0
    await career.call("POST", "/imports", json={"mode": "new"})
    record = await career.becomes("beforehand", "needs_sync", "not_pushed")
    assert await career.count("Beforehand") == 0

    before = await _seen(career)
    await career.change(**{career.last_name: "Afterwards"})
    await eventually(lambda: _more_seen(career, before), within=60)
    await career.push(record)
    await career.becomes("beforehand", "synced")
    assert (await career.count("Beforehand"), await career.count("Afterwards")) == (1, 0)

    await career.call("POST", "/imports", json={"mode": "new"})
    await career.side.hire(("Mirabel", "Nextcomer"))
    await career.call("POST", "/imports", json={"mode": "new"})
    await career.becomes("nextcomer", "needs_sync", "not_pushed")
    assert (await career.call("GET", path, params={"q": "beforehand"}))["total"] == 1
    await career.call("POST", "/imports", json={"mode": "all"})
    await career.becomes("afterwards", "needs_sync", "changed")
    assert [await career.count(last) for last in ("Beforehand", "Afterwards", "Nextcomer")] == [1, 0, 0]


async def _more_seen(career: Career, before: int) -> bool:
    return await _seen(career) > before


@both_directions
@pytest.mark.behaviour("S14", "S15", "S16")
async def test_each_switch_lets_in_its_own_kind_of_change(career: Career) -> None:
    """By the source's own webhooks: first who is new and no edit, then edits and nobody new."""
    await career.side.hire(("Nerissa", "Switchby"))
    await career.call("POST", "/imports", json={"mode": "new"})
    remote = (await career.becomes("switchby", "needs_sync", "not_pushed"))["remote_id"]
    try:
        await _rules(career, auto_create=True)
        await career.let_in(await career.join("Oberon", "Createdby"), "createdby")
        before = await _seen(career)
        await career.change(**{career.last_name: "Switched"})
        await eventually(lambda: _more_seen(career, before), within=60)
        assert (await career.call("GET", "/records", params={"q": "switched"}))["total"] == 0

        await _rules(career, auto_create=False, auto_update=True)
        await career.change(**{career.last_name: "Switchover"})
        await career.let_in(remote, "switchover")
        before = await _seen(career)
        await career.join("Perdita", "Keptout")
        await eventually(lambda: _more_seen(career, before), within=60)
        assert (await career.call("GET", "/records", params={"q": "keptout"}))["total"] == 0
    finally:
        await _rules(career, auto_create=False, auto_update=False)
