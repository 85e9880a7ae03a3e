"""The outbox and the relay, on the real broker and database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from shared.clock import SystemClock
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.domain.values import Lane
from shared.messaging import outbox as saying
from shared.messaging import relay as relaying
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.relay import Relay
from shared.settings import DatabaseSettings
from tests.integration.messaging.conftest import Probe
from tests.support.eventually import eventually
from tests.support.probe import COMPANY

OTHER = UUID(int=77)


async def publish(probe: Probe, outbox: Outbox, count: int, *, hold: float = 0) -> None:
    """Say `count` things in one transaction that stays open for a while."""
    async with probe.database.transaction([COMPANY]) as tx:
        await outbox.append(tx, [Outgoing(probe.event(), COMPANY, lane=Lane.REAL_TIME) for _ in range(count)])
        await asyncio.sleep(hold)


async def test_writers_that_commit_out_of_order_lose_nothing(
    probe: Probe, relay: tuple[Relay, Outbox]
) -> None:
    """An early id that commits late is not skipped."""
    await probe.start()
    _, outbox = relay
    await asyncio.gather(*(publish(probe, outbox, 3, hold=(n % 5) * 0.2) for n in range(20)))

    await probe.has(*await probe.published())


async def test_a_cursor_on_the_id_alone_would_lose_some(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without the snapshot's guard the late ones are skipped."""
    monkeypatch.setattr(
        relaying,
        "_NEXT",
        "SELECT c.lane, c.xid::text AS from_xid, c.id AS from_id, true AS settled, o.xid::text AS xid, o.id, o.topic,"
        " o.partition, o.key, o.headers, o.body FROM relay_cursor c JOIN outbox o ON o.lane = c.lane AND o.id > c.id"
        " ORDER BY o.id LIMIT $1",
    )
    relay, outbox = Relay(probe.settings, probe.database), Outbox(SystemClock())
    slow = asyncio.ensure_future(publish(probe, outbox, 1, hold=0.6))
    await asyncio.sleep(0.2)
    await publish(probe, outbox, 1)
    first, _ = await relay.step()
    await slow

    second, _ = await relay.step()
    await relay.close()

    assert (first, second) == (1, 0)


async def test_a_relay_that_dies_before_it_marks_says_it_again_with_the_same_id(probe: Probe) -> None:
    """Sent, not marked: the next relay sends it again, and it has its effect once."""
    await probe.start()
    relay, outbox = Relay(probe.settings, probe.database), Outbox(SystemClock())
    await publish(probe, outbox, 5)
    await relay.step()
    await probe.owner.execute("UPDATE mapper.relay_cursor SET xid = '0', id = 0")
    again, _ = await relay.step()
    await relay.close()

    assert again == 5

    await probe.has(*await probe.published())
    with pytest.raises(AssertionError):
        await probe.has(*await probe.published(), OTHER, within=1)


async def test_two_relays_and_only_one_leads(probe: Probe, relay: tuple[Relay, Outbox]) -> None:
    """The second takes over when the first one's connection is cut."""
    first, outbox = relay
    second = Relay(probe.settings, probe.database)
    task = asyncio.ensure_future(second.run())
    try:
        await eventually(lambda: _one_leads(first, second))
        await probe.owner.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mapper-relay'"
        )
        await probe.start()
        await publish(probe, outbox, 3)
        await probe.has(*await probe.published())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _one_leads(first: Relay, second: Relay) -> bool:
    return first.leading is not second.leading


async def _is_sent(
    probe: Probe,
    monkeypatch: pytest.MonkeyPatch,
    writer: Database,
    *,
    poll_seconds: float = 3600,
    within: float = 20,
) -> bool:
    """Whether what is committed over `writer` while the relay rests is heard in time."""
    monkeypatch.setattr(relaying, "POLL_SECONDS", poll_seconds)
    outbox = Outbox(SystemClock())
    await probe.start()
    await publish(probe, outbox, 1)
    task = asyncio.ensure_future(Relay(probe.settings, probe.database).run())
    try:
        await probe.has(*await probe.published())  # found by its first look; now it rests
        async with writer.transaction([COMPANY]) as tx:
            await outbox.append(tx, [Outgoing(probe.event(), COMPANY)])
        both = await probe.published()
        with suppress(AssertionError):
            await probe.has(*both, within=within)
        return sorted(both) == sorted(await probe.effects())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture
async def copy(addresses: Callable[[str], str]) -> AsyncIterator[Database]:
    """The pool of another copy of the service, whose relay does not lead."""
    opened = await open_database(DatabaseSettings(dsn=SecretStr(addresses("mapper"))), "mapper")
    yield opened
    await opened.close()


def _without_notify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saying, "_APPEND", saying._APPEND.replace("pg_notify($3, '')", "$3::text"))


async def test_a_commit_wakes_the_relay_of_its_own_process_without_notify(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither NOTIFY nor polling is needed."""
    _without_notify(monkeypatch)
    assert await _is_sent(probe, monkeypatch, probe.database)


async def test_the_process_whose_relay_leads_notifies_nobody(
    probe: Probe, relay: tuple[Relay, Outbox], copy: Database
) -> None:
    """Another copy does."""
    leading, outbox = relay
    consumed: list[str] = []

    def consume(*given: Any) -> None:
        consumed.append(given[2])

    async def leads() -> bool:
        return leading.leading

    async def notified() -> bool:
        await probe.owner.execute("SELECT 1")
        return bool(consumed)

    await probe.owner.add_listener("outbox_mapper", consume)
    await eventually(leads)
    await publish(probe, outbox, 1)
    await probe.owner.execute("SELECT 1")
    assert consumed == []
    async with copy.transaction([COMPANY]) as tx:
        await outbox.append(tx, [Outgoing(probe.event(), COMPANY)])
    await eventually(notified)  # one that a commit of the leader had sent would have come before
    assert consumed == ["outbox_mapper"]
    await probe.owner.remove_listener("outbox_mapper", consume)


async def test_a_commit_of_another_copy_wakes_it_by_notify(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, copy: Database
) -> None:
    """Without polling."""
    assert await _is_sent(probe, monkeypatch, copy)


async def test_without_notify_a_relay_that_never_polls_sleeps_through_another_copys_commit(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, copy: Database
) -> None:
    """The negative control."""
    _without_notify(monkeypatch)
    assert not await _is_sent(probe, monkeypatch, copy, within=2)


async def test_without_notify_polling_alone_carries_it(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, copy: Database
) -> None:
    """As often as it does in earnest."""
    _without_notify(monkeypatch)
    assert await _is_sent(probe, monkeypatch, copy, poll_seconds=relaying.POLL_SECONDS)


async def test_only_the_cursor_is_committed_without_waiting_for_the_disk(probe: Probe) -> None:
    """The setting lasts for that one transaction; nothing else of the relay, nothing of the service has it."""
    relay, outbox = Relay(probe.settings, probe.database), Outbox(SystemClock())
    connection = await relay._connected()
    async with connection.transaction():
        await connection.execute(relaying._MOVE, 0, "0", 0, "0", 0)
        assert await connection.fetchval("SHOW synchronous_commit") == "off"
    await publish(probe, outbox, 1)
    assert await relay.step() == (1, False)
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    async with probe.database.transaction([COMPANY]) as tx:
        assert await tx.fetchval("SHOW synchronous_commit") == "on"
    await relay.close()


async def test_a_message_over_the_brokers_limit_cannot_exist(probe: Probe) -> None:
    """The outbox refuses it; nothing of the transaction stays."""
    body = probe.event("x" * 900_000)
    with pytest.raises(asyncpg.CheckViolationError):
        async with probe.database.transaction([COMPANY]) as tx:
            await Outbox(SystemClock()).append(tx, [Outgoing(body, COMPANY)])
    assert await probe.published() == []


def _day(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y%m%d}"


async def _parts(probe: Probe, table: str) -> set[str]:
    rows = await probe.owner.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::text::regclass",
        f"mapper.{table}",
    )
    return {row["name"].removeprefix(f"mapper.{table}_") for row in rows}


async def test_rows_that_came_before_their_days_partition_are_moved_into_it(probe: Probe) -> None:
    """Nobody kept the partitions for a while: what was written meanwhile must not stop the relay for good."""
    await probe.owner.execute(f"DROP TABLE mapper.outbox_{_day(0)}; DROP TABLE mapper.inbox_{_day(0)}")
    outbox, relay = Outbox(SystemClock()), Relay(probe.settings, probe.database)
    await publish(probe, outbox, 3)
    assert await probe.owner.fetchval("SELECT count(*) FROM mapper.outbox_other") == 3

    await relay._keep_partitions()

    assert await probe.owner.fetchval("SELECT count(*) FROM mapper.outbox_other") == 0
    assert _day(0) in await _parts(probe, "outbox") & await _parts(probe, "inbox")
    await publish(probe, outbox, 2)
    assert await relay.step() == (5, False)
    await relay.close()
    tables = await probe.owner.fetch(
        "SELECT relrowsecurity FROM pg_class WHERE relkind = 'r' AND relname ~ '^(out|in)box_2'"
    )
    assert all(row["relrowsecurity"] for row in tables)


async def test_nothing_that_is_not_relayed_yet_is_dropped_however_old(probe: Probe) -> None:
    """A broker that is away for longer than the outbox keeps; what was relayed goes after its days."""
    old = _day(-20)
    await probe.owner.execute(
        f"CREATE TABLE mapper.outbox_{old} PARTITION OF mapper.outbox FOR VALUES FROM ('{old}') TO ('{_day(-19)}')"
    )
    relay, outbox = Relay(probe.settings, probe.database), Outbox(SystemClock())
    await publish(probe, outbox, 2)
    await probe.owner.execute("UPDATE mapper.outbox SET event_time = event_time - interval '20 days'")

    await relay._keep_partitions()
    assert old in await _parts(probe, "outbox")

    assert await relay.step() == (2, False)
    await relay._keep_partitions()
    await relay.close()
    assert old not in await _parts(probe, "outbox")


async def test_the_alarm_names_who_holds_the_relay_up(probe: Probe, addresses: Callable[[str], str]) -> None:
    """A writing transaction of another role, left open."""
    other = await asyncpg.connect(addresses("importer"))
    try:
        async with other.transaction():
            await other.execute("SELECT pg_current_xact_id()")
            pid = await other.fetchval("SELECT pg_backend_pid()")

            async def named() -> bool:
                async with probe.database.system() as tx:
                    return bool(await tx.fetchval(relaying._BLOCKER) == pid)

            await eventually(named)
    finally:
        await other.close()


async def test_somebody_who_reads_the_outbox_for_long_stops_neither_relay_nor_writers(
    probe: Probe, addresses: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump, while a day's partition is to be dropped: it is dropped once the reader has ended."""
    monkeypatch.setattr(relaying, "PARTITIONS_AGAIN_SECONDS", 0.5)
    await probe.owner.execute(
        "CREATE TABLE mapper.outbox_20200101 PARTITION OF mapper.outbox FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')"
    )
    await probe.start()
    reader = await asyncpg.connect(addresses("owner"))
    await reader.execute("BEGIN; SELECT count(*) FROM mapper.outbox")
    task = asyncio.ensure_future(Relay(probe.settings, probe.database).run())

    async def is_dropped() -> bool:
        return await probe.owner.fetchval("SELECT to_regclass('mapper.outbox_20200101')") is None

    try:
        await publish(probe, Outbox(SystemClock()), 3)
        await probe.has(*await probe.published())
        assert not await is_dropped()
        await reader.execute("COMMIT")
        await eventually(is_dropped)
    finally:
        await reader.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
