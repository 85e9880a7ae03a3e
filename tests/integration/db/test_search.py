"""What people search is written alike in SQL and in Python."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import pytest

from shared.domain.search import searchable

TEXTS = (
    "O\u2019Keefe", "o'keefe", "OKEEFE", "D\u00b4Arcy", "Ana  Mar\u00eda \t Li ", "Ana\u00a0Li",
    "\u0141\u00d3D\u017b", "Stra\u00dfe",
    "S\u00d8REN \u00c6gir", "\u00de\u00f3r", "\u2163", "\u9648 Wei", "", " ' ", "0042 ann@example.com",
)  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("role", ["mapper", "syncer"])
async def test_sql_and_python_write_the_same(addresses: Callable[[str], str], role: str) -> None:
    connection = await asyncpg.connect(addresses(role))
    rows = await connection.fetch("SELECT muster.searchable(t) FROM unnest($1::text[]) AS t", TEXTS)
    await connection.close()
    assert [row[0] for row in rows] == [searchable(text) for text in TEXTS]
