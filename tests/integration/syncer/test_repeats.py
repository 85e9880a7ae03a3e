"""What is repeated against QuickBooks' sandbox: paced, bounded, and each record ends with its own reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import pytest_asyncio

from services.syncer.store import push_queue
from services.syncer.worker import Sender
from shared.connectors.ports import Connector
from shared.domain.settings import Account
from shared.settings import LimitSettings
from tests.support.companies import COMPANY, DESTINATION
from tests.support.systems import Side, read, sandbox

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio
VENDOR = ("Ottoline", "Vassbakk")
"""QuickBooks has a vendor of this name."""


@dataclass(frozen=True)
class OneConnector:
    """Gives out the one connector."""

    connector: Connector

    async def get(self, account: Account, company: UUID) -> Connector:
        return self.connector


@pytest_asyncio.fixture
async def quickbooks(world: World, tmp_path: Path) -> AsyncIterator[Side]:
    """The sandbox, which the world's sender talks to."""
    async with sandbox("quickbooks", "over HTTP", tmp_path) as place:
        side = Side("quickbooks", place, world.database, LimitSettings(enforced=False))
        await side.connect()
        handlers = world.handlers
        world.sender = Sender(
            world.database,
            handlers.outbox,
            OneConnector(side.connector()),
            handlers.clock,
            handlers.settings,
            handlers.senders,
        )
        yield side
        await side.close()


async def work(world: World, most: int = 30) -> None:
    """Until nothing is left to do, as if all pauses were over and wanted directories read; at most so many steps."""
    for _ in range(most):
        if not await world.step():
            await world.due()
            await world.later()
            if not await world.step():
                return
    raise AssertionError("repeated without end")


@pytest.mark.parametrize("number", [None, "N-2"])
async def test_one_refused_and_one_unknown_in_a_batch_whose_answer_was_lost_end_each_with_its_reason(
    world: World, quickbooks: Side, number: str | None
) -> None:
    """A vendor holds the first one's name, 10000 is answered for the second; both are pushed three times."""
    await quickbooks.faults(
        {"match": {"operation": "batch"}, "action": "cut", "after_commit": True, "count": 1},
        {
            "match": {"operation": "create", "name_contains": "Amsel"},
            "action": "fault",
            "status": 400,
            "code": "10000",
        },
    )
    await world.staged("a", first_name=VENDOR[0], last_name=VENDOR[1])
    await world.staged("b", first_name="Ben", last_name="Amsel", **({"number": number} if number else {}))
    await world.unmatched("a", "b")

    await world.sync("a", "b")
    await work(world)
    for again in ("second", "third"):
        await world.sync("a", name=f"a {again}")
        await world.sync("b", name=f"b {again}")
        await work(world)

        statuses = await world.statuses()
        assert ("needs_action", "duplicate_name") == statuses[world.id("a")]
        assert ("failed", "outcome_unknown") == statuses[world.id("b")]
    failed = await world.published("push.failed")
    assert len(failed) == len({f["push_id"] for f in failed}) == 6
    calls = await quickbooks.calls()
    assert calls.get("batch", 0) + calls.get("create", 0) <= 24
    assert [] == [p for p in (await quickbooks.rows()).values() if p.get("FamilyName") == "Amsel"]

    await quickbooks.faults()
    await world.sync("b", name="at last")
    await work(world)

    assert ("synced", "") == (await world.statuses())[world.id("b")] or number is None


async def test_a_push_whose_workers_all_end_after_claiming_it_fails_at_last(world: World) -> None:
    """Each claim counts, though nothing was recorded after it."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    for _ in range(world.handlers.settings.send_attempts + 1):
        async with world.database.transaction([COMPANY]) as tx:
            await push_queue.claim_pushes(tx, COMPANY, DESTINATION, 9, 60)
        await world.rows("UPDATE pushes SET lease_until = now() - interval '1 second'")

    await world.send()

    assert {world.id("a"): ("failed", "internal")} == await world.statuses()
    assert [] == world.destination.calls


async def test_a_stale_version_is_tried_again_after_pauses_and_not_for_ever(
    world: World, quickbooks: Side
) -> None:
    """Somebody changes the record each time at the same moment."""
    (there,) = await quickbooks.seed([quickbooks.person("Ana", "Li")])
    world.destination.people[there] = await read(quickbooks.connector(), there)
    await world.staged("a", title="Foreman", phone="+12125550101")
    await world.echo(there)
    await world.linked("a", there)
    await quickbooks.faults(
        {"match": {"operation": "update"}, "action": "fault", "status": 400, "code": "5010"}
    )

    await world.sync("a")
    await world.send()
    assert 2 == (await quickbooks.calls())["update"], "the second time at once, the third after a pause"
    await work(world)

    assert {world.id("a"): ("failed", "stale")} == await world.statuses()
    assert world.handlers.settings.send_attempts == (await quickbooks.calls())["update"]
