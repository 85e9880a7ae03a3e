"""What people decide: carried out, sticky, published for the history, and taken back; and the lists they decide from."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.mapper.api import make_routes
from shared.contracts.commands import (
    CreateRecord,
    ExcludeRecord,
    IncludeRecord,
    LinkRecord,
    PostponeRecord,
    RefuseMatch,
    UndoDecision,
    UnlinkRecord,
)
from shared.http import problems

pytestmark = pytest.mark.asyncio
JOHN = {"number": "7", "first_name": "John", "last_name": "Miller", "email": "j@x.org"}
JON = {"first_name": "Jon", "last_name": "Miller"}


@pytest_asyncio.fixture
async def http(world: Any) -> AsyncIterator[AsyncClient]:
    """mapper's internal API."""
    app = FastAPI()
    problems.install(app)
    app.include_router(make_routes(world.database, world.settings))
    base = f"http://m/internal/{world.company}"
    headers = {"Authorization": "Bearer t"}
    async with AsyncClient(transport=ASGITransport(app), base_url=base, headers=headers) as client:
        yield client


async def _case(world: Any) -> tuple[Any, Any]:
    """`s1` may be `d1`, by the name alone."""
    await world.set(world.document())
    await world.tell(*world.markers("destination"), world.staged("destination", "d1", **JON))
    await world.tell(world.staged("source", "s1", **JOHN))
    assert (await world.last("s1"))["type"] == "record.disputed"
    return world.id("source", "s1"), world.id("destination", "d1")


async def _made(world: Any) -> list[tuple[str, str, str | None]]:
    published = await world.published()
    return [(m["decision"], m["outcome"], m["actor"]) for m in published if m["type"] == "decision.made"]


async def test_two_that_are_not_the_same_are_never_offered_again(world: Any) -> None:
    s1, d1 = await _case(world)
    await world.command(RefuseMatch(record_id=s1, destination_record_id=d1))
    assert (await world.last("s1"))["type"] == "record.unmatched"
    await world.tell(world.staged("destination", "d1", **JOHN))
    await world.tell(world.staged("source", "s1", **JOHN, title="Foreman"))
    assert (await world.last("s1"))["type"] == "record.unmatched"
    assert not await world.links()
    assert await _made(world) == [("not_same", "done", "ann")]
    await world.command(LinkRecord(record_id=s1, destination_record_id=d1))
    assert await world.links() == {(s1, d1)}
    await world.command(UnlinkRecord(record_id=s1))
    assert (await world.last("s1"))["type"] == "record.disputed"


async def test_an_excluded_record_stays_excluded_with_its_link_until_it_is_included(world: Any) -> None:
    s1, d1 = await _case(world)
    await world.command(LinkRecord(record_id=s1, destination_record_id=d1))
    await world.command(ExcludeRecord(record_id=s1, reason="Works for another company"))
    received = await world.last("s1")
    assert (received["type"], received["destination_record_id"]) == ("record.excluded", str(d1))
    await world.tell(world.staged("source", "s1", **JOHN, title="Foreman"))
    assert (await world.last("s1"))["type"] == "record.excluded"
    await world.tell(world.removed("source", "s1", rev=9))
    assert (await world.last("s1"))["type"] == "record.excluded"
    await world.tell(world.staged("source", "s1", rev=10, **JOHN))
    await world.command(IncludeRecord(record_id=s1))
    assert ((await world.last("s1"))["type"], await world.links()) == ("record.linked", {(s1, d1)})
    made = [m for m in await world.published() if m["type"] == "decision.made"]
    assert [(m["decision"], m["note"]) for m in made][1:] == [
        ("exclude", "Works for another company"),
        ("include", ""),
    ]


async def test_the_last_decision_is_taken_back_whatever_it_was(world: Any) -> None:
    s1, d1 = await _case(world)
    for command in (
        LinkRecord(record_id=s1, destination_record_id=d1),
        RefuseMatch(record_id=s1, destination_record_id=d1),
        CreateRecord(record_id=s1),
        ExcludeRecord(record_id=s1, reason="x"),
        PostponeRecord(record_id=s1),
    ):
        await world.command(command)
        await world.command(UndoDecision(record_id=s1))
        assert (await world.last("s1"))["type"] == "record.disputed", command
        assert await world.rows("SELECT * FROM decisions") == []
        assert not await world.links()
    await world.command(LinkRecord(record_id=s1, destination_record_id=d1))
    await world.command(UnlinkRecord(record_id=s1))
    await world.command(UndoDecision(record_id=s1))
    assert await world.links() == {(s1, d1)}
    (linked,) = await world.rows("SELECT origin, actor FROM links")
    assert tuple(linked) == ("manual", "ann")


