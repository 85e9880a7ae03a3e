"""history on a real PostgreSQL: any order of events gives the same views, counters equal the rows, the log only grows."""

import asyncio
import itertools
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.history.store import read
from shared.contracts.events import (
    Basis,
    DirectoryComplete,
    EmployeeChanged,
    EmployeeRemoved,
    EmployeeStaged,
    EmployeeUnreadable,
    ImportCompleted,
    ImportProgressed,
    ImportStarted,
    Message,
    PushPlanned,
    PushSucceeded,
    RecordDeleted,
    RecordLinked,
    RecordUnmatched,
    StatusChanged,
    SyncCompleted,
    SyncStarted,
)
from shared.domain.employee import Change, Employee, PlannedChange
from shared.domain.search import searchable
from shared.domain.values import Cause, Lane, Status
from tests.integration.history.conftest import START, World

pytestmark = pytest.mark.asyncio
_VIEWS = (
    "SELECT company_id, record_id, account_id, source_rev, removed, number, name, search, status, reason, status_rev, situation,"
    " link_rev, destination_record_id, synced_at FROM record_view ORDER BY record_id"
)
_FACTS = (
    "SELECT record_id, rev, employee_rev, removed, name, employee::text FROM snapshots ORDER BY record_id"
)
_COUNTERS = "SELECT account_id, status, count FROM counters WHERE count > 0 ORDER BY 1, 2"
_COUNTED = "SELECT account_id, status, count(*) FROM record_view WHERE account_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"


def staged(w: World, remote: str, rev: int = 1, side: str = "source", **values: Any) -> Message[Any]:
    body = EmployeeStaged(
        record_id=w.id(side, remote), account_id=w.account(side), remote_id=remote, rev=rev,
        employee=Employee(**(values or {"first_name": remote, "last_name": "Muñoz"})),
        requested_at=START, answered_at=START, cause=Cause.IMPORT,
    )  # fmt: skip
    return w.message(body, lane=Lane.BULK)


def decided(w: World, remote: str, rev: int = 1) -> dict[str, Any]:
    return {
        "record_id": w.id("source", remote), "account_id": w.account("source"),
        "destination_account_id": w.account("destination"), "link_rev": rev, "source_rev": 1,
    }  # fmt: skip


def linked(w: World, remote: str, rev: int = 1, to: str = "d1") -> Message[Any]:
    there: dict[str, Any] = {
        "destination_record_id": w.id("destination", to),
        "destination_remote_id": to,
        "origin": "auto",
    }
    return w.message(RecordLinked(**decided(w, remote, rev), **there))


def status(w: World, remote: str, rev: int, value: Status, reason: str = "", **more: Any) -> Message[Any]:
    return w.message(
        StatusChanged(record_id=w.id("source", remote), status_rev=rev, status=value, reason=reason, **more)
    )


def again(w: World, event: Message[Any]) -> Message[Any]:
    """The same event under a fresh id, so that the log takes it once more."""
    return event._replace(id=w.message(event.body).id)


async def check_counters(w: World) -> None:
    assert await w.rows(_COUNTERS) == await w.rows(_COUNTED)


async def test_a_record_is_shown_as_being_checked_until_syncer_speaks(world: World) -> None:
    await world.tell(world.settings(), staged(world, "s1", number="7", first_name="Ana", last_name="Muñoz"))
    page = await world.get("/records")
    (row,) = page["items"]
    assert (row["name"], row["number"], row["status"], row["reason"]) == (
        "Ana Muñoz",
        "7",
        "needs_sync",
        "checking",
    )
    assert row["reason_text"] == "Muster is looking for this person in QuickBooks Online."
    assert page["counts"] == {"needs_sync": 1}
    assert page["total"] == 1
    await check_counters(world)


async def test_every_status_has_its_place_in_the_order_of_lists(world: World) -> None:
    await world.tell(world.settings(), *(staged(world, s) for s in Status))
    await world.tell(*(status(world, s, 1, s) for s in Status))
    shown = [row["status"] for row in (await world.get("/records", sort="status"))["items"]]
    assert set(shown) == set(Status) and len(shown) == len(Status)
    assert shown[-1] == "excluded"


