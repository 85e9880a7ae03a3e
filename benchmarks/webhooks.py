"""Floods at the door: authentic deliveries that name the same people again and again, and forged ones.

Of the authentic ones none may be lost, and each is answered once its receipt is committed; the work behind them may lag, and
has caught up a while later. The forged ones are all refused, gateway's memory stays flat, and authentic ones are served
meanwhile. The sender is in this process and takes its share of the machine.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson

from benchmarks.measure import judge
from muster.client import AsyncClient
from muster.demo import RULES, prepare
from muster.demo_run import settled
from muster.postgres import scratch
from muster.sandboxes import TENANTS
from muster.stack import Options, Stack
from sandbox.hooks import Event
from sandbox.linarc.hooks import LinarcHooks
from tests.support.fleet import Fleet

PEOPLE, AUTHENTIC, FORGED, SECONDS, CATCH_UP_SECONDS = 200, 150, 1_000, 60, 60
ANSWER_P99_MS, GROWTH_MIB = 100.0, 64.0
CONNECTIONS = 16
_WAITING = """
SELECT (SELECT count(*) FROM importer.read_tasks WHERE done_at IS NULL)
     + (SELECT count(*) FROM gateway.outbox o, gateway.relay_cursor c WHERE c.lane = o.lane AND (o.xid, o.id) > (c.xid, c.id))
