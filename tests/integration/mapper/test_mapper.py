"""mapper on a real PostgreSQL: every order of the same facts, two copies at once, and people's decisions."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.mapper import core, store
from services.mapper.api import make_routes
from services.mapper.store.matching import candidates, rivals
from services.mapper.store.records import account_number, load_facts
from shared.contracts.commands import CreateRecord, LinkRecord, UnlinkRecord
from shared.contracts.events import EmployeeUnreadable, PushSucceeded
from shared.db.tx import Database
from shared.domain.employee import Employee

pytestmark = pytest.mark.asyncio
JOHN = {"number": "7", "first_name": "John", "last_name": "Miller", "email": "j@x.org"}


async def test_a_certain_pair_waits_for_the_mark_and_then_links(world: Any) -> None:
    await world.set(world.document())
    await world.tell(world.staged("destination", "d1", **JOHN))
    await world.tell(world.staged("source", "s1", **JOHN))
    assert (await world.last("s1"))["reason"] == "directory_being_read"
    *markers, last = world.markers("destination")
    await world.tell(*markers)
    await world.sweep()
    assert not await world.links()
    wakeup = world.database.wakeups[store.MATCHES]
    await wakeup.wait(0.1)
    await world.tell(last)
    assert await wakeup.wait(0.1)
    await world.sweep()
    received = await world.last("s1")
    assert (received["type"], received["origin"], received["link_rev"]) == ("record.linked", "auto", 2)
    matched = [s for s in await world.published() if s["type"] == "directory.matched"]
    assert {(m["lane"], m["partition"], m["part"]) for m in matched} == {
        (n, p, p) for n in (0, 1) for p in range(3)
    }


async def test_the_first_record_of_a_destination_counts_in_its_own_batch(world: Any) -> None:
    await world.set(world.document())
    await world.tell(*world.markers("destination"), world.staged("source", "s1", **JOHN))
    assert (await world.last("s1"))["type"] == "record.unmatched"
    await world.tell(
        world.staged("source", "s2", first_name="Zoe", last_name="Quist", number="8"),
        world.staged("destination", "d1", **JOHN),
        world.staged("destination", "d2", number="8", last_name="Quist"),
    )
    assert [(await world.last(s))["type"] for s in ("s1", "s2")] == ["record.linked", "record.linked"]


async def test_what_we_wrote_is_linked_before_its_source_record_is_known(world: Any) -> None:
    await world.set(world.document())
    await world.tell(world.staged("destination", "d1", written_for=world.id("source", "s1"), **JOHN))
    assert await world.published() == []
    await world.tell(world.staged("source", "s1", first_name="Zoe"))
    assert (await world.last("s1"))["origin"] == "created"


async def test_each_version_of_who_is_not_linked_is_answered_and_an_older_one_is_no_news(world: Any) -> None:
    await world.set(world.document())
    await world.tell(world.staged("source", "s1", rev=5, **JOHN), world.staged("source", "s1", rev=9, **JOHN))
    await world.tell(world.staged("source", "s1", rev=3, first_name="Old"))
    await world.tell(world.staged("source", "s1", rev=10, **JOHN))
    received = [(s["type"], s["link_rev"], s["source_rev"]) for s in await world.published()]
    assert received == [("record.unmatched", 1, 9), ("record.unmatched", 2, 9), ("record.unmatched", 3, 10)]


async def test_that_a_link_stands_is_published_once(world: Any) -> None:
    await world.set(world.document())
    await world.tell(world.staged("destination", "d1", written_for=world.id("source", "s1"), **JOHN))
    await world.tell(world.staged("source", "s1", **JOHN))
    await world.tell(world.staged("source", "s1", rev=9, first_name="Zoe"))
    await world.tell(world.removed("source", "s1", rev=10))
    await world.tell(world.staged("source", "s1", rev=11, **JOHN))
    received = [(s["type"], s["link_rev"], s["source_rev"]) for s in await world.published()]
    assert received == [("record.linked", 1, 1), ("record.deleted", 2, 10), ("record.linked", 3, 11)]

    await world.tell(
        *world.markers("destination")
    )  # the next generation: with its next change the link is said again, once
    await world.tell(world.staged("source", "s1", rev=12, **JOHN))
    await world.tell(world.staged("source", "s1", rev=13, **JOHN))
    again = [(s["type"], s["source_rev"]) for s in await world.published() if s["type"] == "record.linked"]
    assert again[2:] == [("record.linked", 12)]


async def _at_once(world: Any, other: Database) -> None:
    """The two halves of a pair in two transactions that are both open before either commits."""
    await world.set(world.document())
    await world.tell(*world.markers("destination"))
    await asyncio.gather(
        world.tell(world.staged("source", "s1", **JOHN)),
        world.tell(world.staged("destination", "d1", **JOHN), database=other),
    )


async def test_two_halves_handled_at_once_link(world: Any, other: Database) -> None:
    for round_ in range(20):
        world.company = UUID(int=round_ + 1)
        await _at_once(world, other)
        assert len(await world.links()) == 1


async def test_without_the_lock_a_pair_can_be_missed(
    world: Any, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what the lock is for."""

    monkeypatch.setattr(Database, "locked", Database.transaction)
    missed = 0
    for round_ in range(60):
        world.company = UUID(int=round_ + 1)
        await _at_once(world, other)
        missed += not await world.links()
    assert missed