async def test_a_failed_record_shows_when_it_is_tried_again(world: World) -> None:
    """Until the next status; its run counts it apart."""
    await world.tell(world.settings(), staged(world, "s1"))
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)
    await world.tell(status(world, "s1", 1, Status.FAILED, "unavailable", retry_at=at))
    (row,) = (await world.get("/records"))["items"]
    assert (row["status"], datetime.fromisoformat(row["retry_at"])) == ("failed", at)

    await world.tell(status(world, "s1", 2, Status.SYNCED))
    assert None is (await world.get("/records"))["items"][0]["retry_at"]


async def test_every_order_of_the_same_events_gives_the_same_views(world: World) -> None:
    story = [
        world.settings(),
        world.settings(2, flipped=True),
        world.settings(3),
        staged(world, "s1", 1, first_name="Ana"),
        staged(world, "s1", 2, first_name="Anna"),
        world.message(
            EmployeeRemoved(
                record_id=world.id("source", "s1"),
                account_id=world.account("source"),
                remote_id="s1",
                rev=3,
                cause=Cause.READ,
            )
        ),
        staged(world, "s2", 1),
        world.message(
            EmployeeUnreadable(
                record_id=world.id("source", "s3"),
                account_id=world.account("source"),
                remote_id="s3",
                rev=1,
                reason="unreadable",
            )
        ),
        staged(world, "d1", 1, "destination"),
        staged(world, "d1", 2, "destination", first_name="Dora"),
        world.message(
            DirectoryComplete(
                account_id=world.account("source"), generation=1, as_of=START, base=START, part=0, parts=1
            )
        ),
        world.message(RecordUnmatched(**decided(world, "s1", 1))),
        linked(world, "s1", 2),
        world.message(
            RecordDeleted(**decided(world, "s1", 3), destination_record_id=world.id("destination", "d1"))
        ),
        linked(world, "s2", 1, "d2"),
        status(world, "s1", 1, Status.NEEDS_SYNC, "not_pushed"),
        status(world, "s1", 2, Status.SYNCING, "queued"),
        status(world, "s1", 3, Status.SYNCED, synced_at=START),
        status(world, "s2", 1, Status.FAILED, "unavailable"),
        status(world, "s2", 2, Status.FAILED, "rate_limited"),
        status(world, "s3", 1, Status.NEEDS_ACTION, "unreadable"),
    ]
    results = []
    for seed in range(40):
        async with world.database.transaction([world.company]) as tx:
            for table in ("snapshots", "record_view", "counters", "company_settings"):
                await tx.execute(f"DELETE FROM {table}")
            await tx.execute("UPDATE chain_heads SET source_account_id = NULL")
        order = list(story)
        random.Random(seed).shuffle(order)
        order = order if seed else story
        await world.tell(*(again(world, event) for event in order))
        await check_counters(world)
        results.append(
            (
                await world.rows(_FACTS),
                [r for r in await world.rows(_VIEWS) if r[2] == world.account("source")],
            )
        )
    assert len(results[0][1]) == 3
    assert all(result == results[0] for result in results)
    assert (await world.get("/verify"))["ok"]


async def test_facts_consumed_before_the_settings_appear_with_them_and_a_flip_shows_the_other_side(
    world: World,
) -> None:
    await world.tell(
        staged(world, "s1"), staged(world, "d1", 1, "destination"), status(world, "s1", 1, Status.SYNCED, "")
    )
    assert (await world.get("/records"))["items"] == []
    await world.tell(world.settings())
    page = await world.get("/records")
    assert [(r["remote_id"], r["status"]) for r in page["items"]] == [("s1", "synced")]
    await world.tell(world.settings(2, flipped=True))
    page = await world.get("/records")
    assert [(r["remote_id"], r["status"]) for r in page["items"]] == [("d1", "needs_sync")]
    assert page["counts"] == {"needs_sync": 1}
    await world.tell(world.settings(3), staged(world, "s1", 2, first_name="New"))
    assert [r["name"] for r in (await world.get("/records"))["items"]] == ["New"]
    await check_counters(world)


