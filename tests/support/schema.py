"""`python -m tests.support.schema`: write docs/schema.md from what the migrations make."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path

import asyncpg

from muster.postgres import Postgres
from shared.db.migrate import SERVICES, migrate
from tests.support.scratch import scratch

PAGE = Path(__file__).parents[2] / "docs/schema.md"
MESSAGING = ("company_settings", "dead_letter", "inbox", "outbox", "paused_topics", "relay_cursor")
_HEAD = """# Database schema

What the migrations make: one schema for each service, `vault` for credentials, rate limits and call budgets, and `muster` for
what all of them build on. The tables of `shared/messaging` (company_settings, dead_letter, inbox, outbox, paused_topics,
relay_cursor) are listed under gateway and stand in every service's schema; partitions by day are
left out. `null`: the column may be null.
Written by `python -m tests.support.schema`; a test compares it with a migrated database.
"""
_COLUMNS = """
SELECT n.nspname AS schema, c.relname AS table, a.attname AS column,
       format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, a.attgenerated <> '' AS generated,
       (SELECT string_agg(k.attname, ', ' ORDER BY array_position(i.indkey::int[], k.attnum::int))
        FROM pg_index i JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary) AS key
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY n.nspname, c.relname, a.attnum
"""


async def schema_page(dsn: str) -> str:
    """The page about the migrated database at `dsn`, an address of its owner."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_COLUMNS, ["muster", *SERVICES, "vault"])
    finally:
        await connection.close()
    lines = [_HEAD]
    for schema, tables in groupby(rows, key=lambda r: r["schema"]):
        left_out = MESSAGING if schema in SERVICES[1:] else ()
        mine = (r for r in tables if r["table"] not in left_out)
        lines += [f"## {schema}", "", "| table | key | columns |", "| --- | --- | --- |"]
        for table, columns in groupby(mine, key=lambda r: r["table"]):
            found = list(columns)
            listed = ", ".join(f"{c['column']} `{c['type']}{_note(c)}`" for c in found)
            lines.append(f"| {table} | {found[0]['key']} | {listed} |")
        lines.append("")
    return "\n".join(lines)


def _note(column: asyncpg.Record) -> str:
    return " generated" if column["generated"] else "" if column["required"] else " null"


async def _write() -> None:
    with scratch() as folder:
        server = Postgres(folder / "postgres")
        child = await server.start()
        try:
            await server.ready()
            await migrate(server.dsn(database="postgres"))
            PAGE.write_text(await schema_page(server.dsn(database="postgres")), "utf-8")
        finally:
            await child.stop()


if __name__ == "__main__":
    asyncio.run(_write())
