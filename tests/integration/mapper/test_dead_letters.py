"""A message that mapper cannot handle ends in a status of its source record, which syncer shows."""

from __future__ import annotations

from typing import Any

import pytest

from services.mapper.handlers import make_on_dead_letter
from shared.contracts.commands import CreateRecord, LinkRecord, UnlinkRecord
from shared.contracts.events import (
    DirectoryComplete,
    EmployeeChanged,
    EmployeeRemoved,
    EmployeeStaged,
    EmployeeUnreadable,
    PushSucceeded,
)

from .conftest import World

EMPLOYEES = [EmployeeStaged, EmployeeChanged, EmployeeRemoved, EmployeeUnreadable]
COMMANDS = [LinkRecord, UnlinkRecord, CreateRecord]


async def dead_lettered(world: World, body: Any) -> list[dict[str, Any]]:
    before = len(await world.published())
    async with world.database.locked([world.company]) as tx:
        await make_on_dead_letter(world.deciding)(world.message(body), tx)
    return (await world.published())[before:]


@pytest.mark.parametrize("settled", [True, False], ids=["settings", "no settings yet"])
@pytest.mark.parametrize("cls", [*EMPLOYEES, *COMMANDS, PushSucceeded], ids=lambda c: c.wire_type())
async def test_a_source_record_says_that_its_match_failed(
    world: World, cls: type[Any], *, settled: bool
) -> None:
    if settled:
        await world.set(world.document())
    record = world.id("source", "s1")
    account = {"account_id": world.account("source")} if cls in EMPLOYEES else {}
    (published,) = await dead_lettered(
        world, cls.model_construct(record_id=record, rev=4, source_rev=4, **account)
    )

    assert ("match.failed", str(record), "internal") == (
        published["type"],
        published["record_id"],
        published["reason"],
    )
    if cls in EMPLOYEES or settled:
        assert str(world.account("source")) == published["account_id"]


async def test_after_a_failure_a_link_that_stands_is_news(world: World) -> None:
    """Else the record would say for good that it could not be matched."""
    await world.set(world.document())
    await world.tell(world.staged("destination", "d1", written_for=world.id("source", "s1"), last_name="Roe"))
    await world.tell(world.staged("source", "s1", last_name="Roe"))
    broken = {"record_id": world.id("source", "s1"), "account_id": world.account("source"), "rev": 9}
    await dead_lettered(world, EmployeeChanged.model_construct(**broken))

    await world.tell(world.staged("source", "s1", rev=9, last_name="Roe"))  # the replay
    await world.tell(world.staged("source", "s1", rev=10, last_name="Roe"))

    types = [published["type"] for published in await world.published()]
    assert ["record.linked", "match.failed", "record.linked"] == types


async def test_a_destination_record_and_a_completion_marker_say_nothing_themselves(world: World) -> None:
    """They hold the completion marker back: what waits for it shows that (the negative control)."""
    await world.set(world.document())
    there = {"record_id": world.id("destination", "d1"), "account_id": world.account("destination"), "rev": 1}
    assert [] == await dead_lettered(world, EmployeeStaged.model_construct(**there))
    assert [] == await dead_lettered(world, DirectoryComplete.model_construct(**there))
