"""Connections of the real pool come back clean, whatever happened to who had them (invariant I11)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
import pytest_asyncio
from pydantic import SecretStr

from shared.db import tx as transactions
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.settings import DatabaseSettings

COMPANIES = [UUID(int=1), UUID(int=2)]
_ADD = (
    "INSERT INTO company_settings (company_id, version, document) VALUES ($1, 1, '{}') ON CONFLICT DO NOTHING"
)
_ALL = "SELECT company_id FROM company_settings"


@pytest_asyncio.fixture
async def database(addresses: Callable[[str], str]) -> AsyncIterator[Database]:
    """mapper's pool, with a row of each company."""
    opened = await open_database(DatabaseSettings(dsn=SecretStr(addresses("mapper"))), "mapper")
    for company in COMPANIES:
        async with opened.transaction([company]) as tx:
            await tx.execute(_ADD, company)
    yield opened
    await opened.close()


async def _some_work(database: Database, seen: set[tuple[UUID, UUID]]) -> None:
    company = random.choice(COMPANIES)
    async with database.transaction([company]) as tx:
        for _ in range(3):
            seen.update((company, row["company_id"]) for row in await tx.fetch(_ALL))
            await tx.execute("UPDATE company_settings SET version = version + 1")
        if random.random() < 0.3:
            raise ZeroDivisionError


async def _storm(database: Database) -> set[tuple[UUID, UUID]]:
    """Many transactions of both companies, most of them cancelled somewhere or failing; who saw whose rows."""
    seen: set[tuple[UUID, UUID]] = set()
    for _ in range(40):
        tasks = [asyncio.ensure_future(_some_work(database, seen)) for _ in range(10)]
        await asyncio.sleep(random.random() / 50)
        for task in random.sample(tasks, 7):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return seen


async def _left(database: Database) -> list[str]:
    """What the pool's connections still know of companies; each is asked."""
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_companies(database)) for _ in range(10)]
    return [found for task in asked if (found := task.result())]


async def _companies(database: Database) -> str:
    async with database.system() as tx:
        await asyncio.sleep(0.05)
        return str(await tx.fetchval("SELECT coalesce(current_setting('muster.companies', true), '')"))


async def test_after_cancellations_nobody_sees_or_inherits_anothers(database: Database) -> None:
    """No row of another company, no transaction left open, no company left named."""
    seen = await _storm(database)

    assert seen == {(company, company) for company in COMPANIES}
    assert await _left(database) == []


async def test_a_company_named_for_the_session_would_be_left(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: what is not set for the transaction alone outlives it."""
    named = transactions._seeing
    monkeypatch.setattr(transactions, "_seeing", lambda companies: named(companies).replace("true", "false"))
    for company in COMPANIES:
        async with database.transaction([company]):
            pass

    assert await _left(database)
