"""A small world to tell facts in, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.mapper.deciding import Deciding
from services.mapper.handlers import (
    make_on_commands,
    make_on_employees,
    make_on_pushes,
    on_settings,
)
from services.mapper.settings import Settings
from services.mapper.worker import Sweeper
from shared.clock import SystemClock
from shared.contracts.events import (
    DirectoryComplete,
    EmployeeRemoved,
    EmployeeStaged,
    Message,
)
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.domain.employee import Employee
from shared.domain.ids import record_id
from shared.domain.values import Cause, Lane
from shared.messaging.outbox import Outbox
from shared.settings import DatabaseSettings, KafkaSettings
from tests.support.companies import COMPANY, NAMESPACE, account_of, document

PARTITIONS = 3
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def dsn(addresses: Callable[[str], str]) -> str:
    """A fresh database, as mapper's own role."""
    return addresses("mapper")


@dataclass
class World:
    """Gives facts to the real handlers over `database`, and reads what was published."""

    database: Database
    settings: Settings
    deciding: Deciding
    number: int = 0
    company: UUID = COMPANY
    revs: dict[UUID, int] = field(default_factory=dict)

    def account(self, side: str, company: UUID | None = None) -> UUID:
        system = "linarc" if side == "source" else "quickbooks"
        return account_of(system, company or self.company)

    def id(self, side: str, remote: str, company: UUID | None = None) -> UUID:
        return record_id(self.account(side, company), remote)

    def message(
        self, body: Any, company: UUID | None = None, lane: Lane = Lane.REAL_TIME, **more: Any
    ) -> Message[Any]:
        self.number += 1
        return Message(
            uuid5(NAMESPACE, str(self.number)),
            more.pop("time", datetime.now(UTC)),
            company or self.company,
            lane,
            body,
            **more,
        )

    def staged(
        self, side: str, remote: str, *, rev: int | None = None, company: UUID | None = None, written_for: UUID | None = None,
        **values: Any,
    ) -> Message[Any]:  # fmt: skip
        record = self.id(side, remote, company)
        if rev is None:
            rev = self.revs.get(record, 0) + 1
        self.revs[record] = max(rev, self.revs.get(record, 0))
        body = EmployeeStaged(
            record_id=record, account_id=self.account(side, company), remote_id=remote, rev=rev, employee=Employee(**values),
            requested_at=START, answered_at=START, cause=Cause.READ, written_for=written_for,
        )  # fmt: skip
        return self.message(body, company)

    def removed(self, side: str, remote: str, *, rev: int) -> Message[Any]:
        body = EmployeeRemoved(
            record_id=self.id(side, remote),
            account_id=self.account(side),
            remote_id=remote,
            rev=rev,
            cause=Cause.READ,
        )
        return self.message(body)

    def markers(self, side: str, at: int = 1, company: UUID | None = None) -> list[Message[Any]]:
        return [
            self.message(
                DirectoryComplete(
                    account_id=self.account(side, company), generation=at, as_of=START + timedelta(minutes=at),
                    base=START + timedelta(minutes=at), part=part, parts=PARTITIONS,
                ), company, lane,
            )
            for lane in Lane for part in range(PARTITIONS)
        ]  # fmt: skip

    def document(
        self, company: UUID | None = None, version: int = 1, *, flipped: bool = False, **rules: Any
    ) -> Message[Any]:
        company = company or self.company
        return self.message(document(version, company, flipped=flipped, **rules), company)

    async def tell(self, *messages: Message[Any], database: Database | None = None) -> None:
        """One batch of `employees`."""
        async with (database or self.database).handling(m.company_id for m in messages) as tx:
            await make_on_employees(self.deciding)(messages, tx)

    async def set(self, *messages: Message[Any]) -> None:
        async with self.database.handling(m.company_id for m in messages) as tx:
            await on_settings(messages, tx)

    async def command(self, body: Any, **more: Any) -> None:
        message = self.message(body, actor="ann", **more)
        async with self.database.handling([self.company]) as tx:
            await make_on_commands(self.deciding, SystemClock(), self.settings)([message], tx)

    async def push(self, body: Any) -> None:
        async with self.database.handling([self.company]) as tx:
            await make_on_pushes(self.deciding)([self.message(body)], tx)

    async def sweep(self) -> None:
        """Until nothing is due."""
        sweeper = Sweeper(self.database, self.deciding, self.settings)
        while await sweeper.step():
            pass

    async def published(self, company: UUID | None = None) -> list[dict[str, Any]]:
        async with self.database.transaction([company or self.company]) as tx:
            rows = await tx.fetch("SELECT lane, partition, headers, body FROM outbox ORDER BY id")
        return [
            {
                "type": (head := orjson.loads(r["headers"]))["ce_type"],
                "actor": head.get("ce_actor"),
                "lane": r["lane"],
                "partition": r["partition"],
            }
            | orjson.loads(r["body"])
            for r in rows
        ]

    async def last(self, remote: str, company: UUID | None = None) -> dict[str, Any]:
        record = str(self.id("source", remote, company))
        return [s for s in await self.published(company) if s.get("record_id") == record][-1]

    async def rows(self, sql: str) -> Sequence[Any]:
        async with self.database.transaction([self.company]) as tx:
            return await tx.fetch(sql)

    async def links(self) -> set[tuple[UUID, UUID]]:
        return {
            (r[0], r[1]) for r in await self.rows("SELECT source_record_id, destination_record_id FROM links")
        }

    async def situations(self) -> dict[UUID, tuple[str, str]]:
        return {
            r[0]: (r[1], r[2])
            for r in await self.rows("SELECT record_id, situation, reason FROM match_results")
        }


@pytest_asyncio.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = await open_database(DatabaseSettings(dsn=SecretStr(dsn)), "mapper")
    yield database
    await database.close()


@pytest_asyncio.fixture
async def other(dsn: str) -> AsyncIterator[Database]:
    """Another copy's pool on the same database."""
    database = await open_database(DatabaseSettings(dsn=SecretStr(dsn)), "mapper")
    yield database
    await database.close()


@pytest_asyncio.fixture
async def world(database: Database, dsn: str) -> World:
    settings = Settings(
        database=DatabaseSettings(dsn=SecretStr(dsn)),
        kafka=KafkaSettings(bootstrap="none", partitions=PARTITIONS),
        internal_token=SecretStr("t"),
        chunk=3,
    )
    return World(database, settings, Deciding(Outbox(SystemClock()), PARTITIONS))
