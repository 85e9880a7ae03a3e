"""Changes arrive by themselves: both sandboxes' webhooks, through everything, to the other side and to an open page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from playwright.async_api import Browser, expect

from muster.commands.operations import find_servers
from muster.sandboxes import TENANTS
from shared.db.migrate import SERVICES
from shared.messaging.broker import send_raw
from shared.messaging.dead_letters import Raw
from tests.support.browser import open_page
from tests.support.collector import Collector, Seen
from tests.support.console import WITHIN, Console
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.hands import FIELDS, Hands
from tests.support.private import everybody, leaks, told

both_directions = pytest.mark.parametrize(
    "hands", [0, 1], ids=["linarc-to-qbo", "qbo-to-linarc"], indirect=True
)


@pytest.fixture
def hands(request: pytest.FixtureRequest, following: Fleet) -> Hands:
    return Hands(following, following.access.companies[request.param])


async def all_synced(hands: Hands) -> dict[str, dict[str, Any]]:
    """Everybody stands in both systems; the records by their ids at the source."""

    async def settled() -> dict[str, dict[str, Any]] | None:
        records = await hands.records()
        ready = [r["record_id"] for r in records.values() if r["status"] in ("needs_sync", "failed")]
        waiting = [r for r in records.values() if r["reason"] in ("checking", "directory_being_read")]
        if ready and not waiting:
            await hands.fleet.push_many(hands.company, record_ids=ready)
        unlinked = [r for r in records.values() if r["status"] == "synced" and not r["destination_remote_id"]]
        moving = ready or waiting or unlinked or any(r["status"] == "syncing" for r in records.values())
        return records if records and not moving else None

    found = await eventually(settled, within=120, every=1.0)
    assert found is not None
    return found


@both_directions
@pytest.mark.behaviour("S3", "S14", "S15")
async def test_an_edit_at_the_source_is_seen_and_pushed_without_a_touch(hands: Hands) -> None:
    """By the source's own webhook, in both directions."""
    records = await all_synced(hands)
    record = next(r for r in records.values() if r["status"] == "synced")
    there = record["destination_remote_id"]
    await hands.edit(hands.source, record["remote_id"], middle="Swift")

    async def stands() -> bool:
        person = (await hands.people(hands.destination))[there]
        return bool(person.get(FIELDS[hands.destination]["middle"]) == "Swift")

    assert await eventually(stands, within=45)
    shown = await hands.fleet.client.call("GET", f"/v1/companies/{hands.company.company_id}/accounts")
    for account in shown:
        about = f"/v1/companies/{hands.company.company_id}/accounts/{account['account_id']}/webhook"
        if account["system"] == hands.source:
            assert (await hands.fleet.client.call("GET", about))["last_received_at"] is not None
        tried = await hands.fleet.client.call("POST", f"{about}/test")
        assert (tried["delivered"], tried["status"]) == (True, 200), tried


async def drifted(hands: Hands, record: dict[str, Any], **values: str) -> dict[str, Any]:
    """Somebody edits a synced person at the destination; what that shows, once it waits for a decision."""
    await hands.edit(hands.destination, record["destination_remote_id"], **values)
    path = f"/v1/companies/{hands.company.company_id}/records/{record['record_id']}"

    async def waits() -> dict[str, Any] | None:
        shown = await hands.fleet.client.call("GET", path)
        found: dict[str, Any] = await hands.fleet.client.call("GET", f"{path}/drift")
        return found if shown["reason"] == "changed_at_destination" and found["fields"] else None

    found = await eventually(waits, within=45)
    assert found is not None
    return found