async def test_an_undo_that_would_take_a_person_from_another_record_changes_nothing(world: Any) -> None:
    s1, d1 = await _case(world)
    await world.tell(world.staged("source", "s2", first_name="Ann", last_name="Other"))
    await world.command(LinkRecord(record_id=s1, destination_record_id=d1))
    await world.command(UnlinkRecord(record_id=s1))
    await world.command(LinkRecord(record_id=world.id("source", "s2"), destination_record_id=d1))
    await world.command(UndoDecision(record_id=s1))
    assert await world.links() == {(world.id("source", "s2"), d1)}
    assert (await _made(world))[-1] == ("undo", "link_taken", "ann")


async def test_a_new_record_that_is_to_be_pushed_says_so(world: Any) -> None:
    s1, _ = await _case(world)
    await world.command(CreateRecord(record_id=s1, then_push=True))
    received = await world.last("s1")
    assert (received["type"], received["then_push"]) == ("record.unmatched", True)


async def test_cases_are_listed_by_name_page_by_page(world: Any, http: AsyncClient) -> None:
    await world.set(world.document())
    names = ["Ábel", "Brown", "Clark", "O’Keefe"]
    await world.tell(*world.markers("destination"), *(
        world.staged("destination", f"d{n}", first_name="Zoë", last_name=name) for n, name in enumerate(names)
    ))  # fmt: skip
    await world.tell(*(
        world.staged("source", f"s{n}", first_name="Zoe", last_name=name) for n, name in enumerate(names)
    ))  # fmt: skip
    first = (await http.get("/cases", params={"limit": 3})).json()
    rest = (await http.get("/cases", params={"limit": 3, "after": first["next"]})).json()
    found = [*first["items"], *rest["items"]]
    assert sorted(c["record"]["name"] for c in found) == sorted(f"Zoe {n}" for n in names)
    assert len({c["record"]["record_id"] for c in found}) == len(names)
    assert (first["total"], rest["next"], sum(first["counts"].values())) == (4, None, 4)
    by_name = {c["record"]["name"]: c for c in found}
    assert by_name["Zoe Ábel"]["first"]["remote_id"] == "d0"
    assert by_name["Zoe Ábel"]["candidates"] == 1 and by_name["Zoe Ábel"]["reason_text"]
    for q, expected in (
        ("abel", ["Zoe Ábel"]),
        ("zoë CLARK", ["Zoe Clark"]),
        ("zoe  okeefe", ["Zoe O’Keefe"]),
        ("O'Keefe", ["Zoe O’Keefe"]),
        ("nobody", []),
    ):
        answer = (await http.get("/cases", params={"q": q})).json()
        assert [c["record"]["name"] for c in answer["items"]] == expected, q
    assert (await http.get("/cases", params={"reason": ["several_matches"]})).json()["total"] == 0
    assert (await http.get("/cases", params={"after": "x"})).status_code == 422

    await world.command(PostponeRecord(record_id=world.id("source", "s1")))
    waiting = (await http.get("/cases", params={"postponed": True})).json()
    assert [c["record"]["remote_id"] for c in waiting["items"]] == ["s1"]
    assert waiting["items"][0]["postponed_at"] is not None
    assert (await http.get("/cases", params={"postponed": False})).json()["total"] == 3


async def test_a_case_names_the_nearest_twelve_and_counts_the_rest(world: Any, http: AsyncClient) -> None:
    await world.set(world.document())
    namesakes = (
        world.staged("destination", f"d{n}", number=str(n), first_name="Ana", last_name="Lee")
        for n in range(1, 16)
    )
    await world.tell(*world.markers("destination"), *namesakes)
    await world.tell(world.staged("source", "s1", first_name="Ana", last_name="Lee"))
    assert len((await world.last("s1"))["candidates"]) == 12
    (case,) = (await http.get("/cases")).json()["items"]
    asked = (await http.get(f"/records/{world.id('source', 's1')}/candidates")).json()
    assert (case["candidates"], len(asked["candidates"]), asked["more"]) == (12, 12, 3)
    found = (await http.get("/destination", params={"q": "ana lee"})).json()["items"]
    assert len(found) == 15, "the search finds the rest"


