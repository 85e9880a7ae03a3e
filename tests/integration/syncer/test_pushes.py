"""From a command to its outcome, on the real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid5

import orjson
import pytest

from services.syncer.store import calls, push_queue, record_states
from services.syncer.store.calls import Call
from services.syncer.worker.call_results import TOGETHER
from shared.db.companies import load_settings
from shared.domain.employee import Employee, Remote
from shared.domain.ids import record_id
from shared.domain.values import Lane
from shared.errors import Unavailable
from shared.messaging.outbox import LANES
from tests.support.companies import COMPANY, DESTINATION, NAMESPACE

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


async def test_people_nobody_knows_are_created_once_and_their_run_ends(world: World) -> None:
    """More calls than are recorded together; a second push of them finds nothing to do."""
    people = [str(n) for n in range(1, 4 * TOGETHER)]
    await world.staged(*people)
    await world.unmatched(*people)

    await world.sync(*people)
    await world.send()

    assert set((await world.statuses()).values()) == {("synced", "")}
    assert 2 * TOGETHER == len(world.destination.calls)
    assert len(people) == len(await world.published("push.succeeded"))
    (run,) = await world.published("sync.completed")
    assert (len(people), len(people), 0) == (run["total"], run["succeeded"], run["failed"])
    creations = await world.rows("SELECT remote_id, finished_at, ordinal FROM creations")
    assert set(people) == {row["remote_id"] for row in creations}
    assert all(row["finished_at"] and row["ordinal"] == 1 for row in creations)

    await world.sync(*people, name="again")
    await world.send()

    assert len(people) == len(world.destination.people)


async def test_what_comes_back_of_our_own_write_is_no_news(world: World) -> None:
    """importer's echo and mapper's link are kept, and nothing more is said of the record."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    before = len(await world.published_statuses())

    await world.echo("1", rev=9)
    await world.linked("a", "1")

    assert before == len(await world.published_statuses())
    (row,) = await world.rows("SELECT situation, link_rev, created FROM records")
    assert ("linked", 2, False) == tuple(row)
    (snapshot,) = await world.rows("SELECT rev FROM snapshots WHERE remote_id = '1'")
    assert 9 == snapshot["rev"]


async def test_a_pushs_events_carry_the_status_and_nothing_else_is_published_of_it(world: World) -> None:
    await world.staged("a")
    await world.unmatched("a")
    before = len(await world.published("status.changed"))
    await world.sync("a")
    await world.send()

    (planned,), (succeeded,) = await world.published("push.planned"), await world.published("push.succeeded")
    assert before == len(await world.published("status.changed"))
    assert ("syncing", "queued") == tuple(planned["record_status"][n] for n in ("status", "reason"))
    assert planned["basis"] == planned["record_status"]["basis"]
    assert "synced" == succeeded["record_status"]["status"]
    assert succeeded["record_status"]["synced_at"]
    revs = [s["status_rev"] for s in await world.published_statuses()]
    assert revs == list(range(1, len(revs) + 1))