"""
_READS = """
SELECT coalesce(sum(cardinality(remote_ids)), 0) FROM importer.read_tasks WHERE cause = 'hook' AND account_id = $1
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one flood. `reads` are people asked for by name, of `sent` deliveries; times in milliseconds."""

    name: str
    sent: int
    per_second: float
    answers: dict[int, int]
    p50_ms: float
    p99_ms: float
    kept: int
    reads: int
    caught_up_s: float
    growth_mib: float

    def lines(self) -> list[str]:
        """For people."""
        answers = ", ".join(f"{n} x {status}" for status, n in sorted(self.answers.items()))
        return [
            f"webhooks {self.name}: {self.sent:,} at {self.per_second:.0f}/s: {answers}",
            f"  answered in {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms; goal <= {ANSWER_P99_MS:.0f} ms",
            f"  kept {self.kept:,}, people read {self.reads:,}; caught up after {self.caught_up_s:.1f} s",
            f"  gateway grew by {self.growth_mib:.0f} MiB",
        ]


class Sender:
    """Deliveries over a few open connections: an HTTP client's own cost would be most of what is measured."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        self._idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def open(self) -> None:
        """Before the first delivery."""
        for _ in range(CONNECTIONS):
            self._idle.put_nowait(await asyncio.open_connection(self._host, self._port))

    def close(self) -> None:
        """After the last."""
        while not self._idle.empty():
            self._idle.get_nowait()[1].close()

    async def send(self, headers: dict[str, str], body: bytes) -> tuple[int, float]:
        """The status, and the seconds until it came."""
        reader, writer = await self._idle.get()
        try:
            began = time.perf_counter()
            lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
            writer.write(f"{self._head}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
            await reader.readexactly(length)
            return int(head.split(" ", 2)[1]), time.perf_counter() - began
        finally:
            self._idle.put_nowait((reader, writer))


def delivery(remote_id: str, secret: str, tenant: str = TENANTS[0]) -> tuple[dict[str, str], bytes]:
    """As Linarc would send it: somebody was updated just now."""
    at = int(datetime.now(UTC).timestamp() * 1_000_000)
    hooks = LinarcHooks()
    body = hooks.body([Event(str(uuid4()), tenant, remote_id, "updated", at, "e")])
    return dict(hooks.headers(body, "", secret)), body


async def paced(
    sender: Sender, per_second: float, seconds: float, make: Callable[[int], tuple[dict[str, str], bytes]]
) -> tuple[list[tuple[int, float]], float]:
    """So many a second for so long, however long the answers take; the answers, and the rate that came of it."""
    answers: list[tuple[int, float]] = []

    async def one(number: int) -> None:
        answers.append(await sender.send(*make(number)))

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(per_second * seconds)):
            pause = began + number / per_second - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            group.create_task(one(number))
    return answers, len(answers) / (time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Door:
    """A running stack, the address of its first Linarc account, its secret, and people to name."""

    fleet: Fleet
    address: str
    secret: str
    people: Sequence[str]

    @classmethod
    async def of(cls, fleet: Fleet, people: int) -> Door:
        """With a new secret."""
        about = f"{fleet.path}/accounts/{fleet.company.source}/webhook"
        made = await fleet.client.call("POST", f"{about}/secret")
        url = f"{fleet.stack.urls['sandbox_linarc']}/admin/employees"
        page = (await fleet.http.get(url, params={"scope": TENANTS[0], "limit": people})).json()
        return cls(fleet, made["address"], made["secret"], [one["id"] for one in page["employees"]])

    async def authentic(self, per_second: float, seconds: float) -> Figures:
        """Deliveries about these people, again and again, and how long it takes until all of it is worked off."""
        return await self._flood(
            "authentic",
            per_second,
            seconds,
            lambda n: delivery(self.people[n % len(self.people)], self.secret),
        )

    async def forged(self, per_second: float, seconds: float) -> tuple[Figures, Figures]:
        """Deliveries that another secret signed, and a few authentic ones meanwhile."""
        wrong = LinarcHooks().secret()
        one = delivery(self.people[0], wrong)
        return tuple(  # type: ignore[return-value]
            await asyncio.gather(
                self._flood("forged", per_second, seconds, lambda _: one),
                self._flood(
                    "authentic beside forged",
                    5,
                    seconds,
                    lambda n: delivery(self.people[n % 10], self.secret),
                ),
            )
        )

    async def _flood(
        self,
        name: str,
        per_second: float,
        seconds: float,
        make: Callable[[int], tuple[dict[str, str], bytes]],
    ) -> Figures:
        database = await asyncpg.connect(self.fleet.stack.database)
        source = UUID(self.fleet.company.source)
        kept = f"SELECT count(*) FROM gateway.webhook_receipts WHERE account_id = '{source}'"
        before, read, memory = (
            await database.fetchval(kept),
            await database.fetchval(_READS, source),
            self._memory(),
        )
        sender = Sender(self.address)
        await sender.open()
        answers, rate = await paced(sender, per_second, seconds, make)
        sender.close()
        ended = time.monotonic()
        while time.monotonic() - ended < 3 * CATCH_UP_SECONDS:
            if not await database.fetchval(_WAITING):
                break
            await asyncio.sleep(0.2)
        times = sorted(1000 * took for _, took in answers)
        figures = Figures(
            name,
            len(answers),
            rate,
            dict(Counter(status for status, _ in answers)),
            times[len(times) // 2],
            times[int(len(times) * 0.99)],
            await database.fetchval(kept) - before,
            int(await database.fetchval(_READS, source) - read),
            time.monotonic() - ended,
            self._memory() - memory,
        )
        await database.close()
        return figures

    def _memory(self) -> float:
        """MiB that gateway has now."""
        pid = self.fleet.stack.children["gateway"].pid
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def wrong_with(figures: Figures) -> list[str]:
    """What is not as it must be, whatever the machine."""
    accepted = figures.answers.get(200, 0)
    found = []
    if figures.name == "forged":
        found += [] if figures.answers == {401: figures.sent} else ["a forged delivery was not refused"]
        found += [f"gateway grew by {figures.growth_mib:.0f} MiB"] if figures.growth_mib > GROWTH_MIB else []
        return found
    if set(figures.answers) - {200, 503}:
        found.append(f"answers {sorted(figures.answers)}")
    if figures.kept < accepted:
        found.append(f"{accepted - figures.kept} accepted and not kept")
    if figures.reads > accepted:
        found.append("more reads than deliveries")
    return found


async def main(_: str, *, json: bool, employees: int) -> None:  # noqa: ARG001  (as all figures are asked for)
    """Measure, print, judge."""
    with scratch("muster-bench-") as folder:
        stack = Stack(folder, Options(demo=True, employees=PEOPLE, directions=("linarc-to-qbo",), port=0))
        try:
            await stack.start()
            access = await prepare(stack, RULES)
            async with (
                AsyncClient(access.url) as client,
                httpx.AsyncClient(timeout=20, trust_env=False) as http,
            ):
                await client.sign_in(access.email, access.password)
                fleet = Fleet(stack, access, client, http)
                await settled(client, fleet.company.company_id, PEOPLE)
                door = await Door.of(fleet, PEOPLE)
                authentic = await door.authentic(AUTHENTIC, SECONDS)
                forged = await door.forged(FORGED, SECONDS / 3)
        finally:
            await stack.stop()
    for figures in (authentic, *forged):
        out = (
            [orjson.dumps(asdict(figures), option=orjson.OPT_NON_STR_KEYS).decode()]
            if json
            else figures.lines()
        )
        sys.stdout.write("\n".join(out) + "\n")
    for figures in (authentic, *forged):
        for wrong in wrong_with(figures):
            judge("webhooks", wrong, good=False)
    judge("webhooks", f"answered within {ANSWER_P99_MS:.0f} ms", good=authentic.p99_ms <= ANSWER_P99_MS)
    judge("webhooks", "caught up in time", good=authentic.caught_up_s <= CATCH_UP_SECONDS)
