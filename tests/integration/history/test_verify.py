"""`muster history verify`: what it finds of a history that was changed behind Muster's back, and what it cannot find."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from services.history.core import chain
from services.history.core.chain import Entry
from shared.contracts.events import EmployeeStaged
from shared.domain.employee import Employee
from shared.domain.values import Cause
from tests.integration.history.conftest import START, World
from tests.support.command import muster

ENTRIES = 12
OTHER = UUID(int=2)


@pytest_asyncio.fixture
async def administrator(world: World, owner: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Somebody who may do everything in the database, after two companies have a history."""
    for company in (world.company, OTHER):
        employees = [
            EmployeeStaged(
                record_id=world.id("source", f"s{n}", company), account_id=world.account("source", company), remote_id=f"s{n}",
                rev=1, employee=Employee(first_name="Ada"), requested_at=START, answered_at=START, cause=Cause.IMPORT,
            )
            for n in range(ENTRIES - 1)
        ]  # fmt: skip
        await world.tell(
            world.settings(company=company), *(world.message(body, company) for body in employees)
        )
    connection = await asyncpg.connect(owner, server_settings={"search_path": "history"})
    await connection.execute("ALTER TABLE log DISABLE TRIGGER log_only_grows")
    yield connection
    await connection.close()


async def rechain(administrator: asyncpg.Connection[asyncpg.Record], company: UUID) -> None:
    """Compute all hashes again, and move the head, as somebody would who knows how they are made."""
    before = chain.GENESIS
    for row in await administrator.fetch("SELECT * FROM log WHERE company_id = $1 ORDER BY n", company):
        entry = Entry(*row)._replace(prev_hash=before)
        before = chain.digest(*entry[:12])
        await administrator.execute(
            "UPDATE log SET prev_hash = $1, hash = $2 WHERE event_id = $3",
            entry.prev_hash,
            before,
            entry.event_id,
        )
        await administrator.execute(
            "UPDATE chain_heads SET n = $1, hash = $2 WHERE company_id = $3", entry.n, before, company
        )


async def verified(address: str, *more: str) -> tuple[int, dict[UUID, Any]]:
    """The exit code, and what is said of each company."""
    done = await muster("history", "verify", "--json", "--database", address, *more)
    return done.code, {UUID(each["company_id"]): each for each in json.loads(done.text)}


FIND = {
    "an entry changed": ("UPDATE log SET actor = 'x' WHERE n = 7 AND company_id = $1", [("changed", 7, 1)]),
    "an entry removed": ("DELETE FROM log WHERE n = 7 AND company_id = $1", [("missing", 7, 1)]),
    "the first removed": ("DELETE FROM log WHERE n = 1 AND company_id = $1", [("missing", 1, 1)]),
    "the tail cut": ("DELETE FROM log WHERE n > 9 AND company_id = $1", [("missing", 10, 3)]),
    "all entries removed, not the head": ("DELETE FROM log WHERE company_id = $1", [("missing", 1, 12)]),
    "the head moved back": (
        "UPDATE chain_heads SET n = 9, hash = (SELECT hash FROM log WHERE n = 9 AND company_id = $1) WHERE company_id = $1",
        [("beyond_head", 10, 3)],
    ),
    "an entry beyond the head": (
        """INSERT INTO log SELECT company_id, 13, gen_random_uuid(), event_time, type, topic, record_id, run_id, actor, cause,
        body, hash, hash FROM log WHERE n = 12 AND company_id = $1""",
        [("beyond_head", 13, 1)],
    ),
    "the head's hash changed": (
        "UPDATE chain_heads SET hash = 'x' WHERE company_id = $1",
        [("wrong_head", 12, 1)],
    ),
    "the head removed": ("DELETE FROM chain_heads WHERE company_id = $1", [("no_head", 12, 1)]),
    "all removed, with the head": (
        "WITH heads AS (DELETE FROM chain_heads WHERE company_id = $1) DELETE FROM log WHERE company_id = $1",
        [("emptied", 0, 0)],
    ),
    "one company's entry given to another": (
        f"UPDATE log SET company_id = '{OTHER}', n = 13 WHERE n = 12 AND company_id = $1",
        [("missing", 12, 1)],
    ),
}


@pytest.mark.parametrize("manipulation", FIND)
async def test_found(
    world: World, administrator: asyncpg.Connection[asyncpg.Record], owner: str, manipulation: str
) -> None:
    """Named, in the right company, with exit code 3."""
    assert (await verified(owner))[0] == 0
    sql, faults = FIND[manipulation]
    await administrator.execute(sql, world.company)
    code, companies = await verified(owner)

    assert code == 3
    assert [(f["kind"], f["n"], f["entries"]) for f in companies[world.company]["faults"]] == faults
    assert companies[OTHER]["ok"] == ("another" not in manipulation)


async def test_an_entry_that_was_replaced_with_its_own_hash_is_found(
    world: World, administrator: asyncpg.Connection[asyncpg.Record], owner: str
) -> None:
    """The next one does not continue it."""
    row = await administrator.fetchrow("SELECT * FROM log WHERE n = 7 AND company_id = $1", world.company)
    assert row is not None
    forged = Entry(*row)._replace(actor="x")
    await administrator.execute(
        "UPDATE log SET actor = 'x', hash = $1 WHERE event_id = $2",
        chain.digest(*forged[:12]),
        forged.event_id,
    )
    code, companies = await verified(owner, "--company", str(world.company))
    assert (code, list(companies)) == (3, [world.company])
    assert [(f["kind"], f["n"]) for f in companies[world.company]["faults"]] == [("unchained", 8)]


UNSEEN = {
    "changed and chained again": "UPDATE log SET actor = 'x' WHERE n = 7 AND company_id = $1",
    "the tail cut and the head moved": "DELETE FROM log WHERE n > 9 AND company_id = $1",
    "removed and numbered again": "UPDATE log SET n = n - 1 WHERE n > 1 AND company_id = $1",
}


@pytest.mark.parametrize("manipulation", UNSEEN)
async def test_not_found_until_there_are_checkpoints(
    world: World, administrator: asyncpg.Connection[asyncpg.Record], owner: str, manipulation: str
) -> None:
    """What SECURITY.md says that it cannot find: when this test fails, that text is to be changed."""
    if "numbered" in manipulation:
        await administrator.execute("DELETE FROM log WHERE n = 1 AND company_id = $1", world.company)
    await administrator.execute(UNSEEN[manipulation], world.company)
    await rechain(administrator, world.company)
    assert (await verified(owner))[0] == 0


async def test_in_words_and_with_the_services_own_address(
    world: World, administrator: asyncpg.Connection[asyncpg.Record], addresses: Callable[[str], str]
) -> None:
    """And another service's address does not open it."""
    await administrator.execute(FIND["the tail cut"][0], world.company)
    done = await muster("history", "verify", "--database", addresses("history"))
    assert done.code == 3
    assert "3 entries are missing, from 10 on" in done.text
    assert f"{OTHER}: 12 entries" in done.text
    assert "no fault found" in done.text
    assert (await muster("history", "verify", "--database", addresses("mapper"))).code == 1