async def test_the_outcome_tells_the_version_that_was_sent(world: World) -> None:
    """Another field moved between plan and claim: the push goes on, on the newer basis, which is stored and told."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.staged("a", rev=2, title="Foreman")
    await world.unmatched("a", rev=2, link_rev=2)

    await world.send()

    (succeeded,) = await world.published("push.succeeded")
    assert 2 == succeeded["source_rev"]
    (push,) = await world.rows("SELECT basis->>'source_rev' AS rev, outcome FROM pushes")
    assert ("2", "succeeded") == tuple(push)


async def test_what_a_push_leaves_is_reported_in_its_lane_and_as_its_runs(world: World) -> None:
    """A change in real time is shown as Synced without waiting behind an import."""
    await world.staged("a")
    await world.unmatched("a")
    (asked,) = await world.rows("SELECT max(id) AS id FROM outbox")
    await world.sync("a", lane=Lane.REAL_TIME)
    await world.send()

    rows = await world.rows(f"SELECT lane, headers, body FROM outbox WHERE id > {asked['id']} ORDER BY id")
    received = [(r["lane"], orjson.loads(r["headers"]), orjson.loads(r["body"])) for r in rows]
    statuses = [
        (lane, h["ce_runid"], h["ce_actor"])
        for lane, h, b in received
        if (b.get("record_status") or b).get("status") == "synced"
    ]
    assert [(LANES[Lane.REAL_TIME], str(uuid5(NAMESPACE, "run")), "ann")] == statuses
    assert {LANES[Lane.REAL_TIME]} == {lane for lane, *_ in received}


async def test_a_push_that_was_asked_for_wakes_a_sender_and_a_mere_fact_does_not(world: World) -> None:
    """The worker need not look after every message."""
    wakeup = world.database.wakeups[push_queue.PUSHES]
    await world.staged("a")
    await world.unmatched("a")
    assert not await wakeup.wait(0.1)

    await world.sync("a")
    assert await wakeup.wait(0.1)

    await world.send()
    assert await wakeup.wait(0.1)  # another sender, for there may be more
    assert not await wakeup.wait(0.1)


async def test_pushes_of_a_disconnected_account_are_cancelled_one_chunk_after_the_other(world: World) -> None:
    """Who took some wakes the next, though nothing was sent; and who asked for them is not who cancelled them."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.set(2, connected=False)
    wakeup = world.database.wakeups[push_queue.PUSHES]
    await wakeup.wait(0.1)
    world.sender._limits[DESTINATION] = 1

    assert not await world.sender.step()

    assert await wakeup.wait(0.1)
    assert not await world.sender.step()
    assert not await wakeup.wait(0.1)
    (push,) = await world.rows("SELECT outcome FROM pushes")
    assert push["outcome"] == "cancelled"
    (published,) = await world.rows("SELECT headers FROM outbox ORDER BY id DESC LIMIT 1")
    assert "ce_actor" not in orjson.loads(published["headers"])


async def test_what_is_to_be_tried_again_at_once_wakes_a_sender_and_what_waits_does_not(world: World) -> None:
    """A pause ends by time, and idle senders look by themselves."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    wakeup = world.database.wakeups[push_queue.PUSHES]
    await wakeup.wait(0.1)

    for seconds in (60.0, 0.0):
        async with world.database.transaction([COMPANY]) as tx:
            document = await load_settings(tx, [COMPANY])
            states = await record_states.load_states(tx, [world.id("a")], document)
            pushes = [state.push for state in states.values() if state.push]
            await push_queue.postpone(tx, COMPANY, pushes, seconds, attempt=False)
        assert pushes
        assert await wakeup.wait(0.1) is (seconds == 0)


async def test_new_rules_wake_who_decides_again(world: World) -> None:
    """Chunk by chunk, by the same worker process."""
    wakeup = world.database.wakeups[record_states.RECORDS]
    await wakeup.wait(0.1)

    await world.set(2)

    assert await wakeup.wait(0.1)


async def test_an_edit_while_the_call_is_on_its_way_follows_as_an_update(world: World) -> None:
    """What was sent is remembered as sent; the newer name is still to be pushed, and is, as an update."""

    async def edit() -> None:
        world.destination.before_send = None
        await world.staged("a", rev=2, first_name="Anne")

    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    world.destination.before_send = edit
    await world.send()

    assert {world.id("a"): ("needs_sync", "changed")} == await world.statuses()

    await world.sync("a", name="again")
    await world.send()

    assert {world.id("a"): ("synced", "")} == await world.statuses()
    assert ["Anne"] == [remote.employee.first_name for remote in world.destination.people.values()]


async def test_another_sender_is_woken_only_where_more_may_be_due(world: World) -> None:
    for remote in ("a", "b", "c"):
        await world.staged(remote)
        await world.unmatched(remote)
    await world.sync("a", "b", "c")
    woken = []
    for _ in range(3):
        async with world.database.transaction([COMPANY]) as tx:
            claimed = await push_queue.claim_pushes(tx, COMPANY, DESTINATION, 2, 60)
            woken.append((len(claimed), push_queue.PUSHES in tx.due))
    assert woken == [(2, True), (1, False), (0, False)]


async def test_a_call_is_stored_only_under_its_lease(world: World) -> None:
    """A lease that was given back, or taken by another, stores nothing."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    async with world.database.transaction([COMPANY]) as tx:
        await push_queue.claim_pushes(tx, COMPANY, DESTINATION, 9, 60)
    (row,) = await world.rows("SELECT push_id FROM pushes")
    member = [row["push_id"]]
    call = Call(COMPANY, world.id("call"), DESTINATION, "create", "POST", "/people", {}, "{}", member)

    async with world.database.transaction([COMPANY]) as tx:
        states = await record_states.load_states(tx, [world.id("a")], await load_settings(tx, [COMPANY]))
        push = states[world.id("a")].push
        assert push is not None
        stale = push._replace(lease_token=push.lease_token - 1)
        assert not await calls.add_calls(tx, [(call, [stale])], {}, 60)
        assert [] == await push_queue.still_leased(tx, COMPANY, [stale])
        assert [push] == await push_queue.still_leased(tx, COMPANY, [push])
        await push_queue.postpone(tx, COMPANY, [push], 0, attempt=False)
        assert not await calls.add_calls(tx, [(call, [push])], {}, 60)


