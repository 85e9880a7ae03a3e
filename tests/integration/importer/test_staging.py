"""What staging takes: the switches, what cannot be read, what comes late, and what we wrote ourselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from shared.contracts.events import PushAdopted
from shared.domain.employee import Employee
from shared.domain.ids import record_id
from tests.integration.importer.conftest import people, pushed
from tests.support.companies import DESTINATION, SOURCE

if TYPE_CHECKING:
    from shared.connectors.ports import Page
    from tests.integration.importer.conftest import World

pytestmark = pytest.mark.asyncio

SWITCHES: dict[str, tuple[dict[str, bool], list[str], list[str]]] = {
    "both off": ({}, [], []),
    "Auto-Create": ({"auto_create": True}, ["new"], []),
    "Auto-Update": ({"auto_update": True}, [], ["known"]),
    "both on": ({"auto_create": True, "auto_update": True}, ["new"], ["known"]),
}


@pytest.mark.parametrize(("rules", "created", "updated"), SWITCHES.values(), ids=SWITCHES)
@pytest.mark.behaviour("S6", "S14", "S15", "S16")
async def test_a_hook_brings_only_what_its_switch_lets_in(
    world: World, rules: dict[str, bool], created: list[str], updated: list[str]
) -> None:
    """The rest is marked seen; a person's import takes it all."""
    await world.start("known", **rules)
    world.source.put("known", first_name="Anna")
    world.source.put("new")

    await world.hook("known", "new")
    await world.read()

    published = await world.news()
    assert (created, updated) == (people(published, "employee.staged"), people(published, "employee.changed"))
    seen = [row[0] for row in await world.rows("SELECT remote_id FROM seen ORDER BY 1")]
    assert sorted({"known", "new"} - {*created, *updated}) == seen

    await world.ask("selected", "known", "new")
    await world.read()

    assert {"known": ("present", "Anna"), "new": ("present", "Ana")} == await world.staged()
    (end,) = await world.news("import.completed")
    assert (1 - len(created), 1 - len(updated)) == (end.body["staged"], end.body["changed"])


@pytest.mark.behaviour("S37")
async def test_a_complete_import_ignores_the_switches(world: World) -> None:
    """Somebody asked for it."""
    await world.start("known")
    world.source.put("known", first_name="Anna")
    world.source.put("new")

    await world.ask("all")
    await world.read()

    assert {"known": ("present", "Anna"), "new": ("present", "Ana")} == await world.staged()
    assert [] == await world.rows("SELECT 1 FROM seen")


async def test_the_destinations_records_are_always_taken(world: World) -> None:
    """The switches are about the source."""
    await world.start("a")
    await world.destination_holds("1")
    world.destination.put("1", first_name="Anna")
    world.destination.put("2")

    await world.hook("1", "2", account=DESTINATION)
    await world.due()
    await world.read()

    assert {"1": ("present", "Anna"), "2": ("present", "Ana")} == await world.staged(DESTINATION)
    assert [] == await world.rows("SELECT 1 FROM seen")


async def test_what_cannot_be_read_is_said_and_the_rest_goes_on(world: World) -> None:
    """By name or in a page; it keeps its last values, and is not removed for it. The same again is no news."""
    await world.start("a", "b", auto_update=True)
    world.source.put("a", broken=True, first_name="?")
    world.source.put("b", first_name="Bo")
    world.source.put("c", broken=True)

    await world.ask("all")
    await world.read()

    published = await world.news()
    unreadable = [s.body for s in published if s.kind == "employee.unreadable"]
    assert [("a", "unreadable", "hire_date"), ("c", "unreadable", "hire_date")] == [
        (b["remote_id"], b["reason"], b["field"]) for b in unreadable
    ]
    assert ["b"] == people(published, "employee.changed")
    assert not people(published, "employee.removed")
    assert {
        "a": ("unreadable", "Ana"),
        "b": ("present", "Bo"),
        "c": ("unreadable", None),
    } == await world.staged()
    (end,) = [s.body for s in published if s.kind == "import.completed"]
    assert (2, 1) == (end["unreadable"], end["changed"])

    await world.ask("all", name="again")
    await world.read()
    assert not await world.news("employee.unreadable")

    world.source.put("a", first_name="Anna")
    await world.hook("a")
    await world.read()
    (back,) = await world.news()
    assert ("employee.staged", "Anna") == (back.kind, back.body["employee"]["first_name"])
    assert back.body["rev"] > unreadable[0]["rev"]


async def test_one_who_comes_twice_in_a_page_is_taken_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page told last; a system's slip does not stop the reader."""
    await world.start()
    world.source.put("a", "b", "c")
    read_page = world.source.read_page

    async def slips(cursor: str | None, *, since: datetime | None = None) -> Page:
        page = await read_page(cursor, since=since)
        first, *rest = page.records
        older = replace(first, payload=first.payload.replace(b"Ana", b"Old"), raw_hash=b"old")
        return replace(page, records=[older, first, *rest])

    monkeypatch.setattr(world.source, "read_page", slips)
    await world.ask("all")
    await world.read()

    published = await world.news()
    assert ["a", "b", "c"] == people(published, "employee.staged")
    assert {("present", "Ana")} == set((await world.staged()).values())
    assert 3 == published[-1].body["staged"]


