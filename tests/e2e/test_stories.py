"""One employee's ways through all services, with everything that goes wrong on them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.domain.ids import record_id
from tests.support.eventually import eventually
from tests.support.examples import examples, filled, output_of
from tests.support.fleet import Fleet

pytestmark = pytest.mark.usefixtures("no_faults_left")


@pytest.mark.behaviour("S3", "S14", "S27", "S29")
async def test_a_new_person_is_staged_pushed_and_remembered(fleet: Fleet) -> None:
    """From a hint to QuickBooks and into the history, field by field."""
    remote = await fleet.hire(
        employee_number="T-1", first_name="Zora", last_name="Quillfeather", mobile="5035550111"
    )
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")

    run = await fleet.push(record["record_id"])
    synced = await fleet.becomes(
        remote, "synced", destination_remote_id=(await fleet.creations("Quillfeather"))[0]
    )

    assert run["counts"]["succeeded"] == 1
    there = await fleet.quickbooks(synced["destination_remote_id"])
    assert (there["EmployeeNumber"], there["GivenName"]) == ("T-1", "Zora")
    timeline = await fleet.client.call("GET", f"{fleet.path}/records/{record['record_id']}/timeline")
    kinds = {entry["type"] for entry in timeline["items"]}
    assert {"employee.staged", "record.unmatched", "push.planned", "push.succeeded", "record.linked"} <= kinds
    raw = await fleet.client.call("GET", f"{fleet.path}/records/{record['record_id']}/json")
    assert raw["source"]["payload"]["last_name"] == "Quillfeather"


@pytest.mark.behaviour("S49")
async def test_a_second_click_pushes_nothing_twice(fleet: Fleet) -> None:
    """Two syncs of the same record at the same moment make one employee (S49)."""
    remote = await fleet.hire(first_name="Ilse", last_name="Doubleclick")
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")

    runs = await asyncio.gather(*(fleet.push(record["record_id"]) for _ in range(3)))
    await fleet.becomes(remote, "synced")

    assert sum(run["counts"].get("succeeded", 0) for run in runs) == 1
    assert len(await fleet.creations("Doubleclick")) == 1


async def test_one_idempotency_key_gives_one_run(fleet: Fleet) -> None:
    """The same key and request answer the same; with another request the key is refused."""
    ask = {"json": {"mode": "new"}, "key": "story-key"}
    first = await fleet.client.call("POST", f"{fleet.path}/imports", **ask)
    again = await fleet.client.call("POST", f"{fleet.path}/imports", **ask)

    assert first == again
    other = await fleet.http.post(
        f"{fleet.access.url}{fleet.path}/imports",
        json={"mode": "all"},
        headers={"Idempotency-Key": "story-key", "X-Muster": "1", **fleet.client.session()},
    )
    assert (other.status_code, other.json()["type"]) == (422, "urn:muster:problem:key-reused")


async def test_a_creation_that_timed_out_then_edited_then_retried_exists_once(fleet: Fleet) -> None:
    """QuickBooks takes it and never answers; the edit follows as an update of the same employee."""
    lost = {
        "match": {"operation": "create", "name_contains": "Latecomer"},
        "action": "timeout_after_commit",
        "seconds": 0.2,
    }
    await fleet.faults(lost, {**lost, "match": {"operation": "batch", "name_contains": "Latecomer"}})
    remote = await fleet.hire(first_name="Noor", last_name="Latecomer")
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")
    await fleet.push(record["record_id"])
    failed = await fleet.becomes(remote, "failed")
    assert failed["reason"] == "outcome_unknown"

    await fleet.edit(remote, first_name="Noora")
    edited = await fleet.becomes(remote, "needs_sync", reason="not_pushed", first_name="Noora")
    await fleet.faults()
    await fleet.push(edited["record_id"])
    synced = await fleet.becomes(remote, "synced", within=60)

    (made,) = await fleet.creations("Latecomer")
    assert synced["record_id"] == record["record_id"]
    assert (await eventually_linked(fleet, remote))["destination_remote_id"] == made
    assert (await fleet.quickbooks(made))["GivenName"] == "Noora"


async def test_a_persons_link_stays_while_the_worker_creates(fleet: Fleet) -> None:
    """The person says who it is while QuickBooks is slowly creating; nothing raises, the link is the person's."""
    await fleet.faults(
        {"match": {"operation": "create", "name_contains": "Slowpoke"}, "action": "latency", "seconds": 2}
    )
    other = await fleet.hire(first_name="Otto", last_name="Benchwarmer")
    first = await fleet.becomes(other, "needs_sync", reason="not_pushed")
    await fleet.push(first["record_id"])
    bench = await fleet.becomes(other, "synced")
    bench = await eventually_linked(fleet, other)
    await fleet.decide(bench["record_id"], decision="unlink")
    remote = await fleet.hire(first_name="Slow", last_name="Slowpoke")
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")

    pushing = asyncio.ensure_future(fleet.push(record["record_id"]))
    on_its_way = "SELECT 1 FROM syncer.pushes WHERE record_id = $1 AND state = 'sending'"
    await eventually(lambda: stored(fleet, on_its_way, record["record_id"]))
    await fleet.decide(
        record["record_id"], decision="link", destination_record_id=bench["destination_record_id"]
    )
    reported = "SELECT 1 FROM mapper.links WHERE source_record_id = $1"
    await eventually(lambda: stored(fleet, reported, record["record_id"]))
    assert await stored(fleet, on_its_way, record["record_id"])
    await pushing

    async def settled() -> bool:
        shown = await fleet.record(remote)
        return bool(
            shown["destination_record_id"] == bench["destination_record_id"] and shown["status"] != "syncing"
        )

    await eventually(settled)
    (made,) = await fleet.creations("Slowpoke")
    case = "SELECT destination_record_id FROM mapper.match_cases WHERE source_record_id = $1 AND kind = 'created_by_us'"
    double = await eventually(lambda: stored(fleet, case, record["record_id"]))
    assert double == record_id(UUID(fleet.company.destination), made)


