"""The vault's schema on a real server, as the services see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest_asyncio
from pydantic import SecretStr

from shared.db.pool import open_database
from shared.db.tx import Database
from shared.settings import DatabaseSettings


@pytest_asyncio.fixture
async def database(addresses: Callable[[str], str]) -> AsyncIterator[Database]:
    """As syncer."""
    opened = await open_database(DatabaseSettings(dsn=SecretStr(addresses("syncer"))), "syncer")
    try:
        yield opened
    finally:
        await opened.close()


@pytest_asyncio.fixture
async def other_database(addresses: Callable[[str], str]) -> AsyncIterator[Database]:
    """The same server, as importer: another service."""
    opened = await open_database(DatabaseSettings(dsn=SecretStr(addresses("importer"))), "importer")
    try:
        yield opened
    finally:
        await opened.close()
