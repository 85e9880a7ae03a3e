"""Companies never see each other, whatever a query forgets."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import pytest

from shared.db.migrate import SERVICES

_TABLES = """
SELECT n.nspname || '.' || c.relname AS name, c.relrowsecurity AND (c.relforcerowsecurity OR c.relispartition) AS secured,
       c.relispartition AS part, EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS policy,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'company_id') AS by_company
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY ($1)
"""
SCHEMAS = [*SERVICES, "vault"]


async def test_every_table_has_a_policy(addresses: Callable[[str], str]) -> None:
    """Found in the catalogue, so that a new table without one fails here."""
    owner = await asyncpg.connect(addresses("owner"))
    rows = await owner.fetch(_TABLES, SCHEMAS)
    await owner.close()

    assert len(rows) > 40
    assert [r["name"] for r in rows if not r["secured"]] == []
    assert [r["name"] for r in rows if not r["policy"] and not r["part"]] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_company_named_nothing_is_shown(
    addresses: Callable[[str], str], service: str
) -> None:
    """An error or no row, for every table that the service's role may read at all."""
    owner = await asyncpg.connect(addresses("owner"))
    tables = [
        r["name"] for r in await owner.fetch(_TABLES, [service, "vault"]) if r["by_company"] and not r["part"]
    ]
    await owner.close()
    role = await asyncpg.connect(addresses(service))
    for table in tables:
        try:
            rows = await role.fetch(f"SELECT * FROM {table}")
        except asyncpg.InsufficientPrivilegeError:
            continue
        assert rows == [], table
    await role.close()


async def test_a_company_sees_its_own_rows_only(addresses: Callable[[str], str]) -> None:
    """And cannot write another's."""
    role = await asyncpg.connect(addresses("importer"))
    a, b = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
    for company in (a, b):
        async with role.transaction():
            await role.execute(f"SELECT set_config('muster.companies', '{{{company}}}', true)")
            await role.execute(
                f"INSERT INTO seen (company_id, account_id, remote_id) VALUES ('{company}', '{company}', 'x')"
            )
    async with role.transaction():
        await role.execute(f"SELECT set_config('muster.companies', '{{{a}}}', true)")
        assert [str(r["company_id"]) for r in await role.fetch("SELECT company_id FROM seen")] == [a]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(
                f"INSERT INTO seen (company_id, account_id, remote_id) VALUES ('{b}', '{b}', 'y')"
            )
    await role.close()