async def test_lists_of_links_orphans_excluded_and_duplicates(world: Any, http: AsyncClient) -> None:
    await world.set(world.document())
    await world.tell(
        *world.markers("destination"),
        world.staged("destination", "d1", **JOHN),
        world.staged("destination", "d2", first_name="Ana", last_name="Lee", active=False),
        world.staged("destination", "d3", first_name="Mia", last_name="Park", email="MIA@x.org"),
        world.staged("destination", "d4", first_name="Maria", last_name="Park", email="mia@x.org"),
    )
    await world.tell(
        world.staged("source", "s1", **JOHN), world.staged("source", "s2", first_name="Bo", last_name="Quist")
    )
    s2, d2 = world.id("source", "s2"), world.id("destination", "d2")
    await world.command(LinkRecord(record_id=s2, destination_record_id=d2))
    links = (await http.get("/links")).json()
    shown = [
        (i["source"]["remote_id"], i["destination"]["remote_id"], i["origin"], i["actor"])
        for i in links["items"]
    ]
    assert shown == [("s1", "d1", "auto", None), ("s2", "d2", "manual", "ann")]
    assert [i["matched_by"] for i in links["items"]] == ["number", None]
    assert (links["total"], links["counts"]) == (2, {"auto": 1, "manual": 1})
    assert [i["source"]["remote_id"] for i in (await http.get("/links?origin=manual")).json()["items"]] == [
        "s2"
    ]
    assert [i["source"]["remote_id"] for i in (await http.get("/links?q=ana lee")).json()["items"]] == ["s2"]
    one = (await http.get("/links?limit=1")).json()
    assert [
        i["source"]["remote_id"] for i in (await http.get(f"/links?after={one['next']}")).json()["items"]
    ] == ["s2"]

    orphans = (await http.get("/orphans")).json()
    assert ([o["remote_id"] for o in orphans["items"]], orphans["total"]) == (["d4", "d3"], 2)
    assert (await http.get("/orphans?active=false")).json()["total"] == 0

    (twice,) = (await http.get("/duplicates")).json()["items"]
    assert (twice["side"], twice["field"]) == ("destination", "email")
    assert {r["remote_id"] for r in twice["records"]} == {"d3", "d4"}

    await world.command(ExcludeRecord(record_id=s2, reason="A vendor"))
    excluded = (await http.get("/excluded")).json()
    assert [(e["record"]["remote_id"], e["reason"], e["actor"]) for e in excluded["items"]] == [
        ("s2", "A vendor", "ann")
    ]
    assert excluded["items"][0]["record"]["linked_to"] == str(d2)
    asked = (await http.get(f"/records/{s2}/candidates")).json()
    assert (asked["excluded_for"], asked["undo"], asked["situation"]) == ("A vendor", "exclude", "excluded")


async def test_the_directory_is_searched_with_accents_slips_numbers_and_addresses(
    world: Any, http: AsyncClient
) -> None:
    await world.set(world.document())
    await world.tell(
        *world.markers("destination"),
        world.staged(
            "destination", "d1", first_name="Zoë", last_name="Müller", number="E-0012", email="zm@x.org"
        ),
        world.staged("destination", "d2", first_name="Tomasz", last_name="Grabowski", number="371"),
        world.staged("destination", "d3", first_name="Ann", last_name="Lee"),
        world.staged("destination", "d4", first_name="Sean", last_name="O\u2019Keefe"),
        world.staged("source", "s4", first_name="Nora", last_name="O\u2019Keefe"),
    )
    s1, d2 = world.id("source", "s1"), world.id("destination", "d2")
    await world.tell(world.staged("source", "s1", first_name="Other", last_name="Person"))
    await world.command(LinkRecord(record_id=s1, destination_record_id=d2))
    for q, expected in (
        ("zoe muller", ["d1"]), ("MÜLLER Zoë", ["d1"]), ("Mueler", ["d1"]), ("grabwski", ["d2"]),
        ("Tomas Grabowsky", ["d2"]), ("12", ["d1"]), ("E12", ["d1"]), ("zm@x", ["d1"]), ("nobody", []), ("%", []),
        ("okeefe", ["d4"]), ("o'keefe", ["d4"]), ("Sean  O`Keefe", ["d4"]), ("le", ["d3", "d1"]), ("0371", ["d2"]),
    ):  # fmt: skip
        found = (await http.get("/destination", params={"q": q})).json()["items"]
        assert [r["remote_id"] for r in found] == expected, q
    found = (await http.get("/destination", params={"q": ""})).json()["items"]
    assert {r["remote_id"]: r["linked_to"] for r in found} == {
        "d1": None,
        "d2": str(s1),
        "d3": None,
        "d4": None,
    }


async def test_the_report_counts_what_people_corrected(world: Any, http: AsyncClient) -> None:
    await world.set(world.document())
    people = [
        {"number": str(n), "first_name": "P", "last_name": f"Name{n}", "email": f"{n}@x.org"}
        for n in range(4)
    ]
    await world.tell(
        *world.markers("destination"),
        *(world.staged("destination", f"d{n}", **p) for n, p in enumerate(people)),
    )
    assert (await http.get("/match-report")).json()["precision"] is None
    await world.tell(*(world.staged("source", f"s{n}", **p) for n, p in enumerate(people)))
    d5 = world.id("destination", "d5")
    await world.tell(world.staged("destination", "d5", first_name="Zed", last_name="Zulu"))
    await world.command(LinkRecord(record_id=world.id("source", "s1"), destination_record_id=d5))
    await world.command(UnlinkRecord(record_id=world.id("source", "s2")))
    found = (await http.get("/match-report")).json()
    assert {k: found[k] for k in ("automatic", "manual", "created", "corrected")} == {
        "automatic": 2, "manual": 1, "created": 0, "corrected": 2,
    }  # fmt: skip
    assert (found["precision"], found["recall"]) == (0.5, 0.6667)
    await world.command(UndoDecision(record_id=world.id("source", "s2")))
    assert (await http.get("/match-report")).json()["corrected"] == 1
