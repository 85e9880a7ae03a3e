"""How many source records mapper decides a second of one core's time: the core alone, and its handlers over a database."""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
from pydantic import SecretStr

from benchmarks.matching_sets import employee_of
from benchmarks.measure import Figure, cpu_seconds, show
from muster.postgres import Postgres, scratch
from sandbox.people import scenario
from services.mapper import core
from services.mapper.core.counts import count
from services.mapper.deciding import Deciding
from services.mapper.handlers.employees import make_on_employees
from services.mapper.handlers.settings import on_settings
from shared.clock import SystemClock
from shared.contracts.events import DirectoryComplete, EmployeeStaged, Message
from shared.db.migrate import SERVICES, migrate, restrict
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.domain.employee import Employee
from shared.domain.ids import record_id
from shared.domain.values import Cause, Lane
from shared.messaging.outbox import Outbox
from shared.settings import DatabaseSettings
from tests.support.companies import COMPANY, account_of, document

SHARE = 0.6
BATCH = 500
PARTITIONS = 1
PASSWORD = "bench"  # noqa: S105  (of a database that lives as long as the measurement)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def people(employees: int) -> tuple[list[Employee], list[Employee]]:
    """Both directories of a company with so many source records."""
    found = scenario(employees, 7, SHARE)
    return [employee_of(p) for p in found.source], [employee_of(p) for p in found.destination]


def _calm_collector() -> None:
    """The collector as a service has it (shared/http/app.py)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def decide_alone(employees: int, *, json: bool) -> None:
    """The core without a database: forms and keys of the source, candidates by key, scores, and the choice.

    The collector is as in a service.
    """
    here, there = people(employees)
    destination = [core.facts_of(COMPANY, uuid4(), COMPANY, str(n), 1, e) for n, e in enumerate(there)]
    profiles = [f.profile() for f in destination]
    by_key: dict[int, list[int]] = defaultdict(list)
    for n, facts in enumerate(destination):
        for key in facts.keys:
            by_key[key].append(n)
    source = [core.facts_of(COMPANY, uuid4(), COMPANY, str(n), 1, e) for n, e in enumerate(here)]
    scorer = core.Scorer(count((f.profile() for f in source), profiles))
    _calm_collector()
    started = time.process_time()
    pairs: list[core.Pair] = []
    for n, employee in enumerate(here):
        mine = core.facts_of(COMPANY, source[n].record_id, COMPANY, str(n), 1, employee)
        profile = mine.profile()
        near: dict[int, int] = defaultdict(int)
        for key in mine.keys:
            holders = by_key.get(key, ())
            if weight := core.key_weight(len(holders)):
                for m in holders:
                    near[m] += weight
        for _, m in core.nearest((weight, m) for m, weight in near.items()):
            score = scorer.candidate(profile, profiles[m])
            if score is not None:
                pairs.append(core.Pair(mine.record_id, destination[m].record_id, score))
    core.choose(pairs)
    seconds = time.process_time() - started
    show(
        Figure(
            f"matching, core, {employees:,}",
            len(here) / seconds,
            seconds,
            len(here),
            ">= 5,000 a core-second",
        ),
        json=json,
    )


@dataclass
class _Mapper:
    """mapper's handlers over a database, and the CPU time that both use."""

    database: Database
    deciding: Deciding
    server: int
    rev: int = 1

    async def settings(self) -> None:
        async with self.database.handling([COMPANY]) as tx:
            await on_settings([self._message(document(1))], tx)

    async def read(self, system: str, found: Sequence[Employee]) -> tuple[float, float]:
        """Hand over a directory in batches; the CPU seconds that it took, of this process and of PostgreSQL."""
        account = account_of(system)
        own, theirs = 0.0, cpu_seconds(self.server)
        handler = make_on_employees(self.deciding)
        for start in range(0, len(found), BATCH):
            messages = [
                self._message(
                    EmployeeStaged(
                        record_id=record_id(account, str(n)), account_id=account, remote_id=str(n), rev=self.rev,
                        employee=e, requested_at=AT, answered_at=AT, cause=Cause.READ,
                    )
                )
                for n, e in enumerate(found[start : start + BATCH], start)
            ]  # fmt: skip
            started = time.process_time()
            async with self.database.handling([COMPANY]) as tx:
                await handler(messages, tx)
            own += time.process_time() - started
        return own, cpu_seconds(self.server) - theirs

    async def complete(self, system: str) -> None:
        """The marker of a complete directory."""
        async with self.database.handling([COMPANY]) as tx:
            await make_on_employees(self.deciding)(
                [
                    self._message(
                        DirectoryComplete(
                            account_id=account_of(system), generation=1, as_of=AT, base=AT, part=0, parts=1
                        ),
                        lane,
                    )
                    for lane in Lane
                ],
                tx,
            )
            await tx.execute("DELETE FROM due")

    def _message(self, body: Any, lane: Lane = Lane.BULK) -> Message[Any]:
        return Message(uuid4(), datetime.now(UTC), COMPANY, lane, body)


async def decide_with_database(employees: int, *, json: bool, destination_first: bool = True) -> None:
    """The handlers over PostgreSQL: facts and keys stored, decided, answers and outbox rows written."""
    here, there = people(employees)
    with scratch("muster-bench-") as folder:
        server = Postgres(folder / "postgres")
        child = await server.start()
        try:
            await server.ready()
            await migrate(server.dsn(), dict.fromkeys(SERVICES, PASSWORD))
            owner = await asyncpg.connect(server.dsn())
            await restrict(owner)
            await owner.close()
            database = await open_database(
                DatabaseSettings(dsn=SecretStr(server.dsn("mapper", PASSWORD))), "mapper"
            )
            try:
                mapper = _Mapper(database, Deciding(Outbox(SystemClock()), PARTITIONS), child.pid or 0)
                await mapper.settings()
                _calm_collector()
                order = [("quickbooks", there), ("linarc", here)]
                for system, found in order if destination_first else reversed(order):
                    own, theirs = await mapper.read(system, found)
                    seconds = own + theirs
                    show(
                        Figure(
                            f"matching, {system}, {employees:,}", len(found) / seconds, seconds, len(found),
                            ">= 3,500 a core-second",
                            cpu_us_per_record={"mapper": own / len(found) * 1e6, "postgres": theirs / len(found) * 1e6},
                        ),
                        json=json,
                    )  # fmt: skip
                    await mapper.complete(system)
            finally:
                await database.close()
        finally:
            await child.stop()
