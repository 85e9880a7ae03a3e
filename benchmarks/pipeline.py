"""The whole way on the embedded stack: many people at the source, nobody at the destination, throttles off."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from benchmarks.measure import Figure, cpu_seconds, peak_mib, show
from muster.client import Client
from muster.demo import Access, prepare
from muster.demo_run import settled
from muster.postgres import scratch
from muster.stack import REALMS, Options, Stack
from shared.db.migrate import SERVICES

PATIENCE_SECONDS = 600.0


async def main(name: str, *, json: bool, employees: int) -> None:
    """Measure `import`, then, as asked, `reimport`, `push` and peak memory, in one run."""
    if name == "memory":
        for count in (10_000, 100_000):
            await _run("memory", json=json, employees=count)
        return
    await _run(name, json=json, employees=employees)


async def _run(name: str, *, json: bool, employees: int) -> None:
    with scratch("muster-bench-") as folder:
        options = Options(demo=True, employees=employees, overlap=0, directions=("linarc-to-qbo",), port=0)
        stack = Stack(folder, options)
        try:
            await stack.start()
            await _measure(stack, name, json=json, employees=employees)
        finally:
            await stack.stop()


async def _measure(stack: Stack, name: str, *, json: bool, employees: int) -> None:
    before = _cpu(stack)
    started = time.monotonic()
    access = await prepare(stack)
    database = await asyncpg.connect(stack.database)
    company = access.companies[0].company_id
    try:
        started = await _first_page(database) or started
        await _in_history(database, employees)
        seconds = time.monotonic() - started
        used = _used(stack, before, employees)
        if name == "memory":
            figure = Figure(
                f"memory at {employees:,}",
                employees / seconds,
                seconds,
                employees,
                "< 150 MiB",
                peak_mib=_peaks(stack),
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
                _peaks(stack),
            ),
            json=json,
        )
        async with Client(access.url) as client:
            await client.sign_in(access.email, access.password)
            await settled(client, company, employees)
            await _idle(database)
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
        if so_far > PATIENCE_SECONDS:
            msg = "the import did not come to its end"
            raise RuntimeError(msg)
        await asyncio.sleep(min(2.0, max(0.05, 0.3 * so_far * (employees - done) / max(done, 1))))


async def _idle(database: asyncpg.Connection[Any]) -> None:
    """Wait until nothing is appended to history any more."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 1.5:
        now = await database.fetchval("SELECT sum(n) FROM history.chain_heads")
        if now != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.2)


async def _reimport(
    stack: Stack,
    client: Client,
    database: asyncpg.Connection[Any],
    company: str,
    employees: int,
    *,
    json: bool,
) -> None:
    rows = "SELECT (SELECT count(*) FROM history.log WHERE type NOT LIKE 'import.%' AND type NOT LIKE 'directory.%')"
    rows += " + (SELECT sum(rev)::bigint % 1000000007 FROM importer.snapshots)"
    before_rows, before = await database.fetchval(rows), _cpu(stack)
    started = time.monotonic()
    run = await client.call("POST", f"/v1/companies/{company}/imports", json={"mode": "all"})
    while True:
        found = await client.call("GET", f"/v1/companies/{company}/runs/{run['run_id']}")
        if found["state"] == "completed":
            break
        await asyncio.sleep(0.05)
    seconds = time.monotonic() - started
    used = _used(stack, before, employees)
    if await database.fetchval(rows) != before_rows or found["counts"]["unchanged"] != employees:
        msg = f"nothing changed, and yet something was written: {found['counts']}"
        raise RuntimeError(msg)
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


async def _push(stack: Stack, client: Client, access: Access, *, json: bool) -> None:
    company = access.companies[0].company_id
    before, started = _cpu(stack), time.monotonic()
    run = await client.call(
        "POST", f"/v1/companies/{company}/syncs", json={"filter": {"status": ["needs_sync"]}}
    )
    while True:
        found = await client.call("GET", f"/v1/companies/{company}/runs/{run['run_id']}")
        if found["state"] == "completed":
            break
        await asyncio.sleep(0.2)
    seconds = time.monotonic() - started
    used, peaks = _used(stack, before, run["total"]), _peaks(stack)
    if found["counts"]["succeeded"] < run["total"] * 0.99:
        msg = f"the push did not succeed: {found}"
        raise RuntimeError(msg)
    limit = await _raw_batches(stack)
    show(
        Figure(
            "push",
            run["total"] / seconds,
            seconds,
            run["total"],
            ">= 500/s",
            "batches of 30 straight to the sandbox",
            limit,
            used,
            peaks,
        ),
        json=json,
    )


def _cpu(stack: Stack) -> dict[str, float]:
    return {name: cpu_seconds(child.pid) for name, child in stack.children.items() if child.pid}


def _used(stack: Stack, before: dict[str, float], records: int) -> dict[str, float]:
    return {n: (v - before.get(n, 0.0)) / records * 1e6 for n, v in _cpu(stack).items()}


def _peaks(stack: Stack) -> dict[str, float]:
    return {n: peak_mib(c.pid) for n, c in stack.children.items() if c.pid and n in SERVICES}


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