@pytest.mark.parametrize("versions", [True, False], ids=["by versions", "by the time of asking"])
async def test_a_late_page_never_beats_a_newer_read(world: World, versions: bool) -> None:
    """While it was on its way a hook brought a newer name, which stays; nothing older is published after it."""
    world.source.versions = versions
    await world.start("a", "b", auto_update=True)
    await world.rows("UPDATE snapshots SET raw_hash = NULL")
    world.source.put("a", first_name="Late")

    async def overtake(cursor: str | None, since: datetime | None) -> None:
        world.source.before_answer = None
        world.source.put("a", first_name="Newest")
        await world.hook("a")
        assert await world.another_reader().step()
        world.source.people["a"].moved_at -= timedelta(minutes=1)

    world.source.before_answer = overtake
    await world.ask("all")
    await world.read()

    assert ["Newest"] == [s.body["employee"]["first_name"] for s in await world.news("employee.changed")]
    assert ("present", "Newest") == (await world.staged())["a"]


async def test_an_older_version_that_was_asked_for_later_is_late_too(world: World) -> None:
    """A replica that lags answers with what was; at equal versions the later question is the newer answer."""
    await world.start("a", auto_update=True)
    lagging = world.source.people["a"]
    world.source.put("a", first_name="Newest")
    await world.hook("a")
    await world.read()
    newest = world.source.people["a"]

    world.source.people["a"] = lagging
    await world.hook("a")
    await world.read()
    assert ["Newest"] == [s.body["employee"]["first_name"] for s in await world.news("employee.changed")]

    newest.values = {**newest.values, "first_name": "Same version"}
    world.source.people["a"] = newest
    await world.hook("a")
    await world.read()
    assert ("present", "Same version") == (await world.staged())["a"]


async def test_what_we_wrote_is_staged_as_it_was_answered(world: World) -> None:
    """Named after the record that it was written for; reported again, or read again, it is no news."""
    await world.start("a")
    answer = pushed("1", last_name="Li", active=True)

    await world.tell(answer)

    (published,) = await world.news()
    assert ("employee.staged", "push", str(record_id(SOURCE, "1"))) == (
        published.kind,
        published.body["cause"],
        published.body["written_for"],
    )
    assert {"1": ("present", "Ana")} == await world.staged(DESTINATION)

    world.destination.put("1", last_name="Li")
    await world.tell(answer)
    await world.hook("1", account=DESTINATION)
    await world.due()
    await world.read()
    await world.wanted(DESTINATION)
    await world.read()

    assert {"directory.complete"} == {s.kind for s in await world.news()}


async def test_what_the_source_took_from_the_destination_is_staged_and_its_echo_is_no_news(
    world: World,
) -> None:
    """Its cause is a push: no rule pushes it on."""
    await world.start("a")
    account, remote_id = SOURCE, "a"
    at = datetime.now(UTC)
    body = PushAdopted(
        record_id=record_id(account, remote_id),
        push_id=UUID(int=7),
        account_id=account,
        remote_id=remote_id,
        remote_version="9",
        requested_at=at,
        answered_at=at + timedelta(milliseconds=1),
        employee=Employee(first_name="Ana", last_name="Li", phone="503-555-0199"),
    )

    await world.tell(body)

    (published,) = await world.news()
    assert (published.kind, published.body["cause"]) == ("employee.changed", "push")
    assert published.body["changes"]["phone"]["after"] == "503-555-0199"
    await world.tell(body)
    assert await world.news() == []


async def test_several_answers_of_one_record_are_reported_in_order(world: World) -> None:
    """In one batch, with rising revs; a push that wrote nothing says nothing."""
    await world.start("a")

    await world.tell(
        pushed("1"),
        pushed("2", action="no_change"),
        pushed("1", "2", action="update", first_name="Anna"),
        pushed("3"),
    )

    published = await world.news()
    assert [
        ("employee.staged", "1"),
        ("employee.changed", "1"),
        ("employee.staged", "3"),
    ] == [(s.kind, s.body["remote_id"]) for s in published]
    assert published[0].body["rev"] < published[1].body["rev"]
    assert {"first_name": {"before": "Ana", "after": "Anna"}} == published[1].body["changes"]
    assert {"1": ("present", "Anna"), "3": ("present", "Ana")} == await world.staged(DESTINATION)


async def test_an_answer_never_beats_what_was_read_after_it(world: World) -> None:
    """The event came late: somebody moved the record at the destination meanwhile. What stands is published again."""
    await world.start("a")
    answer = pushed("1", last_name="Li1", active=True)
    world.destination.put("1")
    world.destination.put("1", first_name="Anna")
    await world.hook("1", account=DESTINATION)
    await world.due()
    await world.read()
    (read,) = await world.news()

    await world.tell(answer)

    (again,) = await world.news()
    assert ("employee.changed", "Anna") == (again.kind, again.body["employee"]["first_name"])
    assert read.body["rev"] < again.body["rev"]
    assert {"1": ("present", "Anna")} == await world.staged(DESTINATION)