async def test_a_batch_of_forty_companies(world: Any) -> None:
    companies = [UUID(int=n) for n in range(100, 140)]
    await world.set(*(world.document(c) for c in companies))
    await world.tell(*(m for c in companies for m in world.markers("destination", company=c)))
    await world.tell(*(world.staged("destination", "d1", company=c, **JOHN) for c in companies))
    await world.tell(*(world.staged("source", "s1", company=c, **JOHN) for c in companies))
    for company in companies:
        received = await world.last("s1", company)
        assert received["destination_record_id"] == str(world.id("destination", "d1", company))


async def test_facts_before_settings_are_decided_when_settings_come(world: Any) -> None:
    await world.tell(
        world.staged("source", "s1", **JOHN),
        world.staged("destination", "d1", **JOHN),
        *world.markers("destination"),
    )
    await world.sweep()
    assert await world.published() == []
    await world.set(world.document())
    await world.sweep()
    assert (await world.last("s1"))["type"] == "record.linked"
    assert any(s["type"] == "directory.matched" for s in await world.published())


async def test_a_dead_lettered_employee_event_holds_the_matched_marker_back(world: Any) -> None:
    await world.set(world.document())
    await world.rows(
        'INSERT INTO dead_letter (topic, partition, "offset", company_id, key_id, sealed, reason, detail) '
        f"VALUES ('employees.v1', 0, 1, '{world.company}', '', '', 'failed', '')"
    )
    await world.tell(*world.markers("destination"))
    await world.sweep()
    assert await world.published() == []
    await world.rows("UPDATE dead_letter SET replayed_at = now()")
    await world.sweep()
    assert len(await world.published()) == 6


async def test_uniqueness_lost_and_won_decides_the_others_again(world: Any) -> None:
    await world.set(world.document(confirm_matches=True))
    await world.tell(*world.markers("destination"), world.staged("destination", "d1", **JOHN))
    await world.tell(world.staged("source", "s1", **JOHN))
    assert (await world.last("s1"))["reason"] == "confirm_match"
    await world.tell(world.staged("source", "s2", **JOHN))
    assert (await world.last("s1"))["reason"] == "number_not_unique"
    await world.tell(world.staged("source", "s2", number="8", first_name="Zoe", last_name="Quist"))
    assert (await world.last("s1"))["reason"] == "confirm_match"
    assert (await world.last("s2"))["type"] == "record.unmatched"
    await world.set(world.document(version=2))
    await world.sweep()
    assert (await world.last("s1"))["type"] == "record.linked"


@pytest.mark.reason("link_taken")
async def test_a_linked_destination_record_is_nobody_elses_candidate(world: Any) -> None:
    await world.set(world.document())
    await world.tell(
        *world.markers("destination"), world.staged("destination", "d1", first_name="Jon", last_name="Miller")
    )
    await world.tell(
        world.staged("source", "s1", **JOHN),
        world.staged("source", "s2", first_name="John", last_name="Mills"),
    )
    assert (await world.last("s1"))["reason"] == "similar_name"
    await world.tell(world.staged("source", "s3", first_name="Joan", last_name="Miller"))
    assert (await world.last("s3"))["reason"] == "similar_name"
    await world.command(
        LinkRecord(
            record_id=world.id("source", "s1"),
            destination_record_id=world.id("destination", "d1"),
            then_push=True,
        )
    )
    received = await world.last("s1")
    assert (received["origin"], received["then_push"]) == ("manual", True)
    assert (await world.last("s3"))["type"] == "record.unmatched"
    chosen = LinkRecord(
        record_id=world.id("source", "s3"), destination_record_id=world.id("destination", "d1")
    )
    await world.command(chosen)
    lost = await world.last("s3")
    assert (lost["type"], lost["reason"], lost["actor"]) == ("record.disputed", "link_taken", "ann")
    assert [c["remote_id"] for c in lost["candidates"]] == ["d1"]
    await world.tell(world.staged("source", "s3", first_name="Joan", last_name="Miller"))
    assert (await world.last("s3"))["reason"] == "link_taken", "nobody is created whom a person wanted linked"
    await world.command(CreateRecord(record_id=world.id("source", "s3")))
    assert (await world.last("s3"))["type"] == "record.unmatched"
    await world.command(chosen)
    await world.command(UnlinkRecord(record_id=world.id("source", "s3")))
    assert (await world.last("s3"))["type"] == "record.unmatched"
    await world.command(UnlinkRecord(record_id=world.id("source", "s1")))
    assert (await world.last("s1"))["reason"] == "match_refused"
    assert (await world.last("s3"))["reason"] == "similar_name"


