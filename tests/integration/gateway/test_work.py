"""Imports, syncs, selections and decisions: what is asked becomes commands, once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from tests.integration.gateway.conftest import EMAIL, World


async def test_an_import_is_one_command_and_can_be_looked_at_at_once(admin: World) -> None:
    path = await admin.company()
    answer = await admin.http.post(f"{path}/imports", json={"mode": "new"}, headers={"X-Muster": "1"})

    run = answer.json()["run_id"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"{path}/runs/{run}")
    (published,) = await admin.published(path, "import.employees")
    assert (published["topic"], published["lane"]) == ("importer.commands.v1", "bulk")
    assert (published["body"]["run_id"], published["body"]["parts"]) == (run, 1)
    shown = await admin.call("GET", answer.headers["location"])
    assert (shown["state"], shown["kind"], shown["mode"], shown["actor"]) == (
        "queued", "import", "new", published["actor"],
    )  # fmt: skip


async def test_named_records_travel_in_parts_of_five_hundred(admin: World) -> None:
    path = await admin.company()
    ids = [str(n) for n in range(1001)]
    await admin.call("POST", f"{path}/imports", json={"mode": "selected", "remote_ids": ids}, expected=202)
    few = {"mode": "selected", "remote_ids": ["1", "1", "2"]}
    await admin.call("POST", f"{path}/imports", json=few, expected=202)

    published = [(s["lane"], s["body"]) for s in await admin.published(path, "import.employees")]
    assert [(lane, b["part"], b["parts"], len(b["remote_ids"])) for lane, b in published] == [
        ("bulk", 1, 3, 500), ("bulk", 2, 3, 500), ("bulk", 3, 3, 1), ("real_time", 1, 1, 2),
    ]  # fmt: skip
    assert [i for _, b in published[:3] for i in b["remote_ids"]] == ids


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
    assert len(await admin.published(path, "import.employees")) == 1
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
    path = await admin.company(direct_sync=10)
    (record,) = await admin.staged(path, "Lindqvist")
    filters: list[dict[str, Any]] = [{}, {"q": "li"}, {"q": ""}, {"status": []}, {"status": None}]
    for way in ("plans", "syncs"):
        for body in ({"record_ids": [str(record)]}, *({"filter": f} for f in filters)):
            answer = await admin.call("POST", f"{path}/{way}", json=body, expected=202)
            assert answer["total"] == 1, body

    published = await admin.published(path, "create.plan")
    assert {(s["topic"], s["lane"]) for s in published} == {("syncer.commands.v1", "real_time")}
    chosen = {"record_id": str(record), "source_rev": 1, "status": "needs_sync"}
    assert [s["body"]["records"] for s in published] == [[chosen]] * 12
    assert [s["body"]["apply"] for s in published] == [False] * 6 + [True] * 6


async def test_what_was_just_asked_for_has_no_records_yet_but_is_there(admin: World) -> None:
    """A page may open it before its owner has heard of it."""
    path = await admin.company()
    await admin.staged(path, "A")
    made = await admin.call("POST", f"{path}/plans", json={"filter": {}}, expected=202)
    begun = await admin.call("POST", f"{path}/imports", json={"mode": "new"}, expected=202)

    for place in (f"plans/{made['plan_id']}", f"runs/{made['plan_id']}", f"runs/{begun['run_id']}"):
        assert await admin.call("GET", f"{path}/{place}/records") == {"items": [], "next": None}, place
    await admin.call("GET", f"{path}/plans/{uuid4()}/records", expected=404)


async def test_the_ids_of_a_list_are_those_of_its_records_and_go_on_where_a_page_ended(admin: World) -> None:
    path = await admin.company()
    await admin.staged(path, "A", "B", "C")
    records = await admin.call("GET", f"{path}/records?sort=name")
    first = await admin.call("GET", f"{path}/record-ids?sort=name&limit=2")
    rest = await admin.call("GET", f"{path}/record-ids?sort=name&after={first['next']}")
    assert [*first["ids"], *rest["ids"]] == [row["record_id"] for row in records["items"]]
    assert (len(first["ids"]), rest["next"]) == (2, None)


async def test_more_records_than_the_rules_allow_are_synced_by_a_plan_alone(admin: World) -> None:
    """However they are chosen; a retry of one record, and what a schedule starts, have no such limit."""
    path = await admin.company()
    a, b = await admin.staged(path, "A", "B")
    made = await admin.call("POST", f"{path}/selections", json={"record_ids": [str(a)]}, expected=201)
    one, by_filter = {"record_ids": [str(a)]}, {"filter": {"q": "A"}}
    for body in (one, by_filter, {"selection_id": made["selection_id"]}):
        refused = await admin.call("POST", f"{path}/syncs", json=body, expected=409)
        assert (refused["direct_sync"], "Make a plan" in refused["detail"]) == (0, True)
    assert await admin.published(path, "create.plan") == []
    await admin.call("POST", f"{path}/records/{a}/retry", expected=202)
    await admin.call("POST", f"{path}/plans", json={"filter": {}}, expected=202)

    await admin.call("PATCH", f"{path}/route/rules", json={"direct_sync": 1})
    assert (await admin.call("POST", f"{path}/syncs", json=by_filter, expected=202))["total"] == 1
    refused = await admin.call("POST", f"{path}/syncs", json={"record_ids": [str(a), str(b)]}, expected=409)
    assert "At most 1 record is" in refused["detail"]
    assert len(await admin.published(path, "create.plan")) == 2


async def test_a_selection_is_pushed_as_it_was_and_expires(admin: World) -> None:
    path = await admin.company(direct_sync=10)
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

    (published,) = await admin.published(path, "sync.records")
    assert [r["record_id"] for r in published["body"]["records"]] == [str(record)]


async def test_what_a_person_decides_about_a_record_is_a_command_of_theirs(admin: World) -> None:
    path = await admin.company()
    (record,) = await admin.staged(path, "A")
    await admin.call("DELETE", f"{path}/records/{record}/retry", expected=202)
    await admin.call("DELETE", f"{path}/records/{uuid4()}/retry", expected=404)

    (published,) = await admin.published(path, "stop.retry")
    assert (published["topic"], published["body"]) == ("syncer.commands.v1", {"record_id": str(record)})
    assert published["actor"]


async def test_each_drifted_field_is_decided_once_and_what_writes_is_a_run(admin: World) -> None:
    path = await admin.company()
    (record,) = await admin.staged(path, "A")
    about, seen = f"{path}/records/{record}/drift", {"source_rev": 1, "destination_rev": 2}
    for wrong in ({}, {"adopt": ["phone"], "overwrite": ["phone"]}):
        await admin.call("POST", about, json={**seen, **wrong}, expected=422)
    body = {**seen, "adopt": ["phone"]}
    await admin.call("POST", f"{path}/records/{uuid4()}/drift", json=body, expected=404)

    run = (await admin.call("POST", about, json=body, expected=202))["run_id"]
    stands = await admin.call("POST", about, json={**seen, "let_stand": ["phone"]}, expected=202)

    assert stands == {"run_id": None}
    adopting, standing = await admin.published(path, "decide.drift")
    assert (adopting["body"]["run_id"], adopting["body"]["adopt"]) == (run, ["phone"])
    assert (adopting["topic"], adopting["lane"]) == ("syncer.commands.v1", "real_time")
    assert standing["body"]["let_stand"] == ["phone"]
    assert (await admin.call("GET", f"{path}/runs/{run}"))["state"] == "queued"


async def test_nothing_that_matches_is_no_run(admin: World) -> None:
    path = await admin.company()

    await admin.call("POST", f"{path}/syncs", json={"filter": {"q": "nobody"}}, expected=409)
    assert await admin.published(path, "create.plan") == []


async def decide(
    admin: World,
    path: str,
    record: UUID,
    expected: int,
    *,
    headers: dict[str, str] | None = None,
    **body: Any,
) -> dict[str, Any]:
    found: dict[str, Any] = await admin.call(
        "POST", f"{path}/records/{record}/decision", json=body, headers=headers, expected=expected
    )
    return found


async def test_a_persons_decision_becomes_a_command_of_theirs(admin: World) -> None:
    path = await admin.company()
    (record, linked), (there, _) = await admin.matched(path, ["A", "B"], ["X", "Y"], B="Y")
    link = {"decision": "link", "destination_record_id": str(there), "then_push": True}
    await decide(admin, path, record, 202, **link)
    await decide(admin, path, linked, 202, decision="unlink")
    for _ in range(2):
        await decide(admin, path, record, 202, headers={"Idempotency-Key": "once"}, decision="create")

    published = [s for s in await admin.published(path) if s["topic"] == "mapper.commands.v1"]
    assert [s["type"] for s in published] == ["link.record", "unlink.record", "create.record"]
    assert published[0]["body"] == {
        "record_id": str(record),
        "destination_record_id": str(there),
        "then_push": True,
    }
    assert {s["lane"] for s in published} == {"real_time"}


async def test_a_decision_that_cannot_be_carried_out_is_refused_at_once(admin: World) -> None:
    path, other = await admin.company(), await admin.company()
    (a, b), (x, y) = await admin.matched(path, ["A", "B"], ["X", "Y"], B="Y")
    (theirs,), (far,) = await admin.matched(other, ["C"], ["Z"])

    async def refused(record: UUID, there: UUID, status: int) -> dict[str, Any]:
        return await decide(admin, path, record, status, decision="link", destination_record_id=str(there))

    assert (await refused(a, y, 409))["linked_to"] == str(b)
    for record, there, status in (
        (a, uuid4(), 404), (a, far, 404), (theirs, x, 404), (uuid4(), x, 404), (a, b, 422), (x, y, 422),
    ):  # fmt: skip
        await refused(record, there, status)
    for record, status in ((a, 409), (theirs, 404), (uuid4(), 404), (y, 422)):
        await decide(admin, path, record, status, decision="unlink")
    for record, status in ((theirs, 404), (uuid4(), 404), (x, 422)):
        await decide(admin, path, record, status, decision="create")
    assert [s for s in await admin.published(path) if s["topic"] == "mapper.commands.v1"] == []


async def test_a_decision_asked_again_with_its_key_has_the_same_answer_though_it_is_carried_out(
    admin: World,
) -> None:
    path = await admin.company()
    (a, _), (x, _) = await admin.matched(path, ["A", "B"], ["X", "Y"])
    link = {"decision": "link", "destination_record_id": str(x)}
    await decide(admin, path, a, 202, headers={"Idempotency-Key": "k"}, **link)
    await admin.matched(path, [], [], B="X")
    await decide(admin, path, a, 202, headers={"Idempotency-Key": "k"}, **link)
    await decide(admin, path, a, 409, **link)


async def test_many_are_decided_at_once_and_those_that_cannot_be_are_named(admin: World) -> None:
    path = await admin.company()
    (a, b, c), (x, y) = await admin.matched(path, ["A", "B", "C"], ["X", "Y"], C="Y")

    async def many(expected: int, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = await admin.call("POST", f"{path}/cases/decide", json=body, expected=expected)
        return found

    pairs = [{"record_id": str(s), "destination_record_id": str(d)} for s, d in ((a, x), (b, x), (b, y))]
    answer = await many(202, decision="link", pairs=[pairs[0], pairs[1]])
    assert (answer["accepted"], [k["record_id"] for k in answer["conflicts"]]) == (1, [str(b)])
    answer = await many(202, decision="link", pairs=[pairs[2]])
    assert (answer["accepted"], answer["conflicts"][0]["linked_to"]) == (0, str(c))
    stale = {"record_id": str(a), "link_rev": 99}
    assert (await many(202, decision="later", pairs=[stale]))["accepted"] == 0
    for wrong in (
        {"decision": "link", "pairs": [{"record_id": str(a)}]},
        {"decision": "later", "pairs": [pairs[0]]},
        {"decision": "exclude", "pairs": [{"record_id": str(a)}]},
        {"decision": "later", "pairs": [{"record_id": str(a)}] * 2},
        {"decision": "later", "pairs": [{"record_id": str(a)}], "then_push": True},
    ):
        await many(422, **wrong)
    sent = [s for s in await admin.published(path) if s["topic"] == "mapper.commands.v1"]
    assert [(s["type"], s["body"]["record_id"]) for s in sent] == [("link.record", str(a))]


async def test_records_that_are_not_here_are_not_pushed_or_selected(admin: World) -> None:
    path, other = await admin.company(), await admin.company()
    (mine,), (theirs,) = await admin.staged(path, "A"), await admin.staged(other, "B")
    for strange in (theirs, uuid4()):
        chosen = {"record_ids": [str(mine), str(strange)]}
        await admin.call("POST", f"{path}/syncs", json=chosen, expected=404)
        await admin.call("POST", f"{path}/selections", json=chosen, expected=404)
    assert await admin.published(path, "create.plan") == []


async def test_nothing_is_asked_of_a_system_that_is_disconnected(admin: World) -> None:
    path = await admin.company()
    (record,) = await admin.staged(path, "A")
    route = (await admin.call("GET", path))["route"]
    for end in (route["source"], route["destination"]):
        await admin.call("POST", f"{path}/accounts/{end}/disconnect")
    hints = {"remote_ids": ["1"]}
    published = len(await admin.published(path))
    for address, body in (
        ("/imports", {"mode": "new"}),
        ("/syncs", {"record_ids": [str(record)]}),
        (f"/records/{record}/retry", None),
        (f"/accounts/{route['source']}/notifications", hints),
    ):
        answer = await admin.call("POST", f"{path}{address}", json=body, expected=409)
        assert "disconnected" in answer["detail"]
    assert len(await admin.published(path)) == published


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
    path = await admin.company(direct_sync=10)
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


async def test_while_an_owner_is_away_what_needs_it_says_so_and_the_rest_goes_on(admin: World) -> None:
    path = await admin.company()
    admin.away()
    for method, address, body in (("GET", "candidates", None), ("POST", "decision", {"decision": "create"})):
        answer = await admin.http.request(
            method, f"{path}/records/{uuid4()}/{address}", headers={"X-Muster": "1"}, json=body
        )
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:muster:problem:unavailable")
        assert answer.headers["retry-after"]
    await admin.call("POST", f"{path}/imports", json={"mode": "new"}, expected=202)


async def test_an_import_and_a_push_are_cancelled_by_a_command(admin: World) -> None:
    path = await admin.company()
    run = (await admin.call("POST", f"{path}/imports", json={"mode": "all"}, expected=202))["run_id"]
    await admin.call("POST", f"{path}/runs/{run}/cancel", expected=202)
    (command,) = await admin.published(path, "cancel.import")
    assert (command["body"], command["topic"]) == ({"run_id": run}, "importer.commands.v1")
    await admin.call("POST", f"{path}/runs/{uuid4()}/cancel", expected=404)
    (record,) = await admin.staged(path, "x")
    sync = (await admin.call("POST", f"{path}/records/{record}/retry", expected=202))["run_id"]
    await admin.call("POST", f"{path}/runs/{sync}/cancel", expected=202)
    (command,) = await admin.published(path, "cancel.plan")
    assert (command["body"], command["topic"]) == ({"run_id": sync}, "syncer.commands.v1")


async def test_who_may_see_the_company_is_named_with_their_roles(admin: World) -> None:
    path = await admin.company()
    made = await admin.call(
        "POST", f"{path}/api-keys", json={"name": "Payroll", "role": "viewer"}, expected=201
    )
    me = await admin.call("GET", "/v1/session")
    assert await admin.call("GET", f"{path}/people") == [
        {"actor": me["actor"], "name": "Ann", "role": "admin", "email": EMAIL, "key": False},
        {"actor": f"key:{made['key_id']}", "name": "Payroll", "role": "viewer", "email": None, "key": True},
    ]
