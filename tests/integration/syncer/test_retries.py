"""What failed for a transient reason is tried again by itself, for more than an hour, and counted apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.contracts.commands import StopRetry
from shared.errors import Unavailable

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


class Down:
    """The destination answers nothing, while it is `down`."""

    def __init__(self, world: World) -> None:
        self.down = True
        world.destination.before_send = self

    async def __call__(self) -> None:
        if self.down:
            raise Unavailable("destination: 503")


async def failing(world: World, *remotes: str) -> Down:
    """These were pushed by one run, and all of its calls failed."""
    down = Down(world)
    await world.staged(*remotes)
    await world.unmatched(*remotes)
    await world.sync(*remotes)
    for _ in range(world.handlers.settings.send_attempts + 1):
        await world.send()
        await world.due()
    return down


async def shown(world: World, remote: str) -> Any:
    """Status, reason, and the seconds until the next try."""
    sql = f"""SELECT status, reason, extract(epoch FROM retry_at - now())::float8 AS wait FROM records
              WHERE record_id = '{world.id(remote)}'"""
    (row,) = await world.rows(sql)
    return row["status"], row["reason"], row["wait"]


async def test_records_that_failed_in_an_outage_are_synced_without_a_click_when_it_is_over(
    world: World,
) -> None:
    """Each is Failed with its next try meanwhile, and the run has ended with them counted apart."""
    down = await failing(world, "a", "b", "c")

    status, reason, wait = await shown(world, "a")
    assert ("failed", "unavailable") == (status, reason)
    assert 20 < wait < 40
    (ended,) = await world.published("sync.completed")
    assert (3, 0, 0, 3) == tuple(ended[n] for n in ("total", "succeeded", "failed", "retrying"))
    assert {"failed"} == {s["status"] for s in (await world.published_statuses())[-3:]}
    assert all(s["retry_at"] for s in (await world.published_statuses())[-3:])
    before = len(world.destination.calls)
    await world.send()
    assert before == len(world.destination.calls), "nothing is sent before its time"

    await world.retried()
    assert 40 < (await shown(world, "a"))[2] < 80, "the pause doubles"
    down.down = False
    await world.retried()

    assert {("synced", "")} == set((await world.statuses()).values())
    assert None is (await shown(world, "a"))[2]
    assert 3 == len(world.destination.people)
    assert 3 == len(await world.published("push.failed")), "only the first failure of each is an event"
    assert [ended] == await world.published("sync.completed")


async def test_an_outage_of_over_an_hour_ends_the_retries(world: World) -> None:
    """The pauses together are more than an hour, none over ten minutes; then it is Failed until somebody retries it."""
    await failing(world, "a")
    waited = 0.0
    for _ in range(30):
        status, reason, wait = await shown(world, "a")
        assert ("failed", "unavailable") == (status, reason)
        if wait is None:
            break
        assert wait <= 600
        waited += wait
        await world.retried()

    assert 3600 < waited < 7200
    assert wait is None
    assert world.handlers.settings.retry_attempts == len(world.destination.calls)
    await world.retried()
    assert world.handlers.settings.retry_attempts == len(world.destination.calls)
    (run,) = await world.rows("SELECT succeeded, failed, retrying FROM runs")
    assert (0, 0, 1) == tuple(run), "counted once"


async def test_retry_tries_now_in_a_run_of_its_own(world: World) -> None:
    down = await failing(world, "a", "b")
    down.down = False

    await world.sync("a", name="by hand")
    await world.send()

    assert ("synced", "", None) == await shown(world, "a")
    assert ("failed", "unavailable") == (await shown(world, "b"))[:2]
    assert [(0, 2), (1, 0)] == [
        (e["succeeded"], e["retrying"]) for e in await world.published("sync.completed")
    ]
    outcomes = await world.rows("SELECT outcome FROM pushes ORDER BY outcome")
    assert ["replaced", "succeeded", None] == [row["outcome"] for row in outcomes]


async def test_a_person_stops_the_retries(world: World) -> None:
    down = await failing(world, "a", "b")

    await world.tell(world.handlers.on_commands, StopRetry(record_id=world.id("a")))

    assert ("failed", "unavailable", None) == await shown(world, "a")
    down.down = False
    await world.retried()
    assert ("failed", "unavailable", None) == await shown(world, "a")
    assert ("synced", "", None) == await shown(world, "b")
    await world.sync("a", name="after all")
    await world.send()
    assert ("synced", "", None) == await shown(world, "a")


async def test_retries_that_are_stopped_while_one_is_under_way_end_with_it(world: World) -> None:
    await failing(world, "a")

    async def stopped() -> None:
        await world.tell(world.handlers.on_commands, StopRetry(record_id=world.id("a")))
        raise Unavailable("destination: 503")

    world.destination.before_send = stopped
    await world.retried()

    assert ("failed", "unavailable", None) == await shown(world, "a")
    assert "failed" == (await world.rows("SELECT outcome FROM pushes"))[0]["outcome"]


async def test_disconnecting_stops_the_retries(world: World) -> None:
    await failing(world, "a")

    await world.set(2, connected=False)
    while await world.sender.decide_due():
        pass

    assert None is (await shown(world, "a"))[2]
    assert "cancelled" == (await world.rows("SELECT outcome FROM pushes"))[0]["outcome"]


async def test_data_that_moved_meanwhile_end_the_retry_of_what_was_approved(world: World) -> None:
    """A plan that a person asked for is not carried out with other values; nor is one that no push can carry out now."""
    down = await failing(world, "a", "b")
    await world.staged("a", rev=2, first_name="Anna")
    await world.unmatched("a", rev=2, link_rev=2)
    down.down = False

    await world.retried()

    assert ("needs_sync", "not_pushed", None) == await shown(world, "a")
    assert ("synced", "", None) == await shown(world, "b")
    assert ["Ana"] == [p.employee.first_name for p in world.destination.people.values()]


async def test_a_creation_of_unknown_outcome_is_looked_for_and_made_once(world: World) -> None:
    """The system made it and answered nothing, for all tries; the retry finds it."""
    world.destination.loses = True
    await world.staged("a", number="7")
    await world.unmatched("a")
    await world.sync("a")
    for _ in range(world.handlers.settings.send_attempts + 1):
        await world.send()
        await world.due()
    assert ("failed", "outcome_unknown") == (await shown(world, "a"))[:2]

    await world.later()
    await world.retried()

    assert ("synced", "", None) == await shown(world, "a")
    assert 1 == len(world.destination.people)