async def test_a_persons_decision_survives_recomputation(world: Any) -> None:
    await world.set(world.document())
    source, d1 = world.id("source", "s1"), world.id("destination", "d1")
    await world.tell(*world.markers("destination"), world.staged("destination", "d1", **JOHN))
    await world.tell(world.staged("source", "s1", **JOHN))
    await world.command(UnlinkRecord(record_id=source))
    for message in (
        world.staged("source", "s1", **JOHN),
        world.staged("destination", "d1", written_for=source, **JOHN),
    ):
        await world.tell(message)
        assert not await world.links()
    await world.command(CreateRecord(record_id=source))
    assert (await world.last("s1"))["type"] == "record.unmatched"
    await world.push(_created(world, source, "d2"))
    assert await world.links() == {(source, world.id("destination", "d2"))}
    assert (await world.last("s1"))["origin"] == "created"
    await world.command(LinkRecord(record_id=source, destination_record_id=d1))
    assert await world.links() == {(source, d1)}
    assert len(await world.rows("SELECT * FROM match_cases WHERE kind = 'created_by_us'")) >= 1


def _created(world: Any, source: UUID, remote: str) -> PushSucceeded:
    now = world.message(None).time
    return PushSucceeded(
        record_id=source, push_id=UUID(int=5), action="create", destination_account_id=world.account("destination"),
        destination_record_id=world.id("destination", remote), destination_remote_id=remote, remote_version="1",
        requested_at=now, answered_at=now, employee=Employee(), source_rev=1,
    )  # fmt: skip


async def test_a_person_links_while_the_worker_creates(world: Any) -> None:
    await world.set(world.document())
    source, d2 = world.id("source", "s1"), world.id("destination", "d2")
    await world.tell(*world.markers("destination"), world.staged("destination", "d2", first_name="Someone"))
    await world.tell(world.staged("source", "s1", **JOHN))
    await world.command(LinkRecord(record_id=source, destination_record_id=d2))
    await world.push(_created(world, source, "d3"))
    await world.tell(world.staged("destination", "d3", written_for=source, **JOHN))
    assert await world.links() == {(source, d2)}
    assert len(await world.rows("SELECT * FROM match_cases")) == 1


async def test_gone_at_either_side(world: Any) -> None:
    await world.set(world.document())
    await world.tell(*world.markers("destination"), world.staged("destination", "d1", **JOHN))
    await world.tell(world.staged("source", "s1", **JOHN))
    await world.tell(world.removed("destination", "d1", rev=2))
    assert (await world.last("s1"))["reason"] == "deleted_at_destination"
    await world.tell(world.staged("destination", "d1", rev=3, **JOHN))
    assert (await world.last("s1"))["type"] == "record.linked"
    await world.tell(world.removed("source", "s1", rev=2))
    received = await world.last("s1")
    assert (received["type"], received["destination_record_id"]) == (
        "record.deleted",
        str(world.id("destination", "d1")),
    )
    assert await world.links()


async def test_unreadable_records(world: Any) -> None:
    await world.set(world.document())

    def unreadable(remote: str, rev: int) -> Any:
        body = EmployeeUnreadable(
            record_id=world.id("source", remote),
            account_id=world.account("source"),
            remote_id=remote,
            rev=rev,
            reason="unreadable",
        )
        return world.message(body)

    await world.tell(world.staged("source", "s1", rev=1, **JOHN), unreadable("s1", 2), unreadable("s2", 1))
    received = {(s["type"], s["source_rev"]) for s in await world.published()}
    assert received == {("record.unmatched", 2), ("match.failed", 1)}


