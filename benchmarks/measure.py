"""What a process used, and how figures are printed."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import asyncpg
import orjson

from muster.stack import Stack
from shared.db.migrate import SERVICES
from shared.db.tx import Record
from tests.support.fleet import Fleet

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: how much a second, the ratio to a raw limit of the same run, and where the CPU time went."""

    name: str
    per_second: float
    seconds: float
    count: int
    goal: str
    limit: str = ""
    limit_per_second: float = 0.0
    cpu_us_per_record: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Of the raw limit."""
        return self.per_second / self.limit_per_second if self.limit_per_second else 0.0


def show(figure: Figure, *, json: bool) -> None:
    """Print it for people, or as one JSON object."""
    out = sys.stdout
    if json:
        out.write(orjson.dumps({**asdict(figure), "ratio": figure.ratio}).decode() + "\n")
        return
    out.write(
        f"{figure.name}: {figure.per_second:,.0f}/s ({figure.count:,} in {figure.seconds:.1f} s; goal {figure.goal})\n"
    )
    if figure.limit_per_second:
        out.write(
            f"  {figure.ratio:.2f} of the raw limit: {figure.limit}, {figure.limit_per_second:,.0f}/s\n"
        )
    if figure.cpu_us_per_record:
        total = sum(figure.cpu_us_per_record.values())
        parts = ", ".join(
            f"{n} {v:.0f}" for n, v in sorted(figure.cpu_us_per_record.items(), key=lambda p: -p[1])
        )
        out.write(f"  CPU µs a record: {total:.0f} = {parts}\n")
    if figure.peak_mib:
        out.write("  peak MiB: " + ", ".join(f"{n} {v:.0f}" for n, v in figure.peak_mib.items()) + "\n")
    out.flush()


def judge(name: str, what: str, *, good: bool) -> None:
    """End the measurement with a plain word unless it is `good`; the exit code is then 1."""
    if not good:
        sys.exit(f"{name}: NOT {what}")


async def quiet(database: asyncpg.Connection[Record]) -> None:
    """Wait until nothing is appended to history any more."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 1.5:
        now = await database.fetchval("SELECT sum(n) FROM history.chain_heads")
        if now != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.2)


async def synced(fleet: Fleet) -> list[str]:
    """The source's ids of everybody who was pushed."""
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await fleet.client.call(
            "GET", f"{fleet.path}/records", params={"status": "synced", "limit": 500, **after}
        )
        found += [row["remote_id"] for row in page["items"]]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def cpu_of(stack: Stack) -> dict[str, float]:
    """CPU seconds of each process of a stack."""
    return {name: cpu_seconds(child.pid) for name, child in stack.children.items() if child.pid}


def spent(stack: Stack, before: Mapping[str, float], records: int) -> dict[str, float]:
    """CPU microseconds a record of each process since `before`."""
    return {n: (v - before.get(n, 0.0)) / records * 1e6 for n, v in cpu_of(stack).items()}


def peaks_of(stack: Stack) -> dict[str, float]:
    """The most memory each service has had, in MiB."""
    return {n: peak_mib(c.pid) for n, c in stack.children.items() if c.pid and n in SERVICES}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its living and reaped children."""
    total = 0.0
    for one in [pid, *_children(pid)]:
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        own = int(fields[11]) + int(fields[12])
        reaped = int(fields[13]) + int(fields[14]) if one == pid else 0
        total += (own + reaped) / _TICKS
    return total


def _children(pid: int) -> list[int]:
    try:
        first = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [d for c in first for d in (c, *_children(c))]


def peak_mib(pid: int) -> float:
    """The most memory a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
