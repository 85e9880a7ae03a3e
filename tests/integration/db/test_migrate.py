"""Migrations: each runs once, however many start at the same time, and what has run does not change any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from muster.postgres import Postgres
from shared.db import migrate as migrating
from shared.db.migrate import SERVICES, ChangedMigrationError, TooStrongError, migrate
from tests.support.command import muster
from tests.support.eventually import eventually

MADE = "SELECT name FROM muster.migrations WHERE package = 'made_up' ORDER BY name"


@pytest_asyncio.fixture
async def empty(postgres: Postgres) -> AsyncIterator[str]:
    """The owner's address of a database with nothing in it."""
    name = f"test_{uuid4().hex}"
    server = await asyncpg.connect(postgres.dsn())
    await server.execute(f"CREATE DATABASE {name}")
    try:
        yield postgres.dsn(database=name)
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations in place of ours."""
    folder = tmp_path / "made_up" / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(migrating, "_STEPS", (("muster", "made_up"),))
    return folder


async def test_a_file_that_changed_after_it_ran_is_refused_by_name(empty: str, made_up: Path) -> None:
    """And nothing after it runs, until it is as it was."""
    first = made_up / "0001_first.sql"
    first.write_text("CREATE TABLE muster.first (id int)")
    assert await migrate(empty) == ["muster/0001_first.sql"]
    assert await migrate(empty) == []
    first.write_text("CREATE TABLE muster.first (id bigint)")
    (made_up / "0002_second.sql").write_text("CREATE TABLE muster.second (id int)")

    with pytest.raises(
        ChangedMigrationError, match=r"made_up/migrations/0001_first\.sql changed.* in muster"
    ):
        await migrate(empty)
    owner = await asyncpg.connect(empty)
    assert [row["name"] for row in await owner.fetch(MADE)] == ["0001_first.sql"]
    assert await owner.fetchval("SELECT to_regclass('muster.second')") is None
    await owner.close()

    first.write_text("CREATE TABLE muster.first (id int)")
    assert await migrate(empty) == ["muster/0002_second.sql"]


async def test_the_command_says_which_in_one_sentence(empty: str) -> None:
    """Not as a traceback."""
    await migrate(empty)
    owner = await asyncpg.connect(empty)
    await owner.execute("UPDATE muster.migrations SET checksum = '' WHERE name = '0001_vault.sql'")
    await owner.close()
    done = await muster("migrate", "--database", empty)

    assert done.code == 1
    assert "0001_vault.sql changed after it ran in vault" in done.text


async def _two_at_once(empty: str) -> Sequence[list[str] | BaseException]:
    """How two end that have both begun before either can make its first schema, unless one has failed already."""
    owner = await asyncpg.connect(empty)
    hold = owner.transaction()
    await hold.start()
    await owner.execute("CREATE SCHEMA muster")
    both = [asyncio.ensure_future(migrate(empty)) for _ in range(2)]
    try:
        await eventually(lambda: _both_wait(owner, both))
    finally:
        await hold.rollback()
        ends = await asyncio.gather(*both, return_exceptions=True)
        await owner.close()
    return ends


async def _both_wait(owner: asyncpg.Connection[Any], both: Sequence[asyncio.Future[list[str]]]) -> bool:
    if any(one.done() for one in both):
        return True
    waiting = await owner.fetchval(
        "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE NOT granted AND a.datname = current_database()"
    )
    return bool(waiting == 2)


async def test_two_at_once_on_an_empty_database_run_each_once(empty: str) -> None:
    """Both end well, and the one that came second finds all done."""
    ends = await _two_at_once(empty)

    owner = await asyncpg.connect(empty)
    count = await owner.fetchval("SELECT count(*) FROM muster.migrations")
    await owner.close()
    assert count > len(SERVICES)
    assert sorted(len(end) if isinstance(end, list) else repr(end) for end in ends) == [0, count]
    assert await migrate(empty) == []


async def test_without_the_lock_one_of_them_would_fail(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control. Which statement fails depends on how far the other one is."""
    monkeypatch.setattr(migrating, "_LOCK", "SELECT 1")
    ends = await _two_at_once(empty)

    failed = [end for end in ends if isinstance(end, BaseException)]
    assert failed
    for end in failed:
        assert isinstance(end, asyncpg.UniqueViolationError) or "concurrently updated" in str(end)


async def test_a_role_that_may_too_much_is_refused_by_name(empty: str) -> None:
    """Anyone who gave it the right: what row security keeps apart, it would see."""
    owner = await asyncpg.connect(empty)
    await owner.execute("ALTER ROLE mapper_system BYPASSRLS")
    try:
        with pytest.raises(TooStrongError, match="mapper_system"):
            await migrate(empty)
    finally:
        await owner.execute("ALTER ROLE mapper_system NOBYPASSRLS")
        await owner.close()
    assert await migrate(empty)