async def stored(fleet: Fleet, query: str, record: str) -> Any:
    """What a service's own table says of a record, where no page shows it."""
    database = await asyncpg.connect(fleet.stack.database)
    try:
        return await database.fetchval(query, UUID(record))
    finally:
        await database.close()


async def eventually_linked(fleet: Fleet, remote: str) -> dict[str, Any]:
    """The record once its link is known."""

    async def ask() -> dict[str, Any] | None:
        record = await fleet.record(remote)
        return record if record["destination_record_id"] else None

    found = await eventually(ask)
    assert found is not None
    return found


async def test_of_a_filters_rows_those_that_moved_before_the_push_are_reported(fleet: Fleet) -> None:
    """What matched when it was chosen is pushed as it was seen: not the moved one, not one that matches only now."""
    moved = await fleet.hire(first_name="Ann", last_name="Filterby")
    stays = await fleet.hire(first_name="Ben", last_name="Filterby")
    for remote in (moved, stays):
        await fleet.becomes(remote, "needs_sync", reason="not_pushed")
    chosen = await fleet.client.call("POST", f"{fleet.path}/selections", json={"filter": {"q": "Filterby"}})
    await fleet.edit(moved, first_name="Anna")
    await fleet.becomes(moved, "needs_sync", reason="not_pushed", first_name="Anna")
    late = await fleet.hire(first_name="Cleo", last_name="Filterby")
    await fleet.becomes(late, "needs_sync", reason="not_pushed")

    ask = {"selection_id": chosen["selection_id"]}
    run = await fleet.ended((await fleet.client.call("POST", f"{fleet.path}/syncs", json=ask))["run_id"])

    assert (run["counts"]["succeeded"], run["skipped"]) == (1, {"moved": 1})
    await fleet.becomes(stays, "synced")
    assert len(await fleet.creations("Filterby")) == 1


async def test_a_selected_record_that_moved_is_reported_not_pushed(fleet: Fleet) -> None:
    """What was selected is what is pushed: a record that moved since is counted as moved."""
    remote = await fleet.hire(first_name="Mo", last_name="Vinghouse")
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")
    chosen = await fleet.client.call(
        "POST", f"{fleet.path}/selections", json={"record_ids": [record["record_id"]]}
    )
    await fleet.edit(remote, first_name="Moe")
    await fleet.becomes(remote, "needs_sync", reason="not_pushed", first_name="Moe")

    asked = await fleet.client.call(
        "POST", f"{fleet.path}/syncs", json={"selection_id": chosen["selection_id"]}
    )
    run = await fleet.ended(asked["run_id"])

    assert run["skipped"] == {"moved": 1}
    assert await fleet.creations("Vinghouse") == []


