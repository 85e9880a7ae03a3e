"""Imports, syncs, selections and decisions: what is asked becomes commands, once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from tests.integration.gateway.conftest import World


async def test_an_import_is_one_command_and_can_be_looked_at_at_once(admin: World) -> None:
    path = await admin.company()
    answer = await admin.http.post(f"{path}/imports", json={"mode": "new"}, headers={"X-Muster": "1"})

    run = answer.json()["run_id"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"{path}/runs/{run}")
    (said,) = await admin.said(path, "import.employees")
    assert (said["topic"], said["lane"]) == ("importer.commands.v1", "bulk")
    assert (said["body"]["run_id"], said["body"]["parts"]) == (run, 1)
    shown = await admin.call("GET", answer.headers["location"])
    assert (shown["state"], shown["kind"], shown["mode"], shown["actor"]) == (
        "queued", "import", "new", said["actor"],
    )  # fmt: skip


async def test_named_records_travel_in_parts_of_five_hundred(admin: World) -> None:
    path = await admin.company()
    ids = [str(n) for n in range(1001)]
    await admin.call("POST", f"{path}/imports", json={"mode": "selected", "remote_ids": ids}, expected=202)
    few = {"mode": "selected", "remote_ids": ["1", "1", "2"]}
    await admin.call("POST", f"{path}/imports", json=few, expected=202)

    said = [(s["lane"], s["body"]) for s in await admin.said(path, "import.employees")]
    assert [(lane, b["part"], b["parts"], len(b["remote_ids"])) for lane, b in said] == [
        ("bulk", 1, 3, 500), ("bulk", 2, 3, 500), ("bulk", 3, 3, 1), ("real_time", 1, 1, 2),
    ]  # fmt: skip
    assert [i for _, b in said[:3] for i in b["remote_ids"]] == ids


async def test_what_is_no_remote_id_is_refused(admin: World) -> None:
    path = await admin.company()
    source = (await admin.call("GET", path))["route"]["source"]
    for remote_id in ("", "x" * 201, "a b", "a\nb"):
        ids = {"remote_ids": [remote_id, "2"]}
        await admin.call("POST", f"{path}/accounts/{source}/notifications", json=ids, expected=422)
        await admin.call("POST", f"{path}/imports", json={"mode": "selected", **ids}, expected=422)

    largest = {"mode": "selected", "remote_ids": [f"{n:03}" + "é" * 197 for n in range(500)]}
    await admin.call("POST", f"{path}/imports", json=largest, expected=202)


async def test_without_an_active_route_nothing_is_imported(admin: World) -> None:
    path = await admin.company(route=False)
    await admin.call("POST", f"{path}/imports", json={"mode": "new"}, expected=409)
    body = {**admin.route(path.rsplit("/", 1)[-1]), "active": False}
    await admin.call("PUT", f"{path}/route", json=body)

    await admin.call("POST", f"{path}/imports", json={"mode": "new"}, expected=409)


async def test_one_key_gives_one_run_even_at_the_same_moment(admin: World) -> None:
    path = await admin.company()
    ask: dict[str, Any] = {"headers": {"Idempotency-Key": "k"}, "expected": 202, "json": {"mode": "new"}}
    runs = await asyncio.gather(*(admin.call("POST", f"{path}/imports", **ask) for _ in range(4)))

    assert len({r["run_id"] for r in runs}) == 1
    assert len(await admin.said(path, "import.employees")) == 1
    await admin.call("POST", f"{path}/imports", **{**ask, "json": {"mode": "all"}, "expected": 422})
    other = await admin.company()
    assert await admin.call("POST", f"{other}/imports", **ask) not in runs


async def test_a_key_is_forgotten_after_a_day(admin: World) -> None:
    path = await admin.company()
    ask: dict[str, Any] = {"headers": {"Idempotency-Key": "k"}, "expected": 202, "json": {"mode": "new"}}
    first = await admin.call("POST", f"{path}/imports", **ask)

    await admin.age("UPDATE gateway.idempotency_keys SET created_at = created_at - interval '25 hours'")
    assert await admin.call("POST", f"{path}/imports", **ask) != first


async def test_a_refused_request_does_not_use_up_its_key(admin: World) -> None:
    path = await admin.company(route=False)
    ask: dict[str, Any] = {"headers": {"Idempotency-Key": "k"}, "json": {"mode": "new"}}
    await admin.call("POST", f"{path}/imports", **ask, expected=409)
    await admin.call("PUT", f"{path}/route", json=admin.route(path.rsplit("/", 1)[-1]))

    await admin.call("POST", f"{path}/imports", **ask, expected=202)


async def test_what_is_selected_is_what_the_command_names(admin: World) -> None:
    path = await admin.company()
    (record,) = await admin.staged(path, "Lindqvist")
    filters: list[dict[str, Any]] = [{}, {"q": "li"}, {"q": ""}, {"status": []}, {"status": None}]
    for body in ({"record_ids": [str(record)]}, *({"filter": f} for f in filters)):
        answer = await admin.call("POST", f"{path}/syncs", json=body, expected=202)
        assert answer["total"] == 1, body

    said = await admin.said(path, "sync.records")
    assert {(s["topic"], s["lane"]) for s in said} == {("syncer.commands.v1", "real_time")}
    chosen = {"record_id": str(record), "source_rev": 1, "status": "needs_sync"}
    assert [s["body"]["records"] for s in said] == [[chosen]] * 6


async def test_a_selection_is_pushed_as_it_was_and_expires(admin: World) -> None:
    path = await admin.company()
    ids = await admin.staged(path, "A", "B")
    made = await admin.call("POST", f"{path}/selections", json={"filter": {}}, expected=201)
    assert made["count"] == 2
    shown = await admin.call("GET", f"{path}/selections/{made['selection_id']}")
    assert {UUID(r["record_id"]) for r in shown["records"]} == set(ids)
    ask = {"json": {"selection_id": made["selection_id"]}, "headers": {"Idempotency-Key": "k"}}
    first = await admin.call("POST", f"{path}/syncs", **ask, expected=202)
    assert first["total"] == 2

    await admin.age("UPDATE gateway.selections SET created_at = created_at - interval '61 minutes'")
    await admin.call("GET", f"{path}/selections/{made['selection_id']}", expected=410)
    await admin.call("POST", f"{path}/syncs", json=ask["json"], expected=410)
    assert await admin.call("POST", f"{path}/syncs", **ask, expected=202) == first


async def test_a_retry_is_a_push_of_one(admin: World) -> None:
    path = await admin.company()
    (record, _) = await admin.staged(path, "A", "B")
    await admin.call("POST", f"{path}/records/{record}/retry", expected=202)
    await admin.call("POST", f"{path}/records/{uuid4()}/retry", expected=404)

    (said,) = await admin.said(path, "sync.records")
    assert [r["record_id"] for r in said["body"]["records"]] == [str(record)]


async def test_nothing_that_matches_is_no_run(admin: World) -> None:
    path = await admin.company()

    await admin.call("POST", f"{path}/syncs", json={"filter": {"q": "nobody"}}, expected=409)
    assert await admin.said(path, "sync.records") == []


async def test_a_persons_decision_becomes_a_command_of_theirs(admin: World) -> None:
    path = await admin.company()
    record, there = uuid4(), uuid4()
    link = {"destination_record_id": str(there), "then_push": True}
    await admin.call("PUT", f"{path}/records/{record}/link", json=link, expected=202)
    await admin.call("DELETE", f"{path}/records/{record}/link", expected=202)
    for _ in range(2):
        key = {"Idempotency-Key": "once"}
        await admin.call("POST", f"{path}/records/{record}/create", headers=key, expected=202)

    said = [s for s in await admin.said(path) if s["topic"] == "mapper.commands.v1"]
    assert [s["type"] for s in said] == ["link.record", "unlink.record", "create.record"]
    assert said[0]["body"] == {
        "record_id": str(record),
        "destination_record_id": str(there),
        "then_push": True,
    }
    assert {s["lane"] for s in said} == {"real_time"}


async def test_records_and_their_history_are_read_from_their_owner(admin: World) -> None:
    path = await admin.company()
    (record, *_) = await admin.staged(path, "A", "B", "C")
    page = await admin.call("GET", f"{path}/records?limit=2&sort=name&status=needs_sync&status=failed&q=")
    rest = await admin.call("GET", f"{path}/records?limit=2&sort=name&after={page['next']}")

    assert [r["last_name"] for r in page["items"] + rest["items"]] == ["A", "B", "C"]
    assert (await admin.call("GET", f"{path}/records/{record}"))["last_name"] == "A"
    assert (await admin.call("GET", f"{path}/records/{record}/timeline"))["items"][0][
        "type"
    ] == "employee.staged"
    assert (await admin.call("GET", f"{path}/runs")) == {"items": [], "next": None}


async def test_records_are_fetched_again_by_id_whether_they_match_or_not(admin: World) -> None:
    path, other = await admin.company(), await admin.company()
    ids = await admin.staged(path, *(f"P{n:03}" for n in range(120)))
    (theirs,) = await admin.staged(other, "Q")
    ask = [("ids", str(i)) for i in [*ids, *ids[:5], theirs, *(uuid4() for _ in range(374))]]
    page = await admin.call("GET", f"{path}/records", params=[*ask, ("status", "failed"), ("q", "p00")])

    assert len(ask) == 500
    assert {UUID(r["record_id"]) for r in page["items"]} == set(ids)
    assert (page["next"], page["total"], page["counts"]) == (None, 0, {"needs_sync": 10})
    whole = await admin.call("GET", f"{path}/records", params={"limit": 500})
    by_id = {r["record_id"]: r for r in whole["items"]}
    assert all(by_id[r["record_id"]] == r for r in page["items"])
    await admin.call("GET", f"{path}/records", params=[*ask, ("ids", str(uuid4()))], expected=422)
    await admin.call("GET", f"{path}/records", params={"ids": "x"}, expected=422)


async def test_everything_that_matches_except_some_is_fixed_when_it_is_asked(admin: World) -> None:
    path = await admin.company()
    a, b, c = await admin.staged(path, "Ann", "Anton", "Bea")
    chosen = {"filter": {"q": "an"}, "except_ids": [str(a), str(c), str(uuid4())]}
    made = await admin.call("POST", f"{path}/selections", json=chosen, expected=201)
    assert made["count"] == 1
    await admin.staged(path, "Anna")
    shown = await admin.call("GET", f"{path}/selections/{made['selection_id']}")
    assert [r["record_id"] for r in shown["records"]] == [str(b)]
    assert (await admin.call("POST", f"{path}/syncs", json=chosen, expected=202))["total"] == 2

    for way in ({"record_ids": [str(a)]}, {"selection_id": made["selection_id"]}, {}):
        await admin.call("POST", f"{path}/syncs", json={**way, "except_ids": [str(b)]}, expected=422)
    await admin.call(
        "POST", f"{path}/selections", json={"record_ids": [str(a)], "except_ids": [str(b)]}, expected=422
    )


async def test_while_an_owner_is_away_its_reads_say_so_and_writes_go_on(admin: World) -> None:
    path = await admin.company()
    answer = await admin.http.get(f"{path}/records/{uuid4()}/candidates")

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:muster:problem:unavailable")
    assert answer.headers["retry-after"]
    await admin.call("POST", f"{path}/records/{uuid4()}/create", expected=202)