async def test_nobody_is_created_while_mapper_looks_at_a_newer_version(world: World) -> None:
    """It may be somebody now whom the destination has: the push waits for the answer, and keeps its plan."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.staged("a", rev=2)
    await world.send()
    assert {} == world.destination.people
    assert {world.id("a"): ("syncing", "queued")} == await world.statuses()

    await world.unmatched("a", rev=2, link_rev=2)
    await world.due()
    await world.send()
    assert ["1"] == list(world.destination.people)
    assert {world.id("a"): ("synced", "")} == await world.statuses()


async def test_only_a_person_opens_a_second_creation(world: World) -> None:
    """Unlinked again, the record needs a person; asked for after the first success, a new record is made."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    await world.linked("a", "1")
    await world.unmatched("a", link_rev=3)

    assert {world.id("a"): ("needs_action", "created_before")} == await world.statuses()

    await world.staged("a", rev=2, last_name="Another")  # the first one keeps the name
    await world.unmatched("a", rev=2, link_rev=4, asked_at=datetime.now(UTC) + timedelta(minutes=1))
    await world.sync("a", name="new")
    await world.send()

    creations = await world.rows("SELECT ordinal, remote_id FROM creations ORDER BY ordinal")
    assert [(1, "1"), (2, "2")] == [tuple(row) for row in creations]
    (row,) = await world.rows("SELECT destination_record_id FROM records")
    assert record_id(DESTINATION, "2") == row["destination_record_id"]


async def test_one_that_breaks_every_call_keeps_nobody_else_from_being_created(world: World) -> None:
    """Its batch is given up with an unknown outcome; tried again later, each is looked for, and goes alone if not there."""
    await world.staged("a", number="N-1")
    await world.staged("b", number="N-2", last_name="Breaker")
    await world.unmatched("a", "b")
    world.destination.fails_on = "Breaker"
    await world.sync("a", "b")
    await over(world)

    await world.later()
    await world.sync("a", "b", name="again")
    await over(world)

    statuses = await world.statuses()
    assert ("synced", "") == statuses[world.id("a")]
    assert ("failed", "outcome_unknown") == statuses[world.id("b")]
    assert ["N-1"] == [one.employee.number for one in world.destination.people.values()]


async def test_what_a_lost_call_has_made_is_found_and_not_made_again(world: World) -> None:
    """The system made both and answered with an error each time; the person's retry finds them and sends nothing."""
    await world.staged("a", number="N-1")
    await world.staged("b", number="N-2")
    await world.unmatched("a", "b")
    world.destination.loses = True
    await world.sync("a", "b")
    await over(world)
    world.destination.calls.clear()

    await world.later()
    await world.sync("a", "b", name="again")
    await world.send()

    assert {("synced", "")} == set((await world.statuses()).values())
    assert [] == world.destination.calls
    assert 2 == len(await world.rows("SELECT FROM creations WHERE remote_id IS NOT NULL"))


@pytest.mark.parametrize(("number", "late"), [("N-1", False), (None, True)])
async def test_a_call_is_sent_again_verbatim_where_a_look_up_proves_nothing(
    world: World, number: str | None, *, late: bool
) -> None:
    """It may still be carried out, or there is nothing to look for."""
    await world.staged("a", number=number)
    await world.unmatched("a")
    world.destination.fails_on = "Ana"
    await world.sync("a")
    await over(world)
    world.destination.fails_on = None
    (first, *_) = world.destination.calls

    if late:
        await world.later()
    await world.sync("a", name="again")
    await over(world)

    assert first == world.destination.calls[-1]
    assert {("synced", "")} == set((await world.statuses()).values())


