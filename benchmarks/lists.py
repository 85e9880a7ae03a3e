"""Lists at the API with many staged records of one company: a page, a filter, a search and its counts, by keyset and by OFFSET.

Every request goes through the gateway, with a session, as the console's do. Beside it, in the same run and on the same rows,
what the same pages cost in the database with OFFSET. It begins the moment the tables are filled: no page may wait for statistics.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson

from benchmarks.console import history_of
from benchmarks.filling import fill
from muster.client import AsyncClient
from muster.demo import UNATTENDED, prepare
from muster.demo_run import settled
from muster.postgres import scratch
from muster.stack import Options, Stack
from shared.db.tx import Database

STAGED, REPEATS, WARM = 50, 200, 10
GOAL_MS = 50
_OFFSET = """
SELECT v.* FROM snapshots f JOIN record_view v ON v.company_id = f.company_id AND v.record_id = f.record_id
WHERE f.company_id = $1 AND f.account_id = $2 ORDER BY f.number_key, f.record_id LIMIT 100 OFFSET $3
"""
Ask = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Times:
    """Of one kind of request, in milliseconds."""

    what: str
    p50: float
    p99: float
    goal: float | None = GOAL_MS

    def line(self) -> str:
        """For people."""
        goal = f" (goal < {self.goal:.0f})" if self.goal else ""
        return f"{self.what}: p50 {self.p50:,.1f}, p99 {self.p99:,.1f} ms{goal}"


async def main(_: str, *, json: bool, employees: int) -> None:
    """Measure, and print."""
    with scratch("muster-bench-") as folder:
        options = Options(demo=True, employees=STAGED, overlap=0, directions=("linarc-to-qbo",), port=0)
        stack = Stack(folder, options)
        try:
            await stack.start()
            access = await prepare(stack, UNATTENDED)
            company = access.companies[0]
            async with AsyncClient(access.url) as client, history_of(stack) as database:
                await client.sign_in(access.email, access.password)
                await settled(client, company.company_id, STAGED)
                ids = UUID(company.company_id), UUID(company.source)
                await fill(database, *ids, 1, employees)
                times = [
                    *await _api(client, company.company_id, employees),
                    await _offset(database, *ids, employees),
                ]
        finally:
            await stack.stop()
    for one in times:
        sys.stdout.write((orjson.dumps(asdict(one)).decode() if json else one.line()) + "\n")


async def _api(client: AsyncClient, company: str, employees: int) -> list[Times]:
    path = f"/v1/companies/{company}"
    cursors = await _cursors(client, path)
    draw = random.Random(1)

    def asking(what: str, **fixed: Any) -> Ask:
        return lambda: client.call("GET", f"{path}/{what}", params=fixed)

    def searching() -> Awaitable[Any]:
        number = draw.randrange(1, employees)
        return client.call("GET", f"{path}/records", params={"q": f"-{number:x}@", "limit": 100})

    def deep() -> Awaitable[Any]:
        return client.call("GET", f"{path}/records", params={"after": draw.choice(cursors), "limit": 100})

    asked: dict[str, Ask] = {
        "first page of 100": asking("records", limit=100),
        "a page of 100 after a random place, by keyset": deep,
        "filter: failed, by name": asking("records", status="failed", sort="name", limit=100),
        "filter: needs sync, last synced first": asking(
            "records", status="needs_sync", sort="-synced_at", limit=100
        ),
        "search for one person": searching,
        "search that finds very many": asking("records", q="filled.example", limit=100),
        "counts alone": asking("records", limit=1),
        "10,000 ids": asking("record-ids"),
    }
    return [await _timed(what, ask) for what, ask in asked.items()]


async def _cursors(client: AsyncClient, path: str) -> list[str]:
    """Places all over the list."""
    found: list[str] = []
    after = None
    while True:
        params = {"limit": 10_000, **({"after": after} if after else {})}
        page = await client.call("GET", f"{path}/record-ids", params=params)
        after = page["next"]
        if after is None:
            return found
        found.append(after)


async def _offset(database: Database, company: UUID, account: UUID, employees: int) -> Times:
    draw = random.Random(1)

    async def ask() -> None:
        async with database.reading(company) as tx:
            await tx.fetch(_OFFSET, company, account, draw.randrange(employees))

    what = "a page of 100 after a random place, by OFFSET, in the database"
    return await _timed(what, ask, None, repeats=REPEATS // 10)


async def _timed(what: str, ask: Ask, goal: float | None = GOAL_MS, repeats: int = REPEATS) -> Times:
    taken = []
    for _ in range(WARM + repeats):
        began = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - began) * 1000)
    ordered = sorted(taken[WARM:])
    return Times(what, ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], goal)
