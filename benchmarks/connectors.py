"""What the QuickBooks connector does under load, against the sandbox: its limits, one refresh among many, no write twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from benchmarks.measure import Figure, judge, show
from muster.postgres import Postgres, scratch
from shared.connectors.ports import Connector, Write
from shared.db.migrate import SERVICES, migrate
from shared.db.pool import open_database
from shared.domain.values import Action
from shared.settings import DatabaseSettings, LimitSettings
from tests.support.systems import COMPANY, Place, Side, process, push, race, until_known

SPEED = 10
BATCHES_A_MINUTE, BATCH = 40, 30
NO_LIMITS = LimitSettings(enforced=False)
WORKERS, ROUNDS = 100, 20
LOST_WRITES, AT_ONCE = 5_000, 8


@asynccontextmanager
async def _side(limits: LimitSettings, *more: str) -> AsyncIterator[Side]:
    """A connected account: a vault in PostgreSQL and a sandbox, each a process of its own."""
    with scratch("muster-bench-") as folder:
        server = Postgres(folder / "postgres")
        child = await server.start()
        try:
            await server.ready()
            await migrate(server.dsn(), dict.fromkeys(SERVICES, "bench"))
            dsn = SecretStr(server.dsn("syncer", "bench"))
            # 100 workers at once stand in for as many processes, so they may wait for a connection.
            settings = DatabaseSettings(dsn=dsn, pool_size=20, acquire_timeout_seconds=60)
            database = await open_database(settings, "syncer")
            async with process("quickbooks", folder, *more) as url:
                side = Side("quickbooks", Place(url, None), database, limits)
                await side.connect()
                yield side
                await side.close()
            await database.close()
        finally:
            await child.stop()


async def _limited(people: int, *, json: bool) -> None:
    """Intuit's limits on a faster clock, three processes' connectors; what the sandbox counted is the judge."""
    async with _side(LimitSettings(speed=SPEED), "--limits", "real", "--time-scale", str(SPEED)) as side:
        await side.admin_post("/reset")
        pushed = await push(side, people, processes=3)
        seen = (await side.admin_get("/limits"))[side.scope]
        judge(
            "connectors",
            f"within every limit: {seen}",
            good=seen["refused"] == 0 and len(await side.rows()) == people,
        )
    seconds = pushed.seconds * SPEED
    allowed = BATCHES_A_MINUTE * BATCH / 60
    figure = Figure(
        "connectors: push within Intuit's limits",
        people / seconds,
        seconds,
        people,
        ">= 0.95 of what the limits allow, nothing refused",
        f"40 batches of 30 a minute (clock x{SPEED}; the sandbox saw at most {seen['highest']})",
        allowed,
    )
    show(figure, json=json)


async def _unlimited(people: int, *, json: bool) -> None:
    async with _side(NO_LIMITS, "--limits", "off") as side:
        pushed = await push(side, people, processes=1)
        judge("connectors", "everybody is there once", good=len(await side.rows()) == people)
    figure = Figure(
        "connectors: push without limits", people / pushed.seconds, pushed.seconds, people, ">= 400 writes/s"
    )
    show(figure, json=json)


async def _race(*, json: bool) -> None:
    async with _side(NO_LIMITS, "--limits", "off") as side:
        await side.switch(rotate_refresh=True, old_refresh_dies=True, old_access_dies=True)
        started = time.perf_counter()
        refreshes = await race(side, workers=WORKERS, rounds=ROUNDS)
        seconds = time.perf_counter() - started
        judge("connectors", f"one refresh in each round: {refreshes}", good=refreshes == [1] * ROUNDS)
        (health,) = await side.vault.health(COMPANY)
        judge("connectors", "the connection is well", good=health.state == "connected")
    count = WORKERS * ROUNDS
    name = f"connectors: {WORKERS} workers at expiry, {ROUNDS} rounds"
    show(Figure(name, count / seconds, seconds, count, "1 refresh a round"), json=json)


async def _lost(*, json: bool) -> None:
    """Every tenth write is committed and its answer lost."""
    async with _side(NO_LIMITS, "--limits", "off") as side:
        rule = {"match": {"operation": "create", "every": 10}, "action": "timeout_after_commit"}
        await side.faults(rule)
        started = time.perf_counter()
        connectors = [side.connector() for _ in range(AT_ONCE)]
        waiting = iter(range(LOST_WRITES))
        found = [i for part in await asyncio.gather(*(_write(c, waiting) for c in connectors)) for i in part]
        seconds = time.perf_counter() - started
        rows = await side.rows()
        judge("connectors", "every outcome is known", good=len(found) == LOST_WRITES)
        judge(
            "connectors",
            "no duplicate",
            good=len(set(found)) == LOST_WRITES and sorted(rows) == sorted(found),
        )
    name = "connectors: writes, every tenth answer lost"
    show(Figure(name, LOST_WRITES / seconds, seconds, LOST_WRITES, "0 twice, 0 unknown"), json=json)


async def _write(connector: Connector, numbers: Iterator[int]) -> list[str]:
    found = []
    for n in numbers:
        write = Write(
            Action.CREATE, f"item-{n}", {"first_name": f"P{n}", "last_name": "Li", "number": f"LN-{n}"}
        )
        (done,) = await until_known(connector, connector.prepare(f"key-{n}", [write]))
        if done.remote is not None:
            found.append(done.remote.remote_id)
    return found


async def main(_: str, *, json: bool, employees: int) -> None:
    """At most 10,000 people for the pushes."""
    people = min(employees, 10_000)
    await _race(json=json)
    await _lost(json=json)
    await _unlimited(people, json=json)
    await _limited(people, json=json)
