"""Our own writes come back as hints: nothing is read for what is known, and nobody else's change is left unread."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from services.importer.handlers import make_on_pushes
from services.importer.store import asking
from services.importer.store.tasks import Claimed
from shared.contracts.events import Message, PushSucceeded, Reported
from shared.domain.values import Lane
from tests.integration.importer.conftest import pushed
from tests.support.companies import COMPANY, DESTINATION, SOURCE
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from tests.integration.importer.conftest import World

pytestmark = pytest.mark.asyncio
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def written(remote: str, version: str = "2", **values: object) -> PushSucceeded:
    """What the destination answered to our update, by its own clock, which gives seconds."""
    body = pushed(remote, version, action="update", **values)
    return body.model_copy(update={"remote_updated_at": NOON})


def told(remote: str, seconds: float, version: str | None = None) -> Reported:
    return Reported(remote_id=remote, version=version, at=NOON + timedelta(seconds=seconds))


async def echo(world: World, *events: Reported) -> None:
    """The destination reports these."""
    await world.hook(*{one.remote_id for one in events}, account=DESTINATION, reported=events)


async def waits(world: World) -> list[tuple[list[str], int]]:
    """The reads of the destination that have not begun: whom they name, and in how many seconds."""
    rows = await world.rows(
        "SELECT remote_ids, extract(epoch FROM due_at - now()) AS s FROM read_tasks WHERE done_at IS NULL ORDER BY due_at"
    )
    return [(sorted(row["remote_ids"]), round(row["s"])) for row in rows]


async def both(world: World) -> None:
    """Two people stand in both accounts."""
    await world.start("a", "b", auto_update=True)
    await world.destination_holds("a", "b")
    world.destination.named.clear()


async def test_an_echo_that_names_the_version_that_was_answered_is_not_read(world: World) -> None:
    """Linarc's hint has the etag. It still shows that hints come."""
    await both(world)
    await world.rows("UPDATE directories SET hinted_at = NULL")
    await world.tell(written("a", "e7"))
    await echo(world, told("a", 0, "e7"))
    await echo(world, told("a", 0, "e7"))
    assert await waits(world) == []
    hinted = "SELECT account_id FROM directories WHERE hinted_at IS NOT NULL"
    assert [row[0] for row in await world.rows(hinted)] == [DESTINATION]


async def test_echoes_without_a_version_are_one_read_later(world: World) -> None:
    await both(world)
    await world.tell(written("a"), written("b"))
    await echo(world, told("a", 0.4))
    await world.read()
    await echo(world, told("b", 0.9), told("b", 0.9))
    assert await waits(world) == [(["a", "b"], 10)]
    await world.due()
    await world.read()
    assert [sorted(ids) for ids in world.destination.named] == [["a", "b"]]


async def test_somebody_elses_change_in_the_second_of_our_write_is_read_with_the_echo(world: World) -> None:
    """Their time is coarser than their changes; whose event it is cannot be told."""
    await both(world)
    await world.tell(written("a", first_name="Ana"))
    world.destination.put("a", "a", first_name="Anna")
    await echo(world, told("a", 0.4), told("a", 0.6))
    assert await waits(world) == [(["a"], 10)]
    await world.due()
    await world.read()
    assert (await world.staged(DESTINATION))["a"] == ("present", "Anna")


async def test_somebody_elses_change_after_our_write_is_read_soon(world: World) -> None:
    """With another version, or seconds later; others who wait for their echoes go on waiting."""
    await both(world)
    await world.tell(written("a"), written("b"))
    await echo(world, told("b", 0.4))
    world.destination.put("a", "a", first_name="Anna")
    await echo(world, told("a", 0.4), told("a", 7))
    assert await waits(world) == [(["a"], 1), (["b"], 10)]


async def test_a_hint_that_overtakes_our_answer_waits_a_second_for_it_and_joins_the_echoes(
    world: World,
) -> None:
    """What else was hinted meanwhile does not wait longer."""
    await both(world)
    await world.rows("UPDATE snapshots SET remote_updated_at = $1", NOON - timedelta(days=1))
    await echo(world, told("a", 0.4))
    assert await waits(world) == [(["a"], 1)]
    await world.tell(written("a"))
    assert await waits(world) == [(["a"], 10)]

    await echo(world, told("b", 0.4), told("c", 0.4))
    await world.tell(written("b"))
    assert await waits(world) == [(["c"], 1), (["a", "b"], 10)]


