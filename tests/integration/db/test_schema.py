"""The documented schema is the one that the migrations make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import asyncpg

from tests.support.schema import PAGE, schema_page

ROOT = Path(__file__).parents[3]


async def test_the_documented_schema_is_what_the_migrations_make(addresses: Callable[[str], str]) -> None:
    """Otherwise: python -m tests.support.schema."""
    assert await schema_page(addresses("owner")) == PAGE.read_text("utf-8")


async def test_a_column_that_is_not_documented_is_found(addresses: Callable[[str], str]) -> None:
    """The negative control."""
    owner = await asyncpg.connect(addresses("owner"))
    await owner.execute("ALTER TABLE gateway.users ADD COLUMN surplus int")
    await owner.close()

    assert await schema_page(addresses("owner")) != PAGE.read_text("utf-8")


def test_each_schema_is_made_by_one_readable_file() -> None:
    """Until the first release; after it, migrations are only added."""
    folders = [*ROOT.glob("services/*/migrations"), *ROOT.glob("shared/*/migrations")]

    assert {folder.parent.name for folder in folders} >= {
        "gateway",
        "importer",
        "mapper",
        "syncer",
        "history",
        "messaging",
    }
    assert {folder: len(list(folder.glob("*.sql"))) for folder in folders} == dict.fromkeys(folders, 1)
