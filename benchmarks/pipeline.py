"""The whole way on the embedded stack: many people at the source, nobody at the destination, throttles off."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from benchmarks.measure import Figure, cpu_of, judge, peaks_of, quiet, show, spent
from muster.client import AsyncClient
from muster.demo import UNATTENDED, Access, prepare
from muster.demo_run import push_all, settled
from muster.postgres import scratch
from muster.sandboxes import REALMS
from muster.stack import Options, Stack

PATIENCE_SECONDS = 600.0
TIMES_MORE, WARM = 10, 5_000
"""Many are so many times few; with fewer than `WARM` people a process still grows into its work."""
MOST_MIB, MOST_GROWTH = 150, 0.25
"""A service's peak, and how much of it many people may add to what few took."""


async def main(name: str, *, json: bool, employees: int) -> None:
    """Measure `import`, then, as asked, `reimport` and `push`, in one run; or the peak memory of two imports."""
    if name != "memory":
        await _run(name, json=json, employees=employees)
        return
    start = min(employees, max(WARM, employees // TIMES_MORE))
    few, many = [await _run(name, json=json, employees=count) for count in (start, employees)]
    wrong = heavy(few, many)
    judge(name, f"light and flat: {'; '.join(wrong)}", good=not wrong)


def heavy(few: Mapping[str, float], many: Mapping[str, float]) -> list[str]:
    """What is wrong with the services' peaks in MiB, with few people and with many, in plain words."""
    return [
        *(f"{n} took {mib:.0f} MiB, over {MOST_MIB}" for n, mib in many.items() if mib > MOST_MIB),
        *(
            f"{n} grew from {few[n]:.0f} to {mib:.0f} MiB, by more than {MOST_GROWTH:.0%}"
            for n, mib in many.items()
            if mib > few[n] * (1 + MOST_GROWTH)
        ),
    ]


async def _run(name: str, *, json: bool, employees: int) -> dict[str, float]:
    """The peaks of memory, by service."""
    with scratch("muster-bench-") as folder:
        options = Options(demo=True, employees=employees, overlap=0, directions=("linarc-to-qbo",), port=0)
        stack = Stack(folder, options)
        try:
            await stack.start()
            await _measure(stack, name, json=json, employees=employees)
            return peaks_of(stack)
        finally:
            await stack.stop()


async def _measure(stack: Stack, name: str, *, json: bool, employees: int) -> None:
    before = cpu_of(stack)
    started = time.monotonic()
    access = await prepare(stack, UNATTENDED)
    database = await asyncpg.connect(stack.database)
    company = access.companies[0].company_id
    try:
        started = await _first_page(database) or started
        await _in_history(database, employees)
        seconds = time.monotonic() - started
        used = spent(stack, before, employees)
        if name == "memory":
            figure = Figure(
                f"memory at {employees:,}",
                employees / seconds,
                seconds,
                employees,
                f"<= {MOST_MIB} MiB",
                peak_mib=peaks_of(stack),
            )
            show(figure, json=json)
            return
        limit = await _raw_upsert(database)
        show(
            Figure(
                "import",
                employees / seconds,
                seconds,
                employees,
                ">= 2,500/s",
                "unnest upsert of 1 KB rows",
                limit,
                used,
                peaks_of(stack),
            ),
            json=json,
        )
        async with AsyncClient(access.url) as client:
            await client.sign_in(access.email, access.password)
            await settled(client, company, employees)
            await quiet(database)
            if name in ("reimport", "push"):
                await _reimport(stack, client, database, company, employees, json=json)
            if name == "push":
                await _push(stack, client, access, json=json)
    finally:
        await database.close()


async def _first_page(database: asyncpg.Connection[Any]) -> float | None:
    """The moment the first page was asked for, on our clock: set-up is not part of the import."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        age = await database.fetchval(
            "SELECT extract(epoch FROM clock_timestamp() - min(began_at)) FROM importer.read_tasks"
        )
        if age is not None:
            return time.monotonic() - float(age)
        await asyncio.sleep(0.02)
    return None


async def _in_history(database: asyncpg.Connection[Any], employees: int) -> None:
    """Wait until every record stands in history with mapper's answer. Asks seldom: counting costs what it measures."""
    started = time.monotonic()
    while True:
        done = await database.fetchval("SELECT count(*) FROM history.record_view WHERE situation IS NOT NULL")
        if done >= employees:
            return
        so_far = time.monotonic() - started
        judge("import", f"ended: {done:,} of {employees:,} are in history", good=so_far < PATIENCE_SECONDS)
        await asyncio.sleep(min(2.0, max(0.05, 0.3 * so_far * (employees - done) / max(done, 1))))


async def _reimport(
    stack: Stack,
    client: AsyncClient,
    database: asyncpg.Connection[Any],
    company: str,
    employees: int,
    *,
    json: bool,
) -> None:
    rows = "SELECT (SELECT count(*) FROM history.log WHERE type NOT LIKE 'import.%' AND type NOT LIKE 'directory.%')"
    rows += " + (SELECT sum(rev)::bigint % 1000000007 FROM importer.snapshots)"
    before_rows, before = await database.fetchval(rows), cpu_of(stack)
    started = time.monotonic()
    run = await client.call("POST", f"/v1/companies/{company}/imports", json={"mode": "all"})
    while True:
        found = await client.call("GET", f"/v1/companies/{company}/runs/{run['run_id']}")
        if found["state"] == "completed":
            break
        await asyncio.sleep(0.05)
    seconds = time.monotonic() - started
    used = spent(stack, before, employees)
    nothing = await database.fetchval(rows) == before_rows and found["counts"]["unchanged"] == employees
    judge("reimport", f"without a row written: {found['counts']}", good=nothing)
    limit = await _raw_hash_diff(database, employees)
    show(
        Figure(
            "reimport",
            employees / seconds,
            seconds,
            employees,
            ">= 15,000/s",
            "SELECT of all hashes by id",
            limit,
            used,
        ),
        json=json,
    )


async def _push(stack: Stack, client: AsyncClient, access: Access, *, json: bool) -> None:
    company = access.companies[0].company_id
    before, started = cpu_of(stack), time.monotonic()
    plan = await push_all(client, company, "needs_sync")
    while True:
        found = await client.call("GET", f"/v1/companies/{company}/runs/{plan.plan_id}")
        if found["state"] == "completed":
            break
        await asyncio.sleep(0.2)
    seconds = time.monotonic() - started
    used, peaks = spent(stack, before, plan.total), peaks_of(stack)
    pushed = found["counts"]["succeeded"]
    judge("push", f"everybody was pushed: {found['counts']}", good=pushed >= plan.total * 0.99)
    limit = await _raw_batches(stack)
    show(
        Figure(
            "push",
            plan.total / seconds,
            seconds,
            plan.total,
            ">= 500/s",
            "batches of 30 straight to the sandbox",
            limit,
            used,
            peaks,
        ),
        json=json,
    )


async def _raw_upsert(database: asyncpg.Connection[Any], rows: int = 20_000) -> float:
    """Rows of 1 KB a second, upserted by arrays of 1,000 into a keyed table."""
    await database.execute(
        "CREATE TEMP TABLE raw (id uuid PRIMARY KEY, payload json NOT NULL, hash bytea NOT NULL)"
    )
    payload = '{"text":"' + "x" * 1000 + '"}'
    started = time.monotonic()
    for _ in range(rows // 1000):
        ids = [uuid4() for _ in range(1000)]
        await database.execute(
            "INSERT INTO raw SELECT * FROM unnest($1::uuid[], $2::json[], $3::bytea[])"
            " ON CONFLICT (id) DO UPDATE SET payload = excluded.payload, hash = excluded.hash",
            ids,
            [payload] * 1000,
            [hashlib.blake2b(i.bytes, digest_size=16).digest() for i in ids],
        )
    return rows / (time.monotonic() - started)


async def _raw_hash_diff(database: asyncpg.Connection[Any], employees: int) -> float:
    ids = [r["record_id"] for r in await database.fetch("SELECT record_id FROM importer.snapshots")]
    started = time.monotonic()
    for start in range(0, len(ids), 1000):
        await database.fetch(
            "SELECT record_id, raw_hash FROM importer.snapshots WHERE record_id = ANY ($1::uuid[])"
            " AND company_id = (SELECT company_id FROM importer.snapshots LIMIT 1)",
            ids[start : start + 1000],
        )
    return employees / (time.monotonic() - started)


async def _raw_batches(stack: Stack, batches: int = 100) -> float:
    """Creations a second that the sandbox takes in batches of 30, one after another."""
    url = stack.urls["sandbox_quickbooks"]
    base = f"/v3/company/{REALMS[1]}/batch"
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
        token = await http.post(
            "/oauth2/v1/tokens/bearer",
            auth=("muster-demo", "muster-demo-secret"),
            data={"grant_type": "refresh_token", "refresh_token": stack.secret("refresh_1")},
        )
        headers = {"Authorization": f"Bearer {token.json()['access_token']}", "Accept": "application/json"}
        started = time.monotonic()
        for batch in range(batches):
            items = [
                {
                    "bId": str(n),
                    "operation": "create",
                    "Employee": {"GivenName": f"Raw{batch}", "FamilyName": f"Limit{n}"},
                }
                for n in range(30)
            ]
            answer = await http.post(
                base, params={"requestid": f"raw-{batch}"}, json={"BatchItemRequest": items}, headers=headers
            )
            answer.raise_for_status()
        return batches * 30 / (time.monotonic() - started)