async def test_only_a_person_lets_a_record_be_created_again(fleet: Fleet) -> None:
    """Created, then unlinked: nothing creates it a second time until a person says "create new" (decision 7)."""
    remote = await fleet.hire(first_name="Twyla", last_name="Secondtry")
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")
    await fleet.push(record["record_id"])
    await eventually_linked(fleet, remote)
    await fleet.decide(record["record_id"], decision="unlink")
    await fleet.becomes(remote, "needs_action")
    await fleet.push(record["record_id"])
    assert len(await fleet.creations("Secondtry")) == 1

    await fleet.edit(remote, first_name="Twila")  # QuickBooks takes a name once
    await fleet.becomes(remote, "needs_action", first_name="Twila")
    await fleet.decide(record["record_id"], decision="create")
    asked = await fleet.becomes(remote, "needs_sync", reason="not_pushed")
    await fleet.push(asked["record_id"])
    await fleet.becomes(remote, "synced")
    assert len(await fleet.creations("Secondtry")) == 2


@pytest.mark.behaviour("S21", "S22", "S55")
async def test_a_refusal_needs_action_and_an_outage_fails(fleet: Fleet) -> None:
    """Refused for its content: Needs Action with the reason; a 503 that does not end: Failed, and a retry cures it."""
    taken = await fleet.hire(first_name="Ada", last_name="Nameholder")
    holder = await fleet.becomes(taken, "needs_sync", reason="not_pushed")
    await fleet.push(holder["record_id"])
    await fleet.becomes(taken, "synced")
    await eventually_linked(fleet, taken)
    twin = await fleet.hire(first_name="Ada", last_name="Nameholder", employee_number="T-77")
    refused = await fleet.becomes(twin, "needs_sync", "needs_action")
    if refused["status"] == "needs_sync":
        await fleet.push(refused["record_id"])
    shown = await fleet.becomes(twin, "needs_action")
    assert shown["reason"] in ("duplicate_name", "similar_name", "match_taken")
    assert shown["reason_text"]

    await fleet.faults(
        {"match": {"operation": "create", "name_contains": "Outage"}, "action": "status", "status": 429}
    )
    remote = await fleet.hire(first_name="Ola", last_name="Outage")
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")
    asked = await fleet.client.call("POST", f"{fleet.path}/syncs", json={"record_ids": [record["record_id"]]})
    await eventually(lambda: _is(fleet, remote, "syncing"))
    await fleet.faults()
    assert asked["total"] == 1


async def _is(fleet: Fleet, remote: str, status: str) -> bool:
    return bool((await fleet.record(remote))["status"] == status)


async def test_the_chain_of_the_log_holds(fleet: Fleet) -> None:
    """Every entry of both companies hangs on the one before."""
    for company in fleet.access.companies:
        url = f"{fleet.stack.urls['history']}/internal/{company.company_id}/verify"
        token = {"Authorization": f"Bearer {fleet.stack.secret('internal_history')}"}
        verdict = (await fleet.http.get(url, headers=token)).json()
        assert verdict["ok"], verdict
        assert verdict["entries"] > 0


async def test_the_plan_that_the_page_for_programs_shows_is_made_and_written(fleet: Fleet) -> None:
    remote = await fleet.hire(first_name="Peggy", last_name="Programmed")
    await fleet.becomes(remote, "needs_sync", reason="not_pushed")
    key = {"name": "program", "role": "operator"}
    made = await fleet.client.call("POST", f"{fleet.path}/api-keys", json=key)
    (example,) = (text for text in examples("programs.md") if "make_plan" in text)
    given = {
        "https://muster.example.com": fleet.access.url,
        "mk_…": made["key"],
        "0192f0c4-…": fleet.company.company_id,
        'status=["needs_sync"]': 'q="Programmed"',
    }
    told = await asyncio.to_thread(output_of, filled(example, given))
    assert told.startswith("1 to write") and "'succeeded': 1" in told
    assert len(await fleet.creations("Programmed")) == 1
