"""People who leave, and come back, against the sandboxes of both systems: nobody is Synced while active on one side only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.syncer.worker import Sender
from shared.domain.employee import Remote
from shared.domain.settings import Account
from shared.settings import LimitSettings
from tests.support.systems import Side, sandbox

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio
NAME = {"first_name": "Ann", "last_name": "Li"}


@dataclass
class Leaver:
    """Somebody who is linked, and the world that syncs them."""

    world: World
    side: Side
    remote: str

    async def get(self, account: Account, company: UUID) -> Any:
        """The connector, as the sender asks for it."""
        return self.side.connector()

    async def there(self) -> tuple[bool, str | None]:
        """Whether they are active at the destination, and their end date."""
        row = (await self.side.rows())[self.remote]
        if self.side.system == "linarc":
            return row["state"] not in {"terminated", "suspended"}, row.get("end_date")
        return row["Active"], row.get("ReleasedDate")

    async def status(self) -> tuple[str, str]:
        return (await self.world.statuses())[self.world.id("s")]


@pytest_asyncio.fixture(params=["quickbooks", "linarc"])
async def leaver(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Leaver]:
    if request.param == "linarc":
        await world.flip()
    async with sandbox(request.param, "in process", tmp_path) as place:
        side = Side(request.param, place, world.database, LimitSettings(enforced=False))
        await side.connect()
        (remote,) = await side.seed([side.person(*NAME.values())])
        found = Leaver(world, side, remote)
        handlers = world.handlers
        world.sender = Sender(
            world.database, handlers.outbox, found, handlers.clock, handlers.settings, handlers.senders
        )
        read = (await side.connector().read_many([remote]))[remote]
        assert isinstance(read, Remote)
        await world.found(read)
        await world.staged("s", **NAME)
        await world.linked("s", remote)
        await world.sync("s")
        await world.send()
        yield found
        await side.close()


async def test_who_leaves_is_deactivated_and_who_comes_back_made_active_by_a_persons_push(
    leaver: Leaver,
) -> None:
    world = leaver.world
    assert ("synced", "") == await leaver.status()

    await world.staged("s", rev=2, **NAME, active=False, end_date="2026-11-20")
    assert ("needs_sync", "active_at_destination") == await leaver.status()
    await world.sync("s", name="leaves")
    await world.send()
    assert ("synced", "") == await leaver.status()
    assert (False, "2026-11-20") == await leaver.there()

    await world.staged("s", rev=3, **NAME, active=True, end_date=None)
    assert ("needs_sync", "inactive_at_destination") == await leaver.status()
    await world.sync("s", name="returns")
    await world.send()
    assert ("synced", "") == await leaver.status()
    assert (True, None) == await leaver.there()
    assert ["deactivate", "reactivate"] == [e["action"] for e in await world.published("push.planned")][-2:]
    assert ["deactivate", "reactivate"] == [e["action"] for e in await world.published("push.succeeded")][-2:]
