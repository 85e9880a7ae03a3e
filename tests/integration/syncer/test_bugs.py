"""A bug that one record or one call meets: the others go on, it is tried a bounded number of times, and it shows."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.syncer.store import record_states
from services.syncer.worker import transmitting
from services.syncer.worker.outcomes import Outcome
from services.syncer.worker.recording import Recorder
from shared.db.companies import load_settings
from shared.db.tx import Tx
from shared.domain.settings import CompanySettings
from tests.support.companies import COMPANY, DESTINATION, SOURCE

from .conftest import World


async def test_a_bug_while_a_call_is_sent_ends_that_call_and_not_the_worker(world: World) -> None:
    """Nobody knows whether it was carried out: the same call again, and at last Failed."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")

    async def bug() -> None:
        raise ZeroDivisionError

    world.destination.before_send = bug
    for _ in range(20):
        await world.send()
        await world.due()
    assert {("failed", "outcome_unknown")} == set((await world.statuses()).values())
    assert 1 < len(world.destination.calls) <= 10
    assert 1 == len({call.key for call in world.destination.calls})
    assert await world.published("sync.completed")


async def test_a_bug_before_anything_is_sent_fails_its_pushes_after_some_tries(world: World) -> None:
    """The reason says that it is ours."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    await world.linked("a", "1")
    await world.echo("1")
    await world.staged("a", rev=2, first_name="Bo")
    await world.linked("a", "1", rev=2, link_rev=3)
    await world.sync("a", name="again")
    nobody: Any = "nobody"
    world.destination.people = {"1": nobody}
    for _ in range(20):
        await world.send()
        await world.due()
    assert {("failed", "internal")} == set((await world.statuses()).values())
    assert 2 == len(await world.published("sync.completed"))


async def test_a_due_record_that_cannot_be_decided_keeps_no_other_from_it(world: World) -> None:
    """Every due record is taken once, whatever one of them holds."""
    await world.staged("a", "b", "c")
    await world.unmatched("a", "b", "c")
    await world.rows(f"UPDATE records SET failure = '{{\"x\": 1}}' WHERE record_id = '{world.id('b')}'")
    await world.rows("UPDATE records SET due = true, status = 'synced'")
    while await world.sender.decide_due():
        pass

    statuses = await world.statuses()
    assert ("needs_sync", "not_pushed") == statuses[world.id("a")] == statuses[world.id("c")]
    assert not await world.rows("SELECT FROM records WHERE due")


async def test_an_answer_is_recorded_though_nobody_can_tell_who_holds_a_value(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(*_: object) -> None:
        raise TypeError

    monkeypatch.setattr(transmitting, "find_holders", bug)
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()

    assert {("synced", "")} == set((await world.statuses()).values())
    assert 1 == len(world.destination.calls)


async def test_a_call_that_ends_its_process_each_time_is_given_up(world: World) -> None:
    """Nothing is recorded after any of its sendings."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")

    async def death() -> None:
        raise asyncio.CancelledError

    world.destination.before_send = death
    with pytest.raises(asyncio.CancelledError):
        await world.send()
    tried = world.handlers.settings.send_attempts
    await world.rows(f"""UPDATE calls SET attempts = {tried}, created_at = now() - interval '2 hours',
                         lease_until = now() - interval '1 second'""")
    await world.send()

    assert {("failed", "outcome_unknown")} == set((await world.statuses()).values())
    assert 1 == len(world.destination.calls)


async def test_a_creation_is_closed_in_its_own_account_whatever_is_recorded_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of the source stands before it."""
    record = Recorder.record

    async def behind_another(
        self: Recorder, tx: Tx, company: UUID, outcomes: Any, states: Any = None
    ) -> None:
        before = [
            Outcome(o.push._replace(push_id=uuid4(), record_id=uuid4(), account_id=SOURCE), cancelled=True)
            for o in outcomes
        ]
        await record(self, tx, company, [*before, *outcomes], states)

    monkeypatch.setattr(Recorder, "record", behind_another)
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()

    assert [("1", DESTINATION)] == [
        tuple(row) for row in await world.rows("SELECT remote_id, account_id FROM creations")
    ]


async def test_a_call_to_the_account_before_says_nothing_about_a_new_destination(world: World) -> None:
    """A creation there, of which nobody knows, is not taken up for the company file that the route names now."""
    await test_a_bug_while_a_call_is_sent_ends_that_call_and_not_the_worker(world)
    record = world.id("a")
    async with world.database.transaction([COMPANY]) as tx:
        settings = await load_settings(tx, [COMPANY])
        elsewhere = settings[COMPANY].model_dump_json().replace(str(DESTINATION), str(uuid4()))
        moved = {COMPANY: CompanySettings.model_validate_json(elsewhere)}
        here = (await record_states.load_states(tx, [record], settings))[record]
        there = (await record_states.load_states(tx, [record], moved))[record]
    assert here.unknown_call is not None
    assert there.unknown_call is None
