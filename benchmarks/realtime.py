"""One change's way, in real time: announced by the source's webhook, read, decided, pushed and in history, at a steady rate.

Everybody is pushed first; then somebody's middle name changes in Linarc, whose sandbox sends its webhook. The times count from
the receipt of that webhook, and stand in the events themselves: what importer staged, what syncer says QuickBooks took, and
history's hint to the pages, written with the row that they show (`console` measures the rest of the way).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import asyncpg
import httpx
import orjson

from benchmarks.measure import cpu_of, judge, synced
from muster.client import AsyncClient
from muster.demo import UNATTENDED, prepare
from muster.demo_run import push_all, settled
from muster.postgres import scratch
from muster.sandboxes import TENANTS
from muster.stack import Options, Stack
from shared.db.tx import Record
from shared.domain.ids import record_id
from tests.support.fleet import Fleet

RATES, SECONDS = (5, 20), 20
PATIENCE_SECONDS = 60.0
STEPS = ("staged", "pushed", "in history")
_REACHED = """
SELECT record_id, max(event_time) FILTER (WHERE type = 'employee.changed') AS staged,
       max(event_time) FILTER (WHERE type = 'push.succeeded') AS pushed, max(n) FILTER (WHERE type = 'push.succeeded') AS n
FROM history.log WHERE n > $1 AND record_id = ANY ($2::uuid[]) GROUP BY record_id
"""
_ARRIVED = """
SELECT remote_id, max(received_at) AS at FROM gateway.webhook_receipts
WHERE account_id = $1 AND remote_id = ANY ($2::text[]) GROUP BY remote_id
"""
_HINTS = """
SELECT event_time, (convert_from(body, 'UTF8')::json ->> 'position')::bigint AS n FROM history.outbox
WHERE topic = 'views.v1' ORDER BY n
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one rate: milliseconds since the webhook arrived, as p50, p95 and p99, by step."""

    per_second: int
    changes: int
    since_hook_ms: Mapping[str, tuple[float, float, float]]
    cores: Mapping[str, float]
    """Busy on average, by process."""

    def lines(self) -> list[str]:
        """For people."""
        steps = [f"  {step}: {a:.0f} / {b:.0f} / {c:.0f}" for step, (a, b, c) in self.since_hook_ms.items()]
        parts = ", ".join(
            f"{part} {self._each(cores)}" for part, cores in sorted(self.cores.items(), key=lambda c: -c[1])
        )
        head = f"realtime at {self.per_second}/s, {self.changes:,} changes: ms since the webhook, p50 / p95 / p99"
        return [
            head,
            *steps,
            "  goal of pushed: p50 <= 80, p99 <= 250",
            f"  CPU: {sum(self.cores.values()):.2f} cores; ms a change: {self._each(sum(self.cores.values()))} = {parts}",
        ]

    def _each(self, cores: float) -> str:
        return f"{1000 * cores / self.per_second:.0f}"


async def main(_: str, *, json: bool, employees: int) -> None:
    """Measure both rates, and print."""
    with scratch("muster-bench-") as folder:
        people = max(min(employees, 5_000), max(RATES) * SECONDS)
        options = Options(demo=True, employees=people, overlap=0, directions=("linarc-to-qbo",), port=0)
        stack = Stack(folder, options)
        try:
            await stack.start()
            access = await prepare(stack, {**UNATTENDED, "auto_sync": True})
            database = await asyncpg.connect(stack.database)
            async with (
                AsyncClient(access.url) as client,
                httpx.AsyncClient(timeout=20, trust_env=False) as http,
            ):
                await client.sign_in(access.email, access.password)
                fleet = Fleet(stack, access, client, http)
                await settled(client, fleet.company.company_id, people)
                plan = await push_all(client, fleet.company.company_id, "needs_sync")
                await _over(client, fleet, str(plan.plan_id))
                remote_ids = await synced(fleet)
                for rate in RATES:
                    figures = await _measure(fleet, database, remote_ids[: rate * SECONDS], rate)
                    sys.stdout.write(
                        orjson.dumps(asdict(figures)).decode() + "\n"
                        if json
                        else "\n".join(figures.lines()) + "\n"
                    )
            await database.close()
        finally:
            await stack.stop()


async def _over(client: AsyncClient, fleet: Fleet, run: str) -> None:
    state = ""
    while state != "completed":
        await asyncio.sleep(0.5)
        state = (await client.call("GET", f"{fleet.path}/runs/{run}"))["state"]
    await asyncio.sleep(3)


async def _measure(
    fleet: Fleet, database: asyncpg.Connection[Record], remote_ids: Sequence[str], rate: int
) -> Figures:
    source = UUID(fleet.company.source)
    people = {record_id(source, remote_id): remote_id for remote_id in remote_ids}
    begin = await database.fetchval("SELECT max(n) FROM history.chain_heads")
    busy, began = cpu_of(fleet.stack), time.monotonic()

    async def change(remote_id: str) -> None:
        url = f"{fleet.stack.urls['sandbox_linarc']}/admin/employees/{remote_id}"
        scope = {"scope": TENANTS[0]}
        (await fleet.http.patch(url, json={"middle_name": f"R{rate}"}, params=scope)).raise_for_status()

    async with asyncio.TaskGroup() as group:
        for number, remote_id in enumerate(people.values()):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            group.create_task(change(remote_id))
    seconds = time.monotonic() - began
    cores = {part: (cpu - busy[part]) / seconds for part, cpu in cpu_of(fleet.stack).items()}
    rows = await _all_pushed(database, begin, list(people))
    hints = await database.fetch(_HINTS)
    receipts = await database.fetch(_ARRIVED, source, list(remote_ids))
    arrived = {record_id(source, row["remote_id"]): row["at"].timestamp() for row in receipts}
    ends = {
        "staged": [row["staged"].timestamp() - arrived[row["record_id"]] for row in rows],
        "pushed": [row["pushed"].timestamp() - arrived[row["record_id"]] for row in rows],
        "in history": [_hinted(hints, row["n"]) - arrived[row["record_id"]] for row in rows],
    }
    return Figures(rate, len(people), {step: _spread(ends[step]) for step in STEPS}, cores)


async def _all_pushed(
    database: asyncpg.Connection[Record], begin: int, records: Sequence[UUID]
) -> list[Record]:
    """Wait until QuickBooks has taken every change."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = await database.fetch(_REACHED, begin, records)
        if len(rows) == len(records) and all(row["pushed"] for row in rows):
            await asyncio.sleep(1)
            return rows
        pushed = sum(1 for row in rows if row["pushed"])
        in_time = time.monotonic() < until
        judge("realtime", f"everybody was pushed: {pushed} of {len(records)}", good=in_time)
        await asyncio.sleep(0.5)


def _hinted(hints: Sequence[Record], n: int) -> float:
    """When history hinted at the entry `n`: in the transaction that wrote the row."""
    return float(next(hint["event_time"].timestamp() for hint in hints if hint["n"] >= n))


def _spread(seconds: Sequence[float]) -> tuple[float, float, float]:
    ordered = [1000 * s for s in sorted(seconds)]
    return tuple(ordered[int(len(ordered) * part)] for part in (0.5, 0.95, 0.99))  # type: ignore[return-value]