async def everything_of(
    world: World, path: str, name: str, params: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """All of a list, page by page, and the last page."""
    found: list[Any] = []
    page = await world.get(path, **params)
    while True:
        found += page[name]
        if page["next"] is None:
            return found, page
        page = await world.get(path, **params, after=page["next"])


@pytest.mark.parametrize("few", [2000, -1], ids=["sorted", "walked"])
async def test_every_sort_pages_through_everything_once_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    draw = random.Random(1)
    await world.tell(
        world.settings(),
        *(staged(world, f"s{n}", n + 1, number=str(draw.randrange(30)) if n % 4 else None, first_name=draw.choice("abÁ"))
          for n in range(57)),
        *(status(world, f"s{n}", 1, draw.choice(list(Status)), "", synced_at=START if n % 3 else None) for n in range(40)),
    )  # fmt: skip
    await check_counters(world)
    monkeypatch.setattr(read, "FEW", few)
    monkeypatch.setattr(read, "_sorts", lambda *_: few > 0)
    order = ["failed", "needs_action", "held", "needs_sync", "syncing", "synced", "excluded"]
    everything = {r["record_id"]: r for r in (await world.get("/records", limit=500))["items"]}
    in_order: dict[str, Callable[[Any], Any]] = {
        "number": lambda r: r["number"] and r["number"].rjust(32),
        "name": lambda r: searchable(f"{r['name']} {r['email'] or ''} {r['number'] or ''}"),
        "status": lambda r: (order.index(r["status"]), r["synced_at"] or ""),
        "synced_at": lambda r: r["synced_at"],
    }
    filters: list[dict[str, Any]] = [
        {},
        {"status": ["needs_sync", "failed"]},
        {"q": "a"},
        {"q": "a", "status": "held"},
    ]
    for sort, asked in itertools.product(in_order, filters):
        wanted = [r for r in everything.values() if r["status"] in asked.get("status", r["status"])]
        wanted = [r for r in wanted if asked.get("q", "") in searchable(r["name"])]
        wanted.sort(key=lambda r: (in_order[sort](r) or "", r["record_id"]))
        assert len(wanted) > 1
        for direction, turned in (("asc", wanted), ("desc", wanted[::-1])):
            # What has no value comes last in either direction.
            expected = sorted(turned, key=lambda r: in_order[sort](r) is None)
            params: dict[str, Any] = {"sort": f"{sort}:{direction}", "limit": 10, **asked}
            items, page = await everything_of(world, "/records", "items", params)
            assert page["total"] == len(expected)
            assert items == expected, (sort, asked, direction)
            ids, _ = await everything_of(world, "/record-ids", "ids", params)
            assert ids == [r["record_id"] for r in expected], (sort, asked, direction)
    wrong = await world.get("/records", sort="name:desc", limit=10)
    assert (await world.get("/records", 422, sort="name", after=wrong["next"]))["type"].endswith(":invalid")
    for params in (
        {"sort": "x"},
        {"limit": 501},
        {"limit": 0},
        {"q": ""},
        {"after": "%%"},
        {"status": "nonsense"},
    ):
        assert (await world.get("/records", 422, **params))["type"].endswith(":invalid")


async def test_a_name_is_found_without_its_apostrophe_with_another_or_with_extra_blanks(world: World) -> None:
    """In lists and in what a filter selects; a query of nothing but an apostrophe asks for nothing."""
    await world.tell(
        world.settings(),
        staged(world, "s1", 1, first_name="Séan", last_name="O\u2019Keefe"),
        staged(world, "s2", 2, first_name="Ana", last_name="Li"),
    )
    for q in ("okeefe", "o'keefe", "O\u02bcKEEFE", "sean  okeefe", " sean o`keefe "):
        assert [r["name"] for r in (await world.get("/records", q=q))["items"]] == ["Séan O\u2019Keefe"], q
        assert len(await world.post("/records/resolve", {"filter": {"q": q}})) == 1
    assert len((await world.get("/records", q="'"))["items"]) == 2


async def test_row_security_leaves_the_indexes_of_every_sort_in_use(world: World) -> None:
    place = (world.company, world.account("source"))
    async with world.database.transaction([world.company]) as tx:
        await tx.execute("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        for sort, text in (("number", "1"), ("name", "a"), ("status", "d"), ("synced_at", "")):
            for sql, sign in ((read._WALK_UP, ">"), (read._WALK_DOWN, "<")):
                (span, *_) = read._SPANS[sort]
                rows = await tx.fetch(
                    f"EXPLAIN {sql}", *place, sort, text, START, UUID(int=5), [], None, 11, *span
                )
                conditions = [r[0] for r in rows if "Index Cond" in r[0]]
                assert any(f") {sign} ROW(" in c for c in conditions), (sort, sign, conditions)


async def test_few_records_of_a_status_are_found_by_its_index(world: World) -> None:
    """And they are sorted where walking to a page of them would take longer: what one in 200 has, among a million."""
    place = (world.company, world.account("source"), "name", None, None, None, ["failed"], None, 11)
    async with world.database.transaction([world.company]) as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        for sql in (read._FEW_UP, read._FEW_IDS_DOWN):
            rows = await tx.fetch(f"EXPLAIN {sql}", *place, *read._EVERYTHING, None)
            # With the very key in it, so that the planner knows how few they are.
            assert any("Index Cond" in r[0] and "status_key = ANY ('{a}'::text[])" in r[0] for r in rows), (
                rows
            )
    counts = {"failed": 5_000, "needs_sync": 100_000, "synced": 895_000}
    known = read.Survey(UUID(int=1), counts, None, counts)
    assert read._sorts(known, read.Filter(["failed"]), 100)
    assert not read._sorts(known, read.Filter(["needs_sync"]), 100)
    assert not read._sorts(known, read.Filter(["failed"], "%a%"), 100)
    assert not read._sorts(known, read.Filter(), 100)


async def test_no_statistics_change_how_a_page_is_walked(world: World) -> None:
    """A status is looked up record by record, for a join may begin with all who have it; where none is asked for, by nobody."""
    place = (world.company, world.account("source"))
    async with world.database.reading(world.company) as tx:
        for sort in ("number", "name"):
            (span, *_) = read._SPANS[sort]
            for statuses in ([], ["needs_sync", "synced"]):
                args = (*place, sort, None, None, None, statuses, None, 11, *span)
                plan = [r[0] for r in await tx.fetch(f"EXPLAIN {read._WALK_IDS_UP}", *args)]
                looked_up = [i for i, line in enumerate(plan) if "record_view" in line]
                assert len(looked_up) == (1 if statuses else 0), plan
                assert not any("Join" in line or "Nested Loop" in line for line in plan), plan
                assert all("record_id = f.record_id" in plan[i + 1] for i in looked_up), plan


async def test_a_common_text_is_counted_along_the_index_of_statuses(world: World) -> None:
    async with world.database.reading(world.company) as tx:
        args = (world.company, world.account("source"), "%a%", 0.1)
        plan = [r[0] for r in await tx.fetch(f"EXPLAIN {read._WALK_COUNT}", *args)]
    (at,) = [i for i, line in enumerate(plan) if "using record_view_status" in line]
    assert "status_key = CASE" in plan[at + 1], plan
    assert not any("Sort" in line for line in plan[at - 2 : at]), plan


async def test_a_text_is_counted_alike_however_common_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly up to the bound; of more, as many of each status as there are, or fewer."""
    monkeypatch.setattr(read, "COUNTED", 5)
    monkeypatch.setattr(read, "FEW", 2)
    monkeypatch.setattr(read, "_GLANCE", 4)
    monkeypatch.setattr(read, "_MOST_WALKED", 16)
    having = (1, 3, 5, 6, 12, 24)
    texts = [f"x{k}x" for k in having]
    people = [" ".join(t for t, k in zip(texts, having, strict=True) if n < k) for n in range(24)]
    await world.tell(
        world.settings(),
        *(staged(world, f"s{n}", last_name=f"Li {text}") for n, text in enumerate(people)),
        *(status(world, f"s{n}", 1, Status.FAILED, "internal") for n in range(0, 24, 3)),
    )
    for text, k in zip(texts, having, strict=True):
        page = await world.get("/records", q=text)
        assert (page["total"], page["at_least"]) == (min(5, k), k > 5), text
        assert sum(page["counts"].values()) == page["total"], text
        failed = len(range(0, k, 3))
        assert page["counts"].get("failed", 0) <= failed, text
        assert page["counts"].get("needs_sync", 0) <= k - failed, text
    assert page["counts"] == {"failed": 1, "needs_sync": 4}  # of 8 and 16, in proportion


async def test_a_search_that_finds_very_many_counts_some_and_shows_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list goes on beyond what was counted, in order, also with one status; exact counts are exact to the last."""
    monkeypatch.setattr(read, "FEW", 2)
    monkeypatch.setattr(read, "COUNTED", 5)
    people = [f"s{n:02}" for n in range(9)]
    failed = [status(world, one, 1, Status.FAILED, "internal") for one in people[7:]]
    await world.tell(world.settings(), *(staged(world, one) for one in people), *failed)

    async def walk(**wanted: Any) -> tuple[list[str], dict[str, Any]]:
        found: list[str] = []
        first = page = await world.get("/records", limit=2, **wanted)
        while True:
            found += [row["remote_id"] for row in page["items"]]
            if page["next"] is None:
                return found, first
            page = await world.get("/records", limit=2, after=page["next"], **wanted)

    for sort, expected in (("name", people), ("name:desc", people[::-1])):
        found, first = await walk(q="muñoz", sort=sort)
        assert (found, first["total"], sum(first["counts"].values()), first["at_least"]) == (
            expected,
            5,
            5,
            True,
        )
    found, first = await walk(q="muñoz", status="failed")
    assert (found, first["at_least"]) == (people[7:], True)
    monkeypatch.setattr(read, "COUNTED", 9)
    found, first = await walk(q="muñoz")
    assert (found, first["total"], first["at_least"]) == (people, 9, False)
    assert (await world.get("/records"))["at_least"] is False


async def test_a_text_without_trigrams_is_sought_by_the_planners_choice(world: World) -> None:
    """With every way open: when all were closed, it walked the primary key, in no order of the heap, through all companies."""
    sought = "SELECT record_id FROM snapshots WHERE company_id = $1 AND account_id = $2 AND search LIKE '%qz%' LIMIT 10"
    async with world.database.reading(world.company) as tx:
        assert await tx.fetchval(read._FOUND, world.company, world.account("source"), "%qz%", 10) == []
        own = await tx.fetchval("SELECT proconfig FROM pg_proc WHERE oid = 'found'::regproc")
        for name, value in (setting.split("=") for setting in own):
            await tx.execute("SELECT set_config($1, $2, true)", name, value)
        await tx.execute("SET LOCAL search_path = history, pg_temp")
        plan = await tx.fetch(f"EXPLAIN {sought}", world.company, world.account("source"))
        assert not any("Disabled" in row[0] for row in plan), plan


async def test_no_index_by_name_or_number_serves_a_search(world: World) -> None:
    """Before the first statistics come, the planner would walk everybody by it."""
    async with world.database.reading(world.company) as tx:
        body = await tx.fetchval("SELECT prosrc FROM pg_proc WHERE oid = 'found'::regproc")
        sought = body[body.index("SELECT f.") : body.rindex(");")].replace("LIMIT most", "LIMIT 10")
        for number, name in enumerate(("= company ", "= account)", "LIKE pattern"), 1):
            assert name in sought
            sought = sought.replace(name, name.replace(name.split()[1].rstrip(")"), f"${number}"))
        plan = await tx.fetch(f"EXPLAIN {sought}", world.company, world.account("source"), "%lindqvist%")
    conditions = [row[0] for row in plan if "Index Cond" in row[0]]
    assert conditions
    assert not any("account_id" in line for line in conditions), plan


async def test_search_finds_nothing_of_another_company(world: World) -> None:
    mine, other = world.company, UUID(int=2)
    await world.tell(world.settings(), staged(world, "s1", last_name="Lindqvist"))
    found = "SELECT found($1, $2, '%lindqvist%', 10)"
    async with world.database.transaction([mine]) as tx:
        assert await tx.fetchval(found, mine, world.account("source")) == [world.id("source", "s1")]
    async with world.database.transaction([other]) as tx:
        assert await tx.fetchval(found, mine, world.account("source")) == []
        assert await tx.fetchval(found, other, world.account("source")) == []
    async with world.database.system() as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.fetchval(found, mine, world.account("source"))


async def test_search_and_resolve_see_the_same(world: World) -> None:
    await world.tell(
        world.settings(),
        staged(world, "s1", number="10%", first_name="José", last_name="Łukasz", email="J@x.org"),
        staged(world, "s2", number="100", first_name="Ann", last_name="O_Neil"),
        status(world, "s2", 1, Status.FAILED, "text_too_long", field="address_line1"),
    )
    one, two = ["s1"], ["s2"]
    cases = {"jose LUKASZ": one, "J@X": one, "10%": one, "o_n": two, "_": two, "\\": [], "0": one + two}
    for q, found in cases.items():
        page = await world.get("/records", q=q)
        assert sorted(r["remote_id"] for r in page["items"]) == found, q
        assert page["total"] == len(found)
        answer = await world.post("/records/resolve", {"filter": {"q": q}})
        assert sorted(r["record_id"] for r in answer) == sorted(r["record_id"] for r in page["items"])
    page = await world.get("/records", q="0", status="failed")
    assert (page["total"], page["counts"]) == (1, {"failed": 1, "needs_sync": 1})
    assert (
        page["items"][0]["reason_text"]
        == "The value of address line 1 is longer than QuickBooks Online takes."
    )
    ids = [str(world.id("source", "s1")), str(world.id("source", "nobody"))]
    answer = await world.post("/records/resolve", {"ids": ids})
    assert answer == [{"record_id": ids[0], "source_rev": 1, "status": "needs_sync"}]
    assert (await world.post("/records/resolve", {}, 422))["type"].endswith(":invalid")


@pytest.mark.behaviour("S27", "S64")
async def test_detail_and_timeline_tell_both_sides(world: World) -> None:
    change = {"email": Change(before=None, after="a@x.org")}
    planned = {"email": PlannedChange(before=None, after="a@x.org")}
    record, there, item = world.id("source", "s1"), world.id("destination", "d1"), UUID(int=9)
    basis = Basis(source_rev=1, settings_version=1, destination_account_id=world.account("destination"))
    first = staged(world, "s1", 1, first_name="Ana").body
    await world.tell(
        world.settings(),
        world.message(first),
        world.message(EmployeeChanged(**dict(first) | {"rev": 2, "changes": change})),
        linked(world, "s1"),
        world.message(PushPlanned(record_id=record, push_id=item, action="update", fields=planned, basis=basis), actor="ann"),
        world.message(
            PushSucceeded(
                record_id=record, push_id=item, action="update", destination_account_id=world.account("destination"),
                destination_record_id=there, destination_remote_id="d1", remote_version="2", requested_at=START,
                answered_at=START, employee=Employee(first_name="Ana"), source_rev=2,
            ), run_id=UUID(int=5),
        ),
        status(world, "s1", 1, Status.FAILED, "unavailable"),
        staged(world, "d1", 1, "destination", first_name="Ana", email=None),
    )  # fmt: skip
    detail = await world.get(f"/records/{record}")
    assert detail["destination_remote_id"] == "d1"
    assert detail["employee"] == {"first_name": "Ana"}
    assert detail["destination_employee"] == {"first_name": "Ana", "email": None}
    line = await world.get(f"/records/{record}/timeline")
    types = ["employee.staged", "status.changed", "push.succeeded", "push.planned", "record.linked"]
    types += ["employee.changed", "employee.staged"]
    assert [e["type"] for e in line["items"]] == types
    by_type = {e["type"]: e for e in line["items"]}
    email = {"email": {"before": None, "after": "a@x.org"}}
    assert all(by_type[t]["changes"] == email for t in ("employee.changed", "push.planned", "push.succeeded"))
    assert by_type["push.planned"]["actor"] == "ann"
    assert by_type["push.succeeded"]["run_id"] == str(UUID(int=5))
    assert by_type["status.changed"]["reason_text"] == "QuickBooks Online did not answer."
    assert line["items"][0]["detail"]["side"] == "destination"
    first_page = await world.get(f"/records/{record}/timeline", limit=4)
    rest = await world.get(f"/records/{record}/timeline", limit=4, after=first_page["next"])
    assert first_page["items"] + rest["items"] == line["items"]
    assert rest["next"] is None
    for path in (f"/records/{there}", f"/records/{there}/timeline", f"/runs/{there}"):
        await world.get(path, 404)
    await world.get(f"/records/{record}", 404, company=UUID(int=2))


async def test_runs_end_the_same_in_any_order(world: World) -> None:
    run, sync = UUID(int=5), UUID(int=6)
    counts = {"read": 5, "staged": 3, "changed": 1, "unchanged": 1, "unreadable": 0}
    story = [
        world.message(ImportStarted(run_id=run, account_id=world.account("source"), mode="all"), actor="ann"),
        world.message(ImportProgressed(run_id=run, **counts)),
        world.message(ImportCompleted(run_id=run, **counts | {"read": 9}, removed=2)),
        world.message(SyncStarted(run_id=sync, total=5, skipped={"moved": 1}), actor="bob"),
        world.message(
            SyncCompleted(run_id=sync, total=5, succeeded=3, failed=1, retrying=1, skipped={"moved": 1})
        ),
    ]
    results = []
    for seed in range(12):
        order = list(story)
        random.Random(seed).shuffle(order)
        async with world.database.transaction([world.company]) as tx:
            await tx.execute("DELETE FROM run_view")
        await world.tell(*(again(world, event) for event in order))
        results.append(await world.get("/runs"))
    assert all(result == results[0] for result in results)
    newest, oldest = results[0]["items"]
    assert (newest["kind"], newest["state"], newest["counts"]) == (
        "sync",
        "completed",
        {"failed": 1, "retrying": 1, "succeeded": 3, "total": 5},
    )
    assert (oldest["mode"], oldest["actor"], oldest["counts"]["read"], oldest["counts"]["removed"]) == (
        "all",
        "ann",
        9,
        2,
    )
    assert oldest.items() <= (await world.get(f"/runs/{run}")).items()
    page = await world.get("/runs", limit=1)
    assert (await world.get("/runs", limit=1, after=page["next"]))["items"] == [oldest]


async def test_the_log_only_grows(world: World, owner: str) -> None:
    await world.tell(world.settings(), *(staged(world, f"s{n}") for n in range(20)))
    assert (await world.get("/verify"))["entries"] == 21
    for sql in ("UPDATE log SET actor = 'x'", "DELETE FROM log", "TRUNCATE log", "DELETE FROM chain_heads"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.rows(sql)
    connection = await asyncpg.connect(owner, server_settings={"search_path": "history"})
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE log SET actor = 'x' WHERE n = 7")
    finally:
        await connection.close()


async def test_an_event_older_than_the_inbox_is_logged_once(world: World) -> None:
    old = world.message(staged(world, "s1").body, time=START.replace(year=START.year - 1))
    await world.tell(old)
    await world.tell(old, staged(world, "s2"))
    assert [e["n"] for e in (await world.get("/log"))["items"]] == [1, 2]


async def test_copies_working_on_the_same_companies_at_once_keep_chains_and_counters(world: World) -> None:
    companies = [UUID(int=n) for n in range(1, 5)]
    for company in companies:
        await world.tell(world.settings(company=company))
    batches = []
    for n in range(24):
        kind = (staged, linked, status)[n % 3]
        batch = []
        for company in random.Random(n).sample(companies, 4):
            world.company = company
            more = (n, random.Random(n).choice(list(Status))) if kind is status else ()
            batch += [kind(world, f"s{i}", *more) for i in range(10)]
        batches.append(batch)
    await asyncio.gather(*(world.tell(*batch) for batch in batches))
    for company in companies:
        world.company = company
        await check_counters(world)
        assert (await world.get("/verify"))["ok"]
        assert (await world.get("/records"))["total"] == 10


async def test_one_hint_a_company_and_batch(world: World) -> None:
    await world.tell(world.settings(), *(staged(world, f"s{n}") for n in range(3)))
    await world.tell(*(staged(world, f"t{n}") for n in range(101)))
    published = await world.rows(
        "SELECT topic, lane, said->>'position',"
        " CASE json_typeof(said->'records') WHEN 'array' THEN json_array_length(said->'records') END FROM"
        " (SELECT id, topic, lane, convert_from(body, 'UTF8')::json AS said FROM outbox) AS o ORDER BY id"
    )
    assert published == [("views.v1", 0, "1", None), ("views.v1", 0, "4", 3), ("views.v1", 0, "105", None)]