@both_directions
async def test_an_edit_at_the_destination_is_taken_over_into_the_source_and_nowhere_else(
    hands: Hands,
) -> None:
    """The rest of the source's record survives, and nothing is written after that: no loop."""
    records = await all_synced(hands)
    record = next(r for r in reversed(records.values()) if r["status"] == "synced")
    remote = record["remote_id"]
    shown = await drifted(hands, record, first="Adopted")
    assert [(n, f["there"], f["may_adopt"]) for n, f in shown["fields"].items()] == [
        ("first_name", "Adopted", True)
    ]
    if hands.source == "quickbooks":
        await hands.edit("quickbooks", remote, cheque="Somebody else")
    before = (await hands.people(hands.source))[remote]
    there = (await hands.people(hands.destination))[record["destination_remote_id"]]

    path = f"/v1/companies/{hands.company.company_id}/records/{record['record_id']}"
    revs = {"source_rev": shown["source_rev"], "destination_rev": shown["destination_rev"]}
    await hands.fleet.client.call("POST", f"{path}/drift", json={**revs, "adopt": ["first_name"]})

    async def taken() -> bool:
        entries = (await hands.fleet.client.call("GET", f"{path}/timeline"))["items"]
        adopted = any(e["type"] == "push.adopted" for e in entries)
        now = await hands.fleet.client.call("GET", path)
        # It is staged from our write, or from the webhook that our write caused.
        return adopted and now["status"] == "synced" and now["employee"]["first_name"] == "Adopted"

    assert await eventually(taken, within=45)
    after = (await hands.people(hands.source))[remote]
    moved = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert after[FIELDS[hands.source]["first"]] == "Adopted"
    assert moved - FOLLOWS == {FIELDS[hands.source]["first"]}
    assert there == (await hands.people(hands.destination))[record["destination_remote_id"]]


FOLLOWS = {
    "SyncToken",
    "MetaData",
    "DisplayName",
    "version",
    "updated_at",
    "display_name",
    "full_name",
    "etag",
}
"""What a system moves by itself with each change of a name."""


async def test_a_person_decides_about_an_edit_at_the_destination_on_the_screen(
    following: Fleet, browser: Browser
) -> None:
    """In Chromium, by mouse and by keyboard: both values are shown, and what was chosen happens."""
    hands = Hands(following, following.access.companies[0])
    synced = [r for r in (await all_synced(hands)).values() if r["status"] == "synced"]
    mouse, keys = synced[2:4]
    for record in (mouse, keys):
        await drifted(hands, record, first="Elsewhere")
    async with open_page(browser, following.access.url) as watched:
        console = Console(watched.page, following.access)
        await console.sign_in()
        for record in (mouse, keys):
            await console.open(following.company, "?q=" + record["last_name"])
            await console.row(record["name"]).get_by_role("button", name="Needs Action").click()
            dialog = watched.page.get_by_role("dialog")
            save = dialog.get_by_role("button", name="Save decision")
            await expect(save).to_be_disabled()
            both = dialog.locator("label").filter(has_text=f"Overwrite in QBO: {record['first_name']}")
            await expect(both).to_be_visible(timeout=WITHIN)
            if record is mouse:
                await dialog.locator("label").filter(has_text="Take over into Linarc: Elsewhere").click()
                await save.click()
            else:
                await dialog.get_by_role("radio").first.focus()
                for key in ("ArrowDown", "ArrowDown", "Space"):
                    await watched.page.keyboard.press(key)
                await save.focus()
                await watched.page.keyboard.press("Enter")
            await expect(dialog).to_be_hidden(timeout=WITHIN)
        assert watched.complaints == []

    async def carried_out() -> bool:
        here, there = await hands.people("linarc"), await hands.people("quickbooks")
        path = f"/v1/companies/{hands.company.company_id}/records"
        shown = [await hands.fleet.client.call("GET", f"{path}/{r['record_id']}") for r in (mouse, keys)]
        taken = here[mouse["remote_id"]]["first_name"] == "Elsewhere"
        stands = here[keys["remote_id"]]["first_name"] == keys["first_name"]
        kept = there[keys["destination_remote_id"]]["GivenName"] == "Elsewhere"
        return taken and stands and kept and all(r["status"] == "synced" for r in shown)

    assert await eventually(carried_out, within=45)


async def test_one_change_is_one_trace_from_the_webhook_to_the_destination_and_history(
    following: Fleet, collector: Collector
) -> None:
    """A tree over all services without a gap, in which nobody's name stands."""
    hands = Hands(following, following.access.companies[0])
    records = await all_synced(hands)
    record = next(r for r in records.values() if r["status"] == "synced")
    spans = await one_change(hands, collector, record, middle="Zebulon")
    names = {(s.service, s.name) for s in spans}
    assert {("muster-importer", "read records"), ("muster-syncer", "push")} <= names
    assert any(service == "muster-importer" and name.startswith(hands.source) for service, name in names)
    assert any(service == "muster-syncer" and name.startswith(hands.destination) for service, name in names)
    assert not any(b"Zebulon" in s.raw for s in collector.spans)