async def test_a_hint_that_comes_while_the_answer_is_staged_sees_it(world: World) -> None:
    """In two transactions side by side neither would see what the other did."""
    await both(world)
    await world.rows("UPDATE snapshots SET remote_updated_at = $1", NOON - timedelta(days=1))
    body = written("a")
    message = Message(UUID(int=7), datetime.now(UTC), COMPANY, Lane.REAL_TIME, body)
    async with world.database.transaction([COMPANY]) as tx:
        await make_on_pushes(world.outbox)([message], tx)
        hint = asyncio.create_task(echo(world, told("a", 0.4)))
        await asyncio.sleep(0.3)
    await hint
    assert await waits(world) == [(["a"], 10)]


async def test_a_hint_whose_answer_never_comes_is_read_after_that_second(world: World) -> None:
    await both(world)
    world.destination.put("a", first_name="Anna")
    await echo(world, told("a", 1e9))
    await world.read()
    assert world.destination.named == []
    await world.due()
    await world.read()
    assert (await world.staged(DESTINATION))["a"] == ("present", "Anna")


async def test_a_hint_of_the_source_waits_for_nobody(world: World) -> None:
    await both(world)
    await world.hook("a")
    assert await waits(world) == [(["a"], 0)]


async def test_an_idle_reader_is_given_the_read_with_the_hint(world: World) -> None:
    """No claim of its own; while it reads, hints are gathered for the next read."""
    await world.start("a", "b", auto_update=True)
    world.source.named.clear()
    began, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        began.set()
        await go.wait()

    world.source.before_named = slow
    async with idle(world):
        await world.hook("a")
        (row,) = await world.rows(
            "SELECT lease_token, lease_until > now() FROM read_tasks WHERE done_at IS NULL"
        )
        assert tuple(row) == (1, True)
        await asyncio.wait_for(began.wait(), 5)
        await world.hook("b")
        await world.hook("a")
        assert [(SOURCE, "records", "hook")] * 2 == await world.open()
        go.set()
        await eventually(lambda: _is_over(world), within=5, every=0.02)
    assert [sorted(ids) for ids in world.source.named] == [["a"], ["a", "b"]]


async def test_a_hint_whose_transaction_fails_gives_nobody_a_read(world: World) -> None:
    await world.start("a", auto_update=True)
    world.source.named.clear()
    async with idle(world):
        with pytest.raises(ZeroDivisionError):
            await _hand_over(world, fails=True)
        await world.hook("a")
        await eventually(lambda: _is_over(world), within=5, every=0.02)
    assert world.source.named == [["a"]]


async def _hand_over(world: World, *, fails: bool) -> None:
    async with world.database.transaction([COMPANY]) as tx:
        task = await asking.add_hints(tx, COMPANY, SOURCE, COMPANY, ["a"], lease_seconds=45)
        assert task
        if world.handover.has_room():
            world.handover.give(tx, Claimed(task, None))
        if fails:
            raise ZeroDivisionError


async def test_what_a_process_died_with_another_reads_when_the_lease_has_run_out(world: World) -> None:
    await world.start("a", auto_update=True)
    world.source.named.clear()
    await _hand_over(world, fails=False)
    await world.read()
    assert world.source.named == []
    await world.expire()
    await world.read()
    assert world.source.named == [["a"]]


async def test_who_waits_for_a_reader_is_not_passed_over(world: World) -> None:
    """A reader that has not looked for what is due lately gets nothing with the hint."""
    await world.start("a", auto_update=True)
    assert not world.handover.has_room()
    async with idle(world):
        readers = world.settings.readers
        assert [world.handover.has_room(besides) for besides in range(readers + 1)] == [True] * readers + [
            False
        ]
        world.handover._nothing_at -= 5
        assert not world.handover.has_room()


class idle:  # noqa: N801  (a context manager)
    """Readers that run, and have found nothing to do."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self) -> None:
        self._running = asyncio.create_task(self._world.reader.run())
        await eventually(self._is_idle, within=5, every=0.02)

    async def _is_idle(self) -> bool:
        return self._world.handover.has_room(self._world.settings.readers - 1)

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running


async def _is_over(world: World) -> bool:
    return await world.open() == []
