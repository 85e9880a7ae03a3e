"""A message that syncer cannot handle ends in a status, or in the end of its run."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import orjson
import pytest
from aiokafka import ConsumerRecord
from pydantic import SecretStr

from services.history.handlers import make_handler
from shared.clock import SystemClock
from shared.contracts.commands import SyncRecords
from shared.contracts.events import (
    SITUATIONS,
    EmployeeChanged,
    EmployeeRemoved,
    EmployeeStaged,
    EmployeeUnreadable,
    MatchFailed,
    Message,
    bodies,
)
from shared.db.pool import open_database
from shared.domain.employee import Employee
from shared.domain.ids import record_id
from shared.domain.values import Cause
from shared.messaging.dead_lettering import DeadLettering
from shared.messaging.inbox import Received
from shared.messaging.outbox import Outbox
from shared.messaging.parse import parse
from shared.settings import DatabaseSettings
from tests.support.companies import COMPANY, DESTINATION, NAMESPACE, SOURCE

from .conftest import World

ABOUT_RECORDS = [
    EmployeeStaged, EmployeeChanged, EmployeeRemoved, EmployeeUnreadable, MatchFailed, *SITUATIONS,
]  # fmt: skip


def body_of(cls: type[Any], record: UUID, account: UUID = SOURCE) -> Any:
    """As far as the hook looks at it."""
    return cls.model_construct(
        record_id=record, account_id=account, remote_id="a", rev=2, source_rev=2, link_rev=9,
        employee=Employee(first_name="Bo"), requested_at=datetime.now(UTC),
        answered_at=datetime.now(UTC), cause=Cause.SWEEP, changes={}, reason="internal",
    )  # fmt: skip


async def dead_lettered(world: World, body: Any) -> None:
    async with world.database.locked([world.message(body).company_id]) as tx:
        await world.handlers.on_dead_letter(world.message(body), tx)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("cls", ABOUT_RECORDS, ids=lambda c: c.wire_type())
async def test_a_source_record_fails(world: World, cls: type[Any], *, known: bool) -> None:
    """Whether or not syncer has heard of it; the push that waits for it ends, and its run."""
    if known:
        await world.staged("a")
        await world.sync("a")
        assert ("syncing", "waiting") == (await world.statuses())[world.id("a")]
    await dead_lettered(world, body_of(cls, world.id("a")))

    assert ("failed", "internal") == (await world.statuses())[world.id("a")]
    assert known == bool(await world.published("sync.completed"))
    assert ["failed"] == [s["status"] for s in await world.published_statuses()][-1:]


async def test_a_match_that_failed_before_its_record_is_known_is_not_forgotten(world: World) -> None:
    """The record stood as being checked for ever."""
    await world.tell(world.handlers.on_facts, body_of(MatchFailed, world.id("a")))
    await world.staged("a", rev=2)
    assert ("failed", "internal") == (await world.statuses())[world.id("a")]

    await world.staged("a", rev=3)
    assert ("needs_sync", "checking") == (await world.statuses())[world.id("a")]


async def test_of_a_destination_record_the_linked_one_fails(world: World) -> None:
    """It is no source record itself."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    await world.linked("a", "1")
    await dead_lettered(world, body_of(EmployeeChanged, record_id(DESTINATION, "1"), DESTINATION))

    assert {world.id("a"): ("failed", "internal")} == await world.statuses()


async def test_a_part_of_a_run_counts_as_failed_and_the_run_ends(world: World) -> None:
    """With all its parts, whichever could be handled."""
    await world.staged("a", "b")
    await world.unmatched("a", "b")
    run = uuid5(NAMESPACE, "run")
    parts = [
        SyncRecords.model_validate({
            "run_id": run, "part": n, "parts": 2, "total": 2,
            "records": [{"record_id": world.id(r), "source_rev": 1, "status": "needs_sync"}],
        })
        for n, r in ((1, "a"), (2, "b"))
    ]  # fmt: skip
    await dead_lettered(world, parts[0])
    assert not await world.published("sync.completed")
    await world.tell(world.handlers.on_commands, parts[1])
    await world.send()

    (end,) = await world.published("sync.completed")
    assert (str(run), 1, 1) == (end["run_id"], end["succeeded"], end["failed"])
    assert ("synced", "") == (await world.statuses())[world.id("b")]


def record_of(topic: str, headers: dict[str, str], value: bytes) -> ConsumerRecord[bytes, bytes]:
    """As the broker would give it."""
    return ConsumerRecord(
        topic=topic, partition=0, offset=1, timestamp=0, timestamp_type=0, key=b"", value=value, checksum=None,
        serialized_key_size=0, serialized_value_size=0, headers=[(n, v.encode()) for n, v in headers.items()],
    )  # fmt: skip


async def test_the_status_after_a_replay_reaches_history(
    world: World, addresses: Callable[[str], str]
) -> None:
    """It is no repeat of the one that showed the dead letter, though the same message caused both."""
    message = world.message(body_of(EmployeeStaged, world.id("a")))
    settings = world.handlers.settings.model_copy(
        update={"dead_letter_key": SecretStr(base64.b64encode(bytes(32)).decode())}
    )
    dead_lettering = DeadLettering(settings, world.database, "employees.v1", world.handlers.on_dead_letter)
    record = record_of("employees.v1", {"ce_companyid": str(COMPANY)}, b"")
    await dead_lettering.store_failed(Received(message, record), KeyError())
    await world.batch(world.handlers.on_facts, [message])

    rows = await world.rows("SELECT topic, headers, body FROM outbox WHERE topic LIKE 'pushes%' ORDER BY id")
    types = {name.encode(): cls for name, cls in bodies().items()}
    events: list[Message[Any]] = [
        parse(record_of(row["topic"], orjson.loads(row["headers"]), row["body"]), types).message
        for row in rows
    ]
    assert [(message.id, "failed"), (message.id, "needs_sync")] == [
        (event.causation_id, event.body.status) for event in events
    ]
    history = await open_database(DatabaseSettings(dsn=SecretStr(addresses("history"))), "history")
    try:
        for event in events:
            async with history.handling([COMPANY]) as tx:
                await make_handler(Outbox(SystemClock()))([event], tx)
        async with history.transaction([COMPANY]) as tx:
            assert "needs_sync" == await tx.fetchval("SELECT status FROM record_view")
    finally:
        await history.close()