async def over(world: World) -> None:
    """Send until every push is over, or Failed until its next try."""
    for _ in range(40):
        await world.send()
        await world.due()
        if not await world.rows("SELECT FROM pushes WHERE state <> 'done' AND retry_at IS NULL"):
            return
    raise AssertionError("something is still on its way")


async def died(world: World, ago: str, *, number: str | None = "N-1", known: bool = False) -> None:
    """The worker dies while its call is on its way; that was so long ago."""

    async def die() -> None:
        world.destination.before_send = None
        raise asyncio.CancelledError

    await world.staged("a", number=number)
    await world.unmatched("a")
    await world.sync("a")
    if known:
        await world.send()
        await world.staged("a", number="N-2", rev=2)
        await world.sync("a", name="again")
        world.destination.calls.clear()
    world.destination.before_send = die
    with pytest.raises(asyncio.CancelledError):
        await world.send()
    then = f"now() - interval '{ago}'"
    await world.rows(
        f"UPDATE calls SET lease_until = {then}, due_at = {then}, sent_at = {then}, created_at = {then}"
        " WHERE state = 'sending'"
    )


async def test_a_call_whose_worker_died_is_sent_again_and_not_looked_for(world: World) -> None:
    """The worker's lease has run out, and that is all that is known."""
    await died(world, "50 minutes")
    await world.send()

    first, again = world.destination.calls
    assert first == again
    assert [] == world.destination.looked_for
    assert {world.id("a"): ("synced", "")} == await world.statuses()


async def test_a_call_older_than_its_key_is_looked_for_and_not_sent_again(world: World) -> None:
    """Everything stood still for hours; the system may not know the key any more, and would make a second person."""
    await died(world, "2 hours")
    (lost,) = world.destination.calls
    await world.destination.send(lost)
    world.destination.calls.clear()

    await world.send()

    assert [] == world.destination.calls
    assert ["N-1"] == [one.employee.number for one in world.destination.people.values()]
    assert {world.id("a"): ("synced", "")} == await world.statuses()


async def test_what_a_call_older_than_its_key_has_not_made_is_made_once(world: World) -> None:
    """It was never carried out: the push goes on in a call of its own."""
    await died(world, "2 hours")
    world.destination.calls.clear()

    await over(world)

    assert 1 == len(world.destination.calls)
    assert ["N-1"] == [one.employee.number for one in world.destination.people.values()]
    assert {world.id("a"): ("synced", "")} == await world.statuses()


async def test_an_old_call_that_nothing_can_be_looked_for_by_is_left_to_a_person(world: World) -> None:
    """No number and no e-mail: rather unknown than twice."""
    await died(world, "2 hours", number=None)
    world.destination.calls.clear()

    await over(world)

    assert [] == world.destination.calls
    assert {world.id("a"): ("failed", "outcome_unknown")} == await world.statuses()


async def test_a_push_behind_a_call_that_nobody_can_settle_fails_with_it(world: World) -> None:
    """The person tries again, and is reported again; nothing is looked for in a circle."""
    await died(world, "2 hours", number=None)
    await over(world)
    await world.later()
    world.destination.calls.clear()

    await world.sync("a", name="again")
    await over(world)

    assert [] == world.destination.calls
    assert {world.id("a"): ("failed", "outcome_unknown")} == await world.statuses()


async def test_who_was_looked_for_and_not_found_is_created_though_the_call_of_it_stays_unknown(
    world: World,
) -> None:
    """Another one in the same batch has nothing to be looked for by."""

    async def die() -> None:
        world.destination.before_send = None
        raise asyncio.CancelledError

    await world.staged("a", number="N-1")
    await world.staged("b")
    await world.unmatched("a", "b")
    await world.sync("a", "b")
    world.destination.before_send = die
    with pytest.raises(asyncio.CancelledError):
        await world.send()
    await world.rows(
        "UPDATE calls SET lease_until = now() - interval '1 hour', sent_at = now() - interval '2 hours',"
        " created_at = now() - interval '2 hours'"
    )
    await over(world)

    assert ["N-1"] == [one.employee.number for one in world.destination.people.values()]
    statuses = await world.statuses()
    assert ("synced", "") == statuses[world.id("a")]
    assert ("failed", "outcome_unknown") == statuses[world.id("b")]


