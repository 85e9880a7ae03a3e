"""What a record costs, in counts that do not depend on the machine, and the CPU beside them.

Seven phases: everybody is imported and pushed (creations), everybody's middle name changes and is imported and pushed
(updates), and single changes follow each other in real time, without the webhooks of QuickBooks and with them; what those
add is the echo. PostgreSQL counts statements and transactions by role, the
relays' apart (`pg_stat_statements`), and fsyncs of the WAL (`pg_stat_io`); Kafka has its end offsets, the sandboxes count
their calls. What the idle system counts in the same time is taken off.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
import httpx
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.measure import cpu_of, judge, quiet, synced
from muster.client import AsyncClient
from muster.demo import UNATTENDED, prepare
from muster.demo_run import push_all, settled
from muster.postgres import Postgres, scratch
from muster.sandboxes import REALMS, TENANTS
from muster.stack import Options, Stack
from shared.contracts.topics import TOPICS
from shared.db.tx import Record
from shared.domain.ids import record_id
from shared.messaging.security import client_options
from tests.support.fleet import Fleet

MOST, CHANGES, IDLE_SECONDS, PATIENCE_SECONDS = 2_000, 25, 10.0, 60.0
ENDED = ("completed", "failed")
ECHO_SECONDS = 0.4
"""After a push, until its echo has been staged and the pages have been told."""
ECHOED, UNECHOED = "real-time update", "real-time update without its echo"
_GOALS = {
    ECHOED: "transactions 12, statements 80, messages 8, fsyncs 12",
    "echo": "transactions 2, messages 1, calls 0",
    "bulk push, creation": "messages 4.5",
    "bulk push, update": "messages 3.5",
}
_SETTINGS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "10000"}
_STATEMENTS = """
SELECT CASE WHEN query ~ 'relay_cursor|oldest_writer|keep_partitions|LISTEN' THEN 'relays'
       ELSE replace(rolname, '_system', '') END AS role,
       coalesce(sum(calls) FILTER (WHERE query = 'COMMIT'), 0)::bigint AS commits, sum(calls)::bigint AS statements
FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND rolname <> current_user GROUP BY 1
"""
_FSYNCS = "SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'"
_PUSHED = """
SELECT count(*) FROM history.log WHERE record_id = $1 AND type = 'push.succeeded' AND event_time > $2
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one record of a phase costs: counts by (what, part), CPU in milliseconds."""

    phase: str
    records: int
    each: Mapping[str, Mapping[str, float]]

    def lines(self) -> list[str]:
        """For people."""
        goals = f"; goals: {_GOALS[self.phase]}" if self.phase in _GOALS else ""
        return [f"{self.phase} ({self.records:,} records{goals})", *map(self._line, self.each)]

    def _line(self, what: str) -> str:
        parts = sorted(self.each[what].items(), key=lambda part: -part[1])
        shown = ", ".join(f"{name} {count:.2f}" for name, count in parts if abs(count) >= 0.005)
        return f"  {what}: {sum(self.each[what].values()):.2f} = {shown}"


class Phase(NamedTuple):
    """What was counted, by (what, part), while so many records were worked on for so long."""

    name: str
    records: int
    seconds: float
    counts: Counter[tuple[str, str]]


def costs(phases: Sequence[Phase], idle: Phase) -> list[Cost]:
    """What one record of each phase costs, less what the idle system counts in the same time."""
    found = []
    for name, records, seconds, counts in phases:
        each: dict[str, dict[str, float]] = {}
        for (what, part), count in counts.items():
            of_idle = idle.counts[what, part] * seconds / idle.seconds
            each.setdefault(what, {})[part] = (count - of_idle) / records
        found.append(Cost(name, records, each))
    return found


def with_echo(found: Sequence[Cost]) -> list[Cost]:
    """Also what an echo costs: what an update costs more with it."""
    by_phase = {cost.phase: cost for cost in found}
    echoed, without = by_phase[ECHOED], by_phase[UNECHOED].each
    each = {
        what: {part: count - without.get(what, {}).get(part, 0.0) for part, count in parts.items()}
        for what, parts in echoed.each.items()
    }
    return [*found, Cost("echo", echoed.records, each)]


@dataclass(slots=True)
class _Meter:
    """Reads every counter of a stack, and keeps what was counted in each phase."""

    stack: Stack
    database: asyncpg.Connection[Record]
    kafka: AIOKafkaConsumer
    http: httpx.AsyncClient
    phases: list[Phase] = field(default_factory=list)

    @asynccontextmanager
    async def phase(self, name: str, records: int) -> AsyncIterator[None]:
        """Count what happens in the block, and until history is quiet after it."""
        before, began = await self._counts(), time.monotonic()
        yield
        await quiet(self.database)
        after = await self._counts()
        after.subtract(before)
        self.phases.append(Phase(name, records, time.monotonic() - began, after))

    async def _counts(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for row in await self.database.fetch(_STATEMENTS):
            found["transactions", row["role"]] = row["commits"]
            found["statements", row["role"]] = row["statements"]
        found["fsyncs", "of the WAL"] = await self.database.fetchval(_FSYNCS)
        for place, offset in (await self.kafka.end_offsets(self._places())).items():
            found["messages", place.topic] += offset
        for system in ("linarc", "quickbooks"):
            answer = await self.http.get(f"{self.stack.urls[f'sandbox_{system}']}/admin/counts")
            for call, count in answer.json()["calls"].items():
                found["calls", f"{system} {call}"] = count
        found.update({("CPU ms", name): 1000 * used for name, used in cpu_of(self.stack).items()})
        return found

    def _places(self) -> list[TopicPartition]:
        partitions = range(self.stack.options.partitions)
        return [TopicPartition(name, n) for topic in TOPICS for name in topic.names() for n in partitions]


@asynccontextmanager
async def _meter(stack: Stack) -> AsyncIterator[_Meter]:
    database = await asyncpg.connect(stack.database)
    await database.execute("CREATE EXTENSION pg_stat_statements")
    kafka = AIOKafkaConsumer(**client_options(stack.client()))
    await kafka.start()
    try:
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            yield _Meter(stack, database, kafka, http)
    finally:
        await kafka.stop()
        await database.close()


async def main(_: str, *, json: bool, employees: int) -> None:
    """Measure the phases, and print."""
    people = min(employees, MOST)
    with scratch("muster-bench-") as folder:
        postgres = Postgres(folder / "postgres", settings=_SETTINGS)
        server = await postgres.start()
        try:
            await postgres.ready()
            options = Options(
                demo=True,
                employees=people,
                overlap=0,
                directions=("linarc-to-qbo",),
                port=0,
                database=postgres.dsn(),
            )
            stack = Stack(folder / "stack", options)
            try:
                await stack.start()
                stack.children[server.name] = server
                found = await _measure(stack, people)
            finally:
                await stack.stop()
        finally:
            await server.stop()
    for cost in found:
        sys.stdout.write(orjson.dumps(asdict(cost)).decode() if json else "\n".join(cost.lines()))
        sys.stdout.write("\n")


async def _measure(stack: Stack, people: int) -> list[Cost]:
    async with _meter(stack) as meter:
        async with meter.phase("bulk import, new", people):
            access = await prepare(stack, UNATTENDED)
            async with AsyncClient(access.url) as client:
                await client.sign_in(access.email, access.password)
                await settled(client, access.companies[0].company_id, people)
        async with AsyncClient(access.url) as client:
            await client.sign_in(access.email, access.password)
            fleet = Fleet(stack, access, client, meter.http)
            await _phases(meter, fleet, people)
        *busy, idle = meter.phases
        return with_echo(costs(busy, idle))


async def _phases(meter: _Meter, fleet: Fleet, people: int) -> None:
    async with meter.phase("bulk push, creation", people):
        await _push(fleet)
    remote_ids = await synced(fleet)
    linarc = f"{fleet.stack.urls['sandbox_linarc']}/admin/webhooks"
    (
        await fleet.http.delete(linarc, params={"scope": TENANTS[0]})
    ).raise_for_status()  # the import finds them
    for remote_id in remote_ids:
        await _edit(fleet, remote_id, "Bulk")
    async with meter.phase("bulk import, changed", len(remote_ids)):
        run = await fleet.client.call("POST", f"{fleet.path}/imports", json={"mode": "all"})
        await _ended(fleet, "import", run["run_id"])
        await settled(fleet.client, fleet.company.company_id, people)
    async with meter.phase("bulk push, update", len(remote_ids)):
        await _push(fleet)
    await _in_real_time(meter, fleet)
    quickbooks = f"{fleet.stack.urls['sandbox_quickbooks']}/admin/webhooks"
    (await fleet.http.delete(quickbooks, params={"scope": REALMS[0]})).raise_for_status()
    async with meter.phase(UNECHOED, CHANGES):
        for remote_id in remote_ids[:CHANGES]:
            await _change(meter, fleet, remote_id, "Unechoed")
    await _in_real_time(meter, fleet)
    async with meter.phase(ECHOED, CHANGES):
        for remote_id in remote_ids[:CHANGES]:
            await _change(meter, fleet, remote_id, "Single")
    async with meter.phase("idle", 1):
        await asyncio.sleep(IDLE_SECONDS)


async def _in_real_time(meter: _Meter, fleet: Fleet) -> None:
    """Both systems send their webhooks, and what changes is pushed."""
    await prepare(fleet.stack, UNATTENDED)
    await fleet.client.call("PATCH", f"{fleet.path}/route/rules", json={"auto_sync": True})
    await quiet(meter.database)


async def _push(fleet: Fleet) -> None:
    """Push everybody who needs it, and wait for the end."""
    plan = await push_all(fleet.client, fleet.company.company_id, "needs_sync")
    await _ended(fleet, "push", str(plan.plan_id))


async def _ended(fleet: Fleet, what: str, run_id: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while (await fleet.client.call("GET", f"{fleet.path}/runs/{run_id}"))["state"] not in ENDED:
        judge("cost", f"ended: {what}", good=time.monotonic() < until)
        await asyncio.sleep(0.5)


async def _edit(fleet: Fleet, remote_id: str, middle_name: str) -> None:
    """Somebody changes a name in Linarc."""
    url = f"{fleet.stack.urls['sandbox_linarc']}/admin/employees/{remote_id}"
    answer = await fleet.http.patch(url, json={"middle_name": middle_name}, params={"scope": TENANTS[0]})
    answer.raise_for_status()


async def _change(meter: _Meter, fleet: Fleet, remote_id: str, middle_name: str) -> None:
    """One change from Linarc's webhook to the destination, and what QuickBooks' webhook says of it."""
    record, began = record_id(UUID(fleet.company.source), remote_id), datetime.now(UTC)
    await _edit(fleet, remote_id, middle_name)
    until = time.monotonic() + PATIENCE_SECONDS
    while not await meter.database.fetchval(_PUSHED, record, began):
        judge("cost", "ended: a change in real time", good=time.monotonic() < until)
        await asyncio.sleep(0.02)
    await asyncio.sleep(ECHO_SECONDS)
