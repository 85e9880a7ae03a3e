"""Each test four times: both systems, the sandbox in process and over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from muster.postgres import Postgres
from sandbox.quickbooks.switches import SWITCHES
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.settings import DatabaseSettings, LimitSettings
from shared.systems import SYSTEMS
from tests.support.postgres import PASSWORD
from tests.support.systems import How, Place, Side, sandbox

NO_LIMITS = LimitSettings(enforced=False)
HOWS: tuple[How, ...] = ("in process", "over HTTP")


@pytest_asyncio.fixture(scope="session")
async def vault_database(postgres: Postgres) -> AsyncIterator[Database]:
    """One for all of them: accounts are connected again for each test."""
    name = f"test_{uuid4().hex}"
    owner = await asyncpg.connect(postgres.dsn())
    await owner.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    dsn = SecretStr(postgres.dsn("syncer", PASSWORD, name))
    opened = await open_database(DatabaseSettings(dsn=dsn), "syncer")
    try:
        yield opened
    finally:
        await opened.close()
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await owner.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `qbo` is about QuickBooks only."""
    if "place" in metafunc.fixturenames:
        systems = ["quickbooks"] if "qbo" in metafunc.fixturenames else list(SYSTEMS)
        both = [(system, how) for system in systems for how in HOWS]
        metafunc.parametrize("place", both, indirect=True, scope="session", ids=lambda p: f"{p[0]}, {p[1]}")


@pytest_asyncio.fixture(scope="session")
async def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, Place]]:
    """A sandbox that runs as long as it is asked for."""
    system, how = cast("tuple[str, How]", request.param)
    async with sandbox(system, how, tmp_path_factory.mktemp("sandbox")) as found:
        yield system, found


@pytest_asyncio.fixture
async def side(place: tuple[str, Place], vault_database: Database) -> AsyncIterator[Side]:
    """A connected account with nobody in its directory."""
    system, where = place
    found = Side(system, where, vault_database, NO_LIMITS)
    await found.forget_pauses()
    await found.reset()
    if system == "quickbooks":
        await found.switch(**SWITCHES)
        await found.company(payroll=False)
    await found.connect()
    yield found
    await found.close()


@pytest_asyncio.fixture
async def qbo(side: Side) -> Side:
    """QuickBooks only."""
    return side