async def one_change(hands: Hands, collector: Collector, record: dict[str, Any], **values: str) -> list[Seen]:
    """Somebody edits a person at the source; the spans of that change, once they are a whole tree."""
    before = len(collector.spans)
    await hands.edit(hands.source, record["remote_id"], **values)

    async def whole() -> list[Seen]:
        hooks = [s for s in collector.spans[before:] if s.name.startswith(f"POST /webhooks/{hands.source}")]
        traces = [collector.trace(hook.trace_id) for hook in hooks]
        return next((t for t in traces if {s.service for s in t} == EVERY_SERVICE and is_tree(t)), [])

    return await eventually(whole, within=45)


EVERY_SERVICE = {f"muster-{name}" for name in SERVICES}


def is_tree(spans: list[Seen]) -> bool:
    """One root, and a pushed record's answer in history below it."""
    known = {s.span_id for s in spans}
    pushed = any(s.name == "push" for s in spans)
    return (
        pushed
        and sum(not s.parent_id for s in spans) == 1
        and all(s.parent_id in known for s in spans if s.parent_id)
    )


@both_directions
async def test_lost_doubled_and_late_hooks_over_edits_on_both_sides_and_one_sweep(hands: Hands) -> None:
    """A third of the hooks is lost, others come twice, late or after later ones: after one sweep each side is known as it is."""
    records = [r for r in (await all_synced(hands)).values() if r["status"] == "synced"]
    for system in (hands.source, hands.destination):
        await spoil(hands, system)
    wanted = {}
    for round_ in range(3):
        for n, record in enumerate(records[:20]):
            await hands.edit(hands.source, record["remote_id"], middle=f"R{round_} n{n}")
            wanted[record["remote_id"]] = f"R{round_} n{n}"
    for n, record in enumerate(records[20:24]):
        await hands.edit(hands.destination, record["destination_remote_id"], middle=f"D{n}")
    for system in (hands.source, hands.destination):
        await hands.faults(system)
    await sweep(hands)

    async def agree() -> list[str]:
        there = await hands.people(hands.destination)
        by_id = {r["remote_id"]: r["destination_remote_id"] for r in records}
        field = FIELDS[hands.destination]["middle"]
        return [i for i, middle in wanted.items() if there[by_id[i]].get(field) != middle]

    async def all_agree() -> bool:
        return not await agree()

    assert await eventually(all_agree, within=90), await agree()


async def spoil(hands: Hands, system: str) -> None:
    """A third of the system's hooks is lost; of the others half come twice, half of the rest after later ones, the rest late."""
    hook = {"operation": "webhook"}
    await hands.faults(
        system,
        {"action": "lose", "match": {**hook, "every": 3}},
        {"action": "duplicate", "match": {**hook, "every": 2}},
        {"action": "reorder", "match": {**hook, "every": 2}, "seconds": 1},
        {"action": "delay", "match": hook, "seconds": 2},
    )


async def sweep(hands: Hands) -> None:
    """Both accounts are swept now: as if the last look had been long ago."""
    import asyncpg  # noqa: PLC0415

    database = await asyncpg.connect(hands.fleet.stack.database)
    await database.execute(
        "UPDATE importer.directories SET complete_as_of = complete_as_of - interval '2 days', next_sweep_at = now() "
        "WHERE company_id = $1",
        UUID(hands.company.company_id),
    )
    await database.close()


async def merge(hands: Hands, gone: str, into: str) -> None:
    """Somebody merges two employees in QuickBooks; its webhook names both."""
    url = f"{hands.fleet.stack.urls['sandbox_quickbooks']}/admin/employees/{gone}"
    query = {"scope": hands.scope("quickbooks"), "into": into}
    (await hands.fleet.http.delete(url, params=query)).raise_for_status()


async def enter(hands: Hands, person: dict[str, Any]) -> str:
    """Somebody enters a person in QuickBooks; the id."""
    url = f"{hands.fleet.stack.urls['sandbox_quickbooks']}/admin/seed"
    query = {"scope": hands.scope("quickbooks")}
    answer = await hands.fleet.http.post(url, params=query, json={"employees": [person]})
    answer.raise_for_status()
    (made,) = answer.json()["ids"]
    return str(made)


async def becomes(hands: Hands, remote_id: str, *statuses: str, **more: Any) -> dict[str, Any]:
    """The record once it has one of these statuses and these values."""

    async def ask() -> dict[str, Any] | None:
        record = (await hands.records()).get(remote_id)
        good = record is not None and record["status"] in statuses
        return record if record and good and more.items() <= record.items() else None

    try:
        found = await eventually(ask, within=40)
    except AssertionError:
        pytest.fail(f"it is {(await hands.records()).get(remote_id)}")
    assert found is not None
    return found