async def test_who_was_linked_since_is_not_created_after_all(world: World) -> None:
    """The creation's outcome stayed unknown and a person said who it is: the push is an update, no second person is made."""
    world.destination.people["7"] = Remote(
        remote_id="7", version="1", updated_at=None, employee=Employee(last_name="Lia"), payload="{}"
    )
    await world.staged("a")
    await world.unmatched("a")
    world.destination.fails_on = "Ana"
    await world.sync("a")
    await over(world)
    world.destination.fails_on = None

    await world.echo("7")
    await world.linked("a", "7")
    await world.sync("a", name="again")
    await over(world)

    assert ["7"] == list(world.destination.people)
    assert "Ana" == world.destination.people["7"].employee.first_name
    assert {world.id("a"): ("synced", "")} == await world.statuses()


async def test_what_was_read_before_an_answer_was_recorded_stays(world: World) -> None:
    """Somebody edits the new record while its answer is on its way, and Muster reads that first: the record differs."""

    async def edited() -> None:
        world.destination.before_send = None
        remote = Remote(
            remote_id="1", version="5", updated_at=None, employee=Employee(first_name="Eva"), payload="{}"
        )
        world.destination.people["1"] = remote
        await world.echo("1", rev=9)
        del world.destination.people["1"]

    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    world.destination.before_send = edited
    await world.send()

    assert {world.id("a"): ("needs_action", "changed_at_destination")} == await world.statuses()


@pytest.mark.parametrize("first", ["the link", "the answer"])
async def test_what_was_created_for_one_and_linked_to_another_is_written_for_the_other_only(
    world: World, first: str
) -> None:
    """A person saw the new record before its answer came to mapper, and chose it for somebody else."""

    async def chosen() -> None:
        world.destination.before_send = None
        await world.linked("b", "1")

    await world.staged("a", "b")
    await world.unmatched("a", "b")
    await world.sync("a")
    world.destination.before_send = chosen if first == "the link" else None
    await world.send()
    await world.linked("b", "1")

    assert ("needs_action", "created_before") == (await world.statuses())[world.id("a")]


async def test_an_old_call_that_may_still_be_on_its_way_waits(world: World) -> None:
    """It is neither sent under a key that may be forgotten, nor looked for too early."""
    await died(world, "2 hours")
    world.destination.calls.clear()
    await world.rows("UPDATE calls SET sent_at = now()")

    await world.send()
    assert ([], []) == (world.destination.calls, world.destination.looked_for)

    await world.rows("UPDATE calls SET sent_at = sent_at - interval '5 minutes', due_at = now()")
    await world.send()
    assert ["N-1"] == world.destination.looked_for


async def test_an_old_update_is_sent_again_and_not_looked_for(world: World) -> None:
    """It names its record, so it cannot make a second one."""
    await died(world, "2 hours", known=True)
    await world.send()

    first, again = world.destination.calls
    assert first == again
    assert [] == world.destination.looked_for
    assert ["N-2"] == [one.employee.number for one in world.destination.people.values()]


async def test_a_look_up_that_fails_is_made_again_and_nothing_sent_meanwhile(world: World) -> None:
    """Also when the worker dies over it: what was given up stays to be looked for."""
    await world.staged("a", number="N-1")
    await world.unmatched("a")
    world.destination.loses = True
    await world.sync("a")
    await over(world)
    world.destination.calls.clear()
    world.destination.hides = [Unavailable("destination: 503"), asyncio.CancelledError()]

    await world.later()
    await world.sync("a", name="again")
    await world.send()
    await world.due()
    with pytest.raises(asyncio.CancelledError):
        await world.send()
    await world.rows("UPDATE calls SET lease_until = now() - interval '1 second'")
    await world.send()

    assert [] == world.destination.calls
    assert {world.id("a"): ("synced", "")} == await world.statuses()
