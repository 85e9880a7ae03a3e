"""Batches that hold many companies: what is told to each stays its own, and two copies never wait in a ring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import orjson
import pytest
import pytest_asyncio
from pydantic import SecretStr

from shared.contracts.commands import SyncRecords
from shared.contracts.events import (
    DirectoryMatched,
    EmployeeStaged,
    RecordDisputed,
    RecordLinked,
    RecordUnmatched,
)
from shared.db import tx as transactions
from shared.db.pool import open_database
from shared.db.tx import Database, Tx
from shared.domain.employee import Employee
from shared.domain.ids import record_id
from shared.domain.values import Cause, Lane, Status
from shared.errors import Unavailable
from shared.settings import DatabaseSettings
from tests.support.companies import NAMESPACE, account_of, document
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from shared.contracts.events import Body, Message
    from tests.integration.syncer.conftest import World

FORTY = [UUID(int=n) for n in range(100, 140)]
GROUPS = UNMATCHED, SAME, OTHER, DISPUTED = [FORTY[n::4] for n in range(4)]
"""What mapper answers about the one person of each company; of the linked ones, some are the same at the destination."""


def here(company: UUID, remote: str = "1") -> UUID:
    return record_id(account_of("linarc", company), remote)


def there(company: UUID) -> UUID:
    return record_id(account_of("quickbooks", company), "1")


def name(company: UUID) -> str:
    return f"Li{company.int}"


def staged(system: str, company: UUID, remote: str = "1", **values: Any) -> EmployeeStaged:
    """Everywhere under the same id, and everybody by a name of their own."""
    account = account_of(system, company)
    person = {"first_name": "Ana", "last_name": name(company), "active": True} | values
    return EmployeeStaged(
        record_id=record_id(account, remote),
        account_id=account,
        remote_id=remote,
        rev=1,
        employee=Employee(**person),
        requested_at=datetime.now(UTC),
        answered_at=datetime.now(UTC),
        cause=Cause.IMPORT,
    )


def answer(company: UUID) -> Body:
    decided: dict[str, Any] = {
        "record_id": here(company),
        "account_id": account_of("linarc", company),
        "destination_account_id": account_of("quickbooks", company),
        "link_rev": 1,
        "source_rev": 1,
    }
    if company in UNMATCHED:
        return RecordUnmatched(**decided)
    if company in DISPUTED:
        return RecordDisputed(**decided, reason="several_matches", candidates=())
    return RecordLinked(
        **decided, destination_record_id=there(company), destination_remote_id="1", origin="auto"
    )


def markers(world: World) -> list[Message[Any]]:
    """Every destination has been read and matched."""
    at = datetime.now(UTC)
    accounts = {c: account_of("quickbooks", c) for c in FORTY}
    return [
        world.message(DirectoryMatched(account_id=account, as_of=at, base=at, part=0, parts=1), company, lane)
        for company, account in accounts.items()
        for lane in Lane
    ]


async def received(world: World) -> dict[str, UUID]:
    """One batch after the other, each of all companies; by a message's id, whose it was."""
    people = [(staged("linarc", c), c) for c in FORTY]
    people += [(staged("quickbooks", c), c) for c in SAME]
    people += [(staged("quickbooks", c, first_name="Anna"), c) for c in OTHER]
    batches = [
        (world.handlers.on_settings, [world.message(document(1, c), c) for c in FORTY]),
        (world.handlers.on_facts, markers(world)),
        (world.handlers.on_facts, [world.message(body, c) for body, c in people]),
        (world.handlers.on_facts, [world.message(answer(c), c) for c in FORTY]),
    ]
    for handler, batch in batches:
        await world.batch(handler, batch)
    return {str(message.id): message.company_id for _, batch in batches for message in batch}


async def statuses(world: World) -> dict[tuple[UUID, UUID], tuple[str, str]]:
    """By company and record."""
    async with world.database.transaction(FORTY) as tx:
        rows = await tx.fetch("SELECT company_id, record_id, status, reason FROM records")
    return {(row["company_id"], row["record_id"]): (row["status"], row["reason"]) for row in rows}


async def published(world: World, kind: str) -> list[tuple[UUID, dict[str, str], dict[str, Any]]]:
    """Of this type: whose row it is, the headers, and the body."""
    async with world.database.transaction(FORTY) as tx:
        rows = await tx.fetch("SELECT company_id, headers, body FROM outbox ORDER BY id")
    found = [(row["company_id"], orjson.loads(row["headers"]), orjson.loads(row["body"])) for row in rows]
    return [one for one in found if one[1]["ce_type"] == kind]