@pytest.mark.behaviour("S28", "S56")
async def test_a_linked_employee_is_merged_into_another_one(following: Fleet) -> None:
    """The one who stays is proposed, nobody is created again, and the link that a person makes is Synced."""
    hands = Hands(following, following.access.companies[0])
    record = next(r for r in (await all_synced(hands)).values() if r["status"] == "synced")
    gone = record["destination_remote_id"]
    before = (await hands.people("quickbooks"))[gone]
    names: dict[str, Any] = {
        name: before[name] for name in ("GivenName", "FamilyName", "MiddleName") if name in before
    }
    stays = await enter(hands, {**names, "DisplayName": f"{before['DisplayName']} (2)"})
    held = len(await hands.people("quickbooks"))

    await merge(hands, gone, stays)
    await becomes(hands, record["remote_id"], "needs_action", reason="deleted_at_destination")
    path = f"/v1/companies/{hands.company.company_id}/records/{record['record_id']}"
    shown = await following.client.call("GET", f"{path}/candidates")
    assert [c["remote_id"] for c in shown["candidates"]] == [stays]
    there = shown["candidates"][0]["record_id"]
    decision = {"decision": "link", "destination_record_id": there, "then_push": True}
    await following.client.call("POST", f"{path}/decision", json=decision)

    await becomes(hands, record["remote_id"], "synced", destination_remote_id=stays)
    people = await hands.people("quickbooks")
    assert len(people) == held - 1
    assert gone not in people
    assert people[stays]["GivenName"] == record["first_name"]


async def test_two_employees_of_the_source_are_merged(following: Fleet) -> None:
    """The one who is gone is never Synced again and is not created again; the one who stays is as before."""
    hands = Hands(following, following.access.companies[1])
    synced = [r for r in (await all_synced(hands)).values() if r["status"] == "synced"]
    gone, stays = synced[:2]
    held = len(await hands.people("linarc"))

    await merge(hands, gone["remote_id"], stays["remote_id"])

    left = await becomes(hands, gone["remote_id"], "needs_action", "needs_sync")
    assert left["reason"] not in ("", None, "not_pushed")
    kept = await becomes(hands, stays["remote_id"], "synced")
    assert kept["destination_remote_id"] == stays["destination_remote_id"]
    assert len(await hands.people("linarc")) == held


async def test_the_demos_page_an_edit_in_linarc_moves_the_row_and_quickbooks(
    following: Fleet, browser: Browser
) -> None:
    """In Chromium: saved on the sandbox's page; the Employees screen shows it without a touch, and QuickBooks has it."""
    hands = Hands(following, following.access.companies[0])
    records = await all_synced(hands)
    record = min((r for r in records.values() if r["status"] == "synced"), key=lambda r: r["name"])
    async with (
        open_page(browser, following.access.url) as watched,
        open_page(browser, following.stack.urls["sandbox_linarc"]) as linarc,
    ):
        console = Console(watched.page, following.access)
        await console.sign_in()
        await console.open(following.company, "?q=" + record["last_name"])
        await expect(console.row(record["name"])).to_be_visible(timeout=WITHIN)
        await watched.page.evaluate("window.here = true")

        await linarc.page.goto(f"/people/{record['remote_id']}?scope={TENANTS[0]}")
        await linarc.page.locator("input[name=first_name]").fill("Swiftly")
        await linarc.page.get_by_role("button", name="Save").click()
        await expect(linarc.page.get_by_text("Saved.")).to_be_visible(timeout=WITHIN)
        await expect(watched.page.get_by_text(re.compile("^Swiftly "))).to_be_visible(timeout=20_000)
        assert await watched.page.evaluate("window.here") is True
        assert watched.complaints == []

    async def stands() -> bool:
        return (await following.quickbooks(record["destination_remote_id"])).get("GivenName") == "Swiftly"

    assert await eventually(stands, within=45)


STRANGE = {
    "first_name": "Zyxwhrath",
    "last_name": "Qwopfield",
    "email": "zyxwhrath@qwopfield.example",
    "birth_date": "1961-07-29",
}
PAY = 8765.31
"""Somebody whose values, and whose pay, stand nowhere else."""


