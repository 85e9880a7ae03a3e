"""Twins that surface late, numbers that differ in zeros alone, and records that were merged away."""

from typing import Any
from uuid import UUID

import pytest

from services.mapper.store import cases

pytestmark = pytest.mark.asyncio


async def test_a_twin_that_surfaces_after_our_creation_is_a_duplicate_case(world: Any) -> None:
    ana = {"number": "7501", "first_name": "Nelly", "last_name": "Farraday", "email": "nelly@x.org"}
    await world.set(world.document())
    await world.tell(*world.markers("destination"))
    await world.tell(world.staged("source", "s1", **ana))
    await world.tell(world.staged("destination", "d1", written_for=world.id("source", "s1"), **ana))
    assert not await world.rows("SELECT FROM match_cases")
    await world.tell(
        world.staged("destination", "d2", **ana), world.staged("destination", "d3", first_name="Nelly")
    )
    found = await world.rows("SELECT kind, source_record_id, destination_record_id FROM match_cases")
    assert [tuple(r) for r in found] == [("twin", world.id("source", "s1"), world.id("destination", "d2"))]
    assert await world.links() == {(world.id("source", "s1"), world.id("destination", "d1"))}
    ends = cases.Ends(world.company, world.account("source"), world.account("destination"))
    async with world.database.transaction([world.company]) as tx:
        shown = [(g["field"], set(g["records"])) for g in await cases.duplicates(tx, ends)]
    assert ("twin", {world.id("destination", "d1"), world.id("destination", "d2")}) in shown


async def test_numbers_alike_but_for_zeros_are_two_people(world: Any) -> None:
    """The exact one links; the other is somebody else, also where they have one name."""
    for last in ("Quist", "Ruiz"):
        world.company = UUID(int=ord(last[0]))
        one = {"first_name": "Ana", "last_name": "Ruiz", "birth_date": "1980-02-03"}
        await world.set(world.document())
        await world.tell(world.staged("destination", "d1", number="0042", **one))
        other = {"first_name": "Ana" if last == "Ruiz" else "Ben", "last_name": last}
        await world.tell(
            world.staged("source", "s1", number="0042", **one),
            world.staged("source", "s2", number="42", **other),
        )
        await world.tell(*world.markers("source"), *world.markers("destination"))
        await world.sweep()
        received = [(await world.last(s))["type"] for s in ("s1", "s2")]
        assert received == ["record.linked", "record.unmatched"]


async def test_whoever_survives_a_merge_is_proposed(world: Any) -> None:
    ana = {"number": "9", "first_name": "Marisol", "last_name": "Quintero", "birth_date": "1980-02-03"}
    await world.set(world.document())
    await world.tell(world.staged("destination", "d1", **ana), *world.markers("destination"))
    await world.tell(world.staged("source", "s1", **ana))
    await world.tell(world.staged("destination", "d2", **{**ana, "number": None}))
    await world.tell(world.removed("destination", "d1", rev=5))
    received = await world.last("s1")
    assert (received["type"], received["reason"]) == ("record.disputed", "deleted_at_destination")
    assert [c["remote_id"] for c in received["candidates"]] == ["d2"]