async def test_the_source_of_truth_turns_round_and_pairs_stay(world: Any) -> None:
    await world.set(world.document())
    await world.tell(
        *world.markers("destination"), *world.markers("source"), world.staged("destination", "d1", **JOHN)
    )
    await world.tell(world.staged("source", "s1", **JOHN))
    await world.set(world.document(version=2, flipped=True))
    await world.sweep()
    received = [
        s for s in await world.published() if s.get("record_id") == str(world.id("destination", "d1"))
    ]
    assert (received[-1]["destination_remote_id"], received[-1]["origin"]) == ("s1", "auto")


PEOPLE: tuple[dict[str, Any], ...] = (
    {"number": "1", "email": "a@x.org", "first_name": "Ann", "last_name": "Moss"},
    {"number": "1", "first_name": "Ann", "last_name": "Moss"},
    {"email": "a@x.org", "first_name": "Anne", "last_name": "Moss"},
    {"number": "2", "email": "b@x.org", "first_name": "Bert", "last_name": "Stone"},
    {"number": "2", "email": "a@x.org", "first_name": "Bert", "last_name": "Stone"},
    {"first_name": "Bret", "last_name": "Stone", "phone": "+12125550100"},
    {"email": "c@x.org", "first_name": "Carl", "last_name": "Webb", "phone": "+12125550100"},
    {"number": "3", "email": "c@x.org", "first_name": "Zed", "last_name": "Aoki"},
    {},
)
"""An empty one is a removal."""


@pytest.mark.parametrize("seed", range(25))
async def test_every_order_ends_alike(world: Any, seed: int) -> None:
    """The same facts in any order and in any batches, revs out of order, then the markers: the same links and situations."""
    chance = random.Random(seed)
    facts = [
        (side, f"{side[0]}{n}", rev, chance.choice(PEOPLE))
        for side in ("source", "destination") for n in range(chance.randint(1, 5)) for rev in range(1, chance.randint(2, 4))
    ]  # fmt: skip
    ends = []
    for order in range(4):
        world.company = UUID(int=seed * 10 + order + 1)
        await world.set(world.document())
        chance.shuffle(facts)
        waiting = [
            world.staged(side, remote, rev=rev, **person) if person else world.removed(side, remote, rev=rev)
            for side, remote, rev, person in facts
        ]
        while waiting:
            size = chance.randint(1, 4)
            await world.tell(*waiting[:size])
            del waiting[:size]
            if chance.random() < 0.3:
                await world.sweep()
        markers = [*world.markers("destination"), *world.markers("source")]
        chance.shuffle(markers)
        for mark in markers:
            await world.tell(mark)
        await world.sweep()
        names = {world.id(side, remote): remote for side, remote, _, _ in facts}
        links = {(names[s], names[d]) for s, d in await world.links()}
        assert len({d for _, d in links}) == len(links) == len({s for s, _ in links})
        ends.append((links, {names[r]: s for r, s in (await world.situations()).items()}))
    assert all(end == ends[0] for end in ends), (facts, ends)


@pytest.mark.reason("link_gone")
async def test_a_link_that_lost_a_race_needs_a_person_whatever_the_record_was_linked_to(world: Any) -> None:
    await world.set(world.document())
    source, d1, d2 = world.id("source", "s1"), *(world.id("destination", d) for d in ("d1", "d2"))
    await world.tell(*world.markers("destination"), world.staged("destination", "d1", **JOHN))
    await world.tell(world.staged("source", "s1", **JOHN), world.staged("destination", "d2", last_name="X"))
    assert (await world.last("s1"))["type"] == "record.linked"
    await world.tell(world.removed("destination", "d2", rev=2))
    await world.command(LinkRecord(record_id=source, destination_record_id=d2))
    assert (await world.last("s1"))["reason"] == "link_gone"
    await world.command(LinkRecord(record_id=source, destination_record_id=d1))
    assert ((await world.last("s1"))["type"], await world.links()) == ("record.linked", {(source, d1)})