async def test_nobodys_data_is_in_logs_metrics_traces_or_errors(
    following: Fleet, collector: Collector
) -> None:
    """After whatever ran on this stack, and after one who fails, is refused, cannot be handled and is asked for wrongly."""
    who = " ".join([*STRANGE.values(), str(PAY)])
    match = {"operation": "create", "name_contains": STRANGE["last_name"]}
    await following.faults(
        {"match": match, "action": "status", "status": 503, "body": who, "count": 1},
        {"match": match, "action": "fault", "code": "6240"},
    )
    remote = await following.hire(**STRANGE, hourly_rate=PAY)
    record = await following.becomes(remote, "needs_action", within=90)
    await following.faults()
    letters = await unreadable(following, record["record_id"], who)
    texts = {"errors": "".join([await refusal(following, *asked) for asked in wrong_requests(who)])}
    texts["letters"] = "".join(f"{one['reason']} {one['detail']}" for one in letters)
    await following.client.call("GET", f"{following.path}/records", params={"q": STRANGE["email"]})

    async def traced() -> bool:
        return {span.service for span in collector.spans} >= {f"muster-{one}" for one in SERVICES}

    await eventually(traced, within=30)
    texts["traces"] = b"".join(span.raw for span in collector.spans).decode("latin-1")
    texts |= await told(following)
    private = await everybody(following) | {*STRANGE.values(), str(PAY)}
    assert len(private) > 200 and "urn:muster:problem:invalid" in texts["errors"]
    assert leaks(texts, private) == {}
    planted = texts | {"traces": texts["traces"] + "GET /employees?q=Qwopfield"}
    assert leaks(planted, private) == {"traces": ["Qwopfield"]}


async def unreadable(fleet: Fleet, record: str, text: str) -> list[dict[str, Any]]:
    """Messages that nobody can handle, with this text where dates belong; the dead letters that they became, discarded."""
    kafka = find_servers(fleet.stack.data, None, None).kafka
    assert kafka is not None
    headers = {"ce_id": str(uuid4()), "ce_type": "employee.staged", "ce_companyid": fleet.company.company_id}
    headers["ce_time"] = datetime.now(UTC).isoformat()
    body = orjson.dumps({"record_id": record, "employee": {"birth_date": text}})
    for raw in (body, body[:-2]):
        headers["ce_id"] = str(uuid4())
        pairs = tuple((name, value.encode()) for name, value in headers.items())
        await send_raw(kafka, "employees.v1", Raw(record.encode(), pairs, raw), partition=0)
    path = f"{fleet.path}/dead-letters"

    async def there() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = (await fleet.client.call("GET", path))["items"]
        return found if len(found) >= 2 * 3 else None  # mapper, syncer and history

    found = await eventually(there, within=60)
    assert found is not None
    for one in found:
        place = f"{path}/{one['service']}/{one['id']}/discard"
        await fleet.client.call("POST", place, json={"reason": "made by a test"})
    return found


def wrong_requests(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Requests with this text where something else belongs."""
    return [
        ("GET", "/records", {"params": {"limit": text}}),
        ("GET", "/records", {"params": {"status": text}}),
        ("GET", "/records", {"params": {"after": text}}),
        ("GET", f"/records/{text}", {}),
        ("POST", "/syncs", {"json": {"record_ids": [text]}}),
        ("POST", "/plans", {"json": {"filter": {"status": [text]}}}),
        ("PATCH", "/route/rules", {"json": {"direct_sync": text}}),
        ("PUT", f"/views/{uuid4()}", {"json": {"name": [text], "columns": text}}),
        ("POST", "/invitations", {"json": {"email": text, "role": text}}),
        ("POST", "/accounts", {"json": {"system": "linarc", "tenant_id": text, "credential": {"api_key": text}}}),
        ("POST", "/imports", {"json": {"mode": text}}),
        ("POST", "/imports", {"content": text, "headers": {"Content-Type": "application/json"}}),
    ]  # fmt: skip


async def refusal(fleet: Fleet, method: str, place: str, more: dict[str, Any]) -> str:
    """What a wrong request is answered."""
    headers = {"X-Muster": "1", **fleet.client.session(), **more.pop("headers", {})}
    answer = await fleet.http.request(
        method, f"{fleet.access.url}{fleet.path}{place}", headers=headers, **more
    )
    assert 400 <= answer.status_code < 500, (place, answer.text)
    return answer.text
