"""What must hold under load: limits, one refresh among many, and no write twice. benchmarks/connectors.py has the large runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from shared.connectors.limits import Limits
from shared.connectors.ports import Connector, Write
from shared.db.tx import Database
from shared.errors import Unauthorized
from shared.settings import LimitSettings
from tests.support.systems import Place, Side, process, push, race, until_known

SPEED = 10


@pytest_asyncio.fixture
async def strict(vault_database: Database, tmp_path: Path) -> AsyncIterator[Side]:
    """QuickBooks with its real limits on a clock that runs faster, ours keeping step."""
    more = ("--limits", "real", "--time-scale", str(SPEED))
    async with process("quickbooks", tmp_path, *more) as url:
        side = Side("quickbooks", Place(url, None), vault_database, LimitSettings(speed=SPEED))
        await side.forget_pauses()
        await side.connect()
        await side.admin_post("/reset")
        await side.connect()
        yield side
        await side.close()


async def test_a_push_stays_within_every_limit_and_uses_nearly_all_of_the_batches(strict: Side) -> None:
    rates: list[float] = []
    for part in range(3):  # what else runs on the machine can only slow a push down
        pushed = await push(strict, 55 * 30, processes=3, name=f"push-{part}")
        seen = (await strict.admin_get("/limits"))[strict.scope]
        assert seen["refused"] == 0, seen
        assert seen["highest"]["batches_per_minute"] <= 40
        assert seen["highest"]["requests_per_minute"] <= 500
        assert pushed.count == 55 * 30
        assert len(await strict.rows()) == 55 * 30 * (part + 1)
        rates.append((pushed.calls - 1) / (pushed.seconds * SPEED / 60))
        if rates[-1] >= 0.9 * 40:
            break
    assert rates[-1] >= 0.9 * 40, rates
    budget = await strict.limits.budget(UUID(int=1), strict.account)
    assert budget.paused_until is None


async def test_without_heeding_the_limits_they_are_broken(strict: Side) -> None:
    """The negative control: the sandbox does refuse."""
    strict.limits = Limits(strict.database, LimitSettings(enforced=False, speed=SPEED), strict.clock)
    pushed = await push(strict, 55 * 30, processes=3)
    seen = (await strict.admin_get("/limits"))[strict.scope]
    assert seen["refused"] > 0
    assert pushed.count < 55 * 30


async def test_of_many_workers_at_expiry_one_refreshes(strict: Side) -> None:
    await strict.switch(rotate_refresh=True, old_refresh_dies=True, old_access_dies=True)
    strict.limits = Limits(strict.database, LimitSettings(enforced=False), strict.clock)
    await strict.switch(
        requests_per_second=0, requests_per_minute=0, batches_per_minute=0, concurrent_requests=0
    )
    for refreshes in await race(strict, workers=30, rounds=3):
        assert refreshes == 1


async def test_a_dead_access_token_opens_nothing(strict: Side) -> None:
    """The negative control of the race: had a worker gone on with the old token, it would have been refused."""
    await strict.switch(old_access_dies=True)
    dead = (await strict.vault.load(UUID(int=1), UUID(int=2))).access_token
    connector = strict.connector()
    await connector._session._tokens.renew(dead)  # type: ignore[attr-defined]
    answer = await strict.admin.get(
        f"/v3/company/{strict.scope}/companyinfo/{strict.scope}", headers={"Authorization": f"Bearer {dead}"}
    )
    assert answer.status_code == httpx.codes.UNAUTHORIZED


@pytest.mark.parametrize("trouble", ["timeout_after_commit", "cut_body"])
async def test_of_many_writes_with_lost_answers_each_happens_once(side: Side, trouble: str) -> None:
    await side.faults({"match": {"operation": "create", "every": 10}, "action": trouble})
    connector = side.connector()
    written = await asyncio.gather(*(lost(connector, n) for n in range(150)))
    assert len(set(written)) == 150
    assert sorted(await side.rows()) == sorted(written)


async def lost(connector: Connector, n: int) -> str:
    write = Write("create", f"item-{n}", {"first_name": f"P{n}", "last_name": "Li", "number": f"LN-{n}"})
    (done,) = await until_known(connector, connector.prepare(f"key-{n}", [write]))
    assert done.remote is not None, done.error
    return done.remote.remote_id


async def test_without_a_stable_key_a_lost_answer_makes_a_second_person(side: Side) -> None:
    """The negative control: Linarc takes two of one name, and so would QuickBooks without DisplayName's rule."""
    if side.system == "quickbooks":
        return
    await side.faults({"match": {"operation": "create"}, "action": "timeout_after_commit", "count": 1})
    connector = side.connector()
    for key in ("key-1", "key-2"):
        call = connector.prepare(key, [Write("create", "i", {"first_name": "Ana", "last_name": "Li"})])
        await asyncio.gather(connector.send(call), return_exceptions=True)
    assert len(await side.rows()) == 2


async def test_a_revoked_connection_sends_nothing_more(strict: Side) -> None:
    connectors = [strict.connector() for _ in range(5)]
    await strict.admin_post("/tokens/expire", kind="all")
    ended = await asyncio.gather(*(c.test() for c in connectors), return_exceptions=True)
    assert all(isinstance(e, Unauthorized) for e in ended)
    before = await strict.calls()
    ended = await asyncio.gather(*(c.test() for c in connectors), return_exceptions=True)
    assert all(isinstance(e, Unauthorized) for e in ended)
    assert await strict.calls() == before
