"""A transaction wakes the worker of what it made due when it is committed, and only then."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from pydantic import SecretStr

from shared.db.pool import open_database
from shared.db.tx import Database
from shared.settings import DatabaseSettings

COMPANY = UUID(int=1)


async def test_only_what_is_committed_rings(addresses: Callable[[str], str]) -> None:
    """Once for the whole transaction, at its end."""
    database = await open_database(DatabaseSettings(dsn=SecretStr(addresses("mapper"))), "mapper")
    notified: list[str] = []
    for work in ("cases", "others"):
        database.wakeups[work].notify = lambda work=work: notified.append(work)  # type: ignore[method-assign]

    with pytest.raises(ZeroDivisionError):
        await _work(database, notified, fails=True)
    assert notified == []

    await _work(database, notified)
    assert notified == ["cases"]
    await database.close()


async def _work(database: Database, notified: list[str], *, fails: bool = False) -> None:
    async with database.transaction([COMPANY]) as tx:
        tx.made_due("cases")
        tx.made_due("cases")
        assert notified == []
        1 / (not fails)