async def test_each_of_forty_companies_gets_its_own_status_and_its_own_push(world: World) -> None:
    """Settings, directories, people, matches and commands, each in one batch of one transaction."""
    whose = await received(world)

    expected = dict.fromkeys(UNMATCHED, ("needs_sync", "not_pushed"))
    expected |= dict.fromkeys(SAME, ("needs_sync", "never_pushed"))
    expected |= dict.fromkeys(OTHER, ("needs_sync", "differs"))
    expected |= dict.fromkeys(DISPUTED, ("needs_action", "several_matches"))
    assert await statuses(world) == {(c, here(c)): status for c, status in expected.items()}
    news = await published(world, "status.changed")
    assert {body["record_id"] for _, _, body in news} == {str(here(c)) for c in FORTY}
    assert all(body["record_id"] == str(here(c)) for c, _, body in news)
    assert all(headers["ce_companyid"] == str(c) for c, headers, _ in news)
    assert all(whose[headers["ce_causationid"]] == c for c, headers, _ in news)

    commands = [
        SyncRecords.model_validate(
            {
                "run_id": uuid5(NAMESPACE, str(c)),
                "records": [{"record_id": here(c), "source_rev": 1, "status": Status(expected[c][0])}],
                "part": 1,
                "parts": 1,
                "total": 1,
            }
        )
        for c in FORTY
    ]
    await world.batch(
        world.handlers.on_commands, [world.message(b, c) for b, c in zip(commands, FORTY, strict=True)]
    )

    planned = await published(world, "push.planned")
    plans = {c: (body["record_id"], h["ce_runid"], body["action"], body["fields"]) for c, h, body in planned}
    accounts = {c: body["basis"]["destination_account_id"] for c, _, body in planned}
    own = {c: (str(here(c)), str(uuid5(NAMESPACE, str(c)))) for c in FORTY}
    renamed = {"first_name": {"before": "Anna", "after": "Ana"}}
    assert {c: plans[c] for c in OTHER} == {c: (*own[c], "update", renamed) for c in OTHER}
    assert {c: plans[c][:3] for c in UNMATCHED} == {c: (*own[c], "create") for c in UNMATCHED}
    assert all(plans[c][3]["last_name"]["after"] == name(c) for c in UNMATCHED)
    assert {c: plans[c] for c in SAME} == {c: (*own[c], "no_change", {}) for c in SAME}
    assert accounts == {c: str(account_of("quickbooks", c)) for c in {*FORTY} - {*DISPUTED}}


@pytest_asyncio.fixture
async def other(addresses: Callable[[str], str]) -> AsyncIterator[Database]:
    """Another copy's pool on the same database."""
    database = await open_database(DatabaseSettings(dsn=SecretStr(addresses("syncer"))), "syncer")
    yield database
    await database.close()


async def _met(world: World, other: Database) -> Sequence[BaseException | None]:
    """How two copies end whose batches name the companies in opposite orders; each has some of the locks, and waits."""
    batches = [
        [world.message(staged("linarc", c, remote), c) for c in companies]
        for remote, companies in (("1", FORTY), ("2", FORTY[::-1]))
    ]
    async with world.database.locked([FORTY[20]]) as gate:
        copies = [
            asyncio.ensure_future(world.batch(world.handlers.on_facts, batch, database))
            for batch, database in zip(batches, (world.database, other), strict=True)
        ]
        await eventually(lambda: _both_wait(gate))
    return await asyncio.gather(*copies, return_exceptions=True)


async def _both_wait(tx: Tx) -> bool:
    waiting = await tx.fetchval(
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    )
    return bool(waiting == 2)


async def test_two_copies_with_the_companies_in_opposite_orders_both_go_on(
    world: World, other: Database
) -> None:
    """The locks are taken in key order, whatever the order of the batch."""
    assert await _met(world, other) == [None, None]

    assert (await statuses(world)).keys() == {(c, here(c, remote)) for c in FORTY for remote in ("1", "2")}


async def test_with_locks_in_the_batches_orders_one_of_them_would_die(
    world: World, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a ring, which the database breaks."""
    orders, in_key_order = iter((1, 1, -1)), transactions._locking  # the gate's, and each copy's

    def as_they_come(number: int, companies: tuple[UUID, ...]) -> str:
        return in_key_order(number, companies[:: next(orders)])

    monkeypatch.setattr(transactions, "_locking", as_they_come)
    ends = await _met(world, other)

    assert [type(end) for end in ends if end] == [Unavailable]
    assert "Deadlock" in str(ends)