async def test_the_internal_reads(world: Any) -> None:
    await world.set(world.document())
    await world.tell(
        *world.markers("destination"), world.staged("destination", "d1", first_name="Jon", last_name="Miller")
    )
    await world.tell(world.staged("source", "s1", **JOHN))
    app = FastAPI()
    app.include_router(make_routes(world.database, world.settings))
    headers = {"Authorization": "Bearer t"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://m", headers=headers) as client:
        one = (
            await client.get(f"/internal/{world.company}/records/{world.id('source', 's1')}/candidates")
        ).json()
        assert [c["remote_id"] for c in one["candidates"]] == ["d1"]
        found = one["candidates"][0]
        assert {"first_name": "a short form", "last_name": "equal"} == {
            e["field"]: e["text"] for e in found["parts"]
        }
        assert found["bits"] == round(found["start"] + sum(e["bits"] for e in found["parts"]), 2)
        assert found["vetoes"] == [{"code": "names_only", "text": "Nothing besides the names agrees."}]
        s1, d1 = str(world.id("source", "s1")), str(world.id("destination", "d1"))
        free = {"state": "present", "linked_to": None}

        async def pair(**asked: str) -> Any:
            (found,) = (await client.post(f"/internal/{world.company}/pairs", json=[asked])).json()
            return found

        decided = {"link_rev": 1, "excluded": False, "undo": None}
        assert await pair(record=s1, destination=d1) == {
            "record": free | decided | {"side": "source"}, "destination": free | {"side": "destination"},
        }  # fmt: skip
        await world.command(
            LinkRecord(
                record_id=world.id("source", "s1"), destination_record_id=world.id("destination", "d1")
            )
        )
        both = await pair(record=s1, destination=d1)
        assert (both["record"]["linked_to"], both["destination"]["linked_to"]) == (d1, s1)
        assert (both["record"]["link_rev"], both["record"]["undo"]) == (2, "link")
        unknown = str(world.id("source", "s9"))
        assert await pair(record=unknown) == {"record": None, "destination": None}
        await world.command(UnlinkRecord(record_id=world.id("source", "s1")))
        for q, found in (("mill", 1), ("Jon Miller", 1), ("miller jon", 1), ("nobody", 0), ("", 1)):
            assert (
                len(
                    (await client.get(f"/internal/{world.company}/destination", params={"q": q})).json()[
                        "items"
                    ]
                )
                == found
            ), q


async def test_the_rows_of_keys_are_those_of_the_records_and_say_whose_they_are(world: Any) -> None:
    """Of new, changed and removed records; nobody on the own side is ever found."""
    await world.set(world.document())
    ana = {"number": "7501", "first_name": "Nelly", "last_name": "Farraday"}
    await world.tell(world.staged("source", "s1", **ana), world.staged("destination", "d1", **ana))
    await world.tell(world.staged("source", "s2", **ana), world.staged("destination", "d2", **ana))
    await world.tell(
        world.staged("source", "s1", **{**ana, "number": "9"}), world.removed("destination", "d1", rev=2)
    )
    stored = [(r["record_id"], r["key"]) for r in await world.rows("SELECT record_id, key FROM record_keys")]
    records = await world.rows("SELECT record_id, account_id, keys FROM records")
    assert len(stored) > 20
    assert sorted(stored) == sorted(
        (r["record_id"], key ^ account_number(r["account_id"])) for r in records for key in r["keys"]
    )
    async with world.database.transaction([world.company]) as tx:
        facts = await load_facts(tx, {world.id("source", "s1"): world.company})
        near = await candidates(tx, list(facts.values()), {world.company: world.account("destination")})
    assert [(n.record, n.others) for n in near] == [
        (world.id("source", "s1"), [world.id("destination", "d2")])
    ]


async def test_rivals_are_found_by_identity_keys_unless_those_are_many_peoples(world: Any) -> None:
    await world.set(world.document())
    ana = {"first_name": "Nelly", "last_name": "Farraday", "number": "7501"}
    await world.tell(world.staged("destination", "d1", **ana, phone="5125550101"))
    await world.tell(
        world.staged("source", "s1", **ana), world.staged("source", "s2", **{**ana, "number": None})
    )

    async def found() -> tuple[set[UUID], set[UUID]]:
        async with world.database.transaction([world.company]) as tx:
            facts = await load_facts(tx, {world.id("destination", "d1"): world.company})
            keys = {r: core.identity_keys_of(f.profile()) for r, f in facts.items()}
            sources = {world.company: world.account("source")}
            by_all = await rivals(tx, list(facts.values()), sources)
            return {r[2] for r in by_all}, {
                r[2] for r in await rivals(tx, list(facts.values()), sources, keys)
            }

    one, two = world.id("source", "s1"), world.id("source", "s2")
    assert await found() == ({one, two}, {one})
    for many in (13, 61):
        crew = [
            world.staged("source", f"{many}-{n}", first_name=f"{n}x", phone="5125550101") for n in range(many)
        ]
        await world.tell(*crew)
        by_all, by_identity = await found()
        assert by_all == by_identity
        assert {one, two} <= by_all
