"""Two mapper processes on the real broker: the halves of pairs come to both at once, and batches hold many companies."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from shared.clock import SystemClock
from shared.contracts.events import Message
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.relay import Relay
from shared.settings import DatabaseSettings, KafkaSettings, ServiceSettings
from tests.integration.mapper.conftest import PARTITIONS, World
from tests.support.companies import NAMESPACE
from tests.support.eventually import eventually

ROOT = Path(__file__).resolve().parents[3]
READ = "directories WHERE complete_as_of IS NOT NULL"
MAPPER = "from services.mapper.app import main; from shared.http.app import run; run(main)"
SLOWLY = """
import asyncio
from shared.messaging.outbox import Outbox
append = Outbox.append
async def and_stay(self, tx, outgoing):
    await append(self, tx, outgoing)
    if any("source_rev" in type(said.body).model_fields for said in outgoing):
        await asyncio.sleep(0.05)
Outbox.append = and_stay
"""
"""A transaction with answers stays open for a moment, so that two of them meet for certain."""
UNLOCKED = (
    SLOWLY
    + """
import shared.db.tx
shared.db.tx.Database.locked = shared.db.tx.Database.transaction
"""
)


@asynccontextmanager
async def mappers(
    address: Callable[[str], str], kafka: KafkaSettings, before: str = ""
) -> AsyncIterator[None]:
    """Two copies of the service; `before` is what their copy of the code is changed by."""
    key = base64.b64encode(bytes(32)).decode()
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            before + MAPPER,
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
            env={
                **os.environ,
                "MUSTER_DATABASE__DSN": address("mapper"),
                "MUSTER_KAFKA__BOOTSTRAP": kafka.bootstrap,
                "MUSTER_KAFKA__PARTITIONS": str(kafka.partitions),
                "MUSTER_KAFKA__SESSION_TIMEOUT_MS": "6000",
                "MUSTER_KAFKA__HEARTBEAT_MS": "1000",
                "MUSTER_KAFKA__PREFIX": kafka.prefix,
                "MUSTER_INSTANCE": str(copy),
                "MUSTER_HTTP__PORT": "0",
                "MUSTER_OPERATIONS__PORT": "0",
                "MUSTER_INTERNAL_TOKEN": "x",
                "MUSTER_DEAD_LETTER_KEY": key,
            },
        )
        for copy in range(2)
    ]
    try:
        yield
    finally:
        for process in started:
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*(process.wait() for process in started))


@asynccontextmanager
async def owner_of(
    service: str, address: Callable[[str], str], kafka: KafkaSettings
) -> AsyncIterator[Database]:
    """gateway's or importer's part: says things through its own outbox, and its own relay carries them."""
    settings = ServiceSettings(database=DatabaseSettings(dsn=SecretStr(address(service))), kafka=kafka)
    database = await open_database(settings.database, service)
    relaying = asyncio.ensure_future(Relay(settings, database).run())
    try:
        yield database
    finally:
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
        await database.close()


async def publish(database: Database, messages: Sequence[Message[Any]]) -> None:
    """In this order, all at once."""
    async with database.transaction(m.company_id for m in messages) as tx:
        published = [Outgoing(m.body, m.company_id, lane=m.lane) for m in messages]
        await Outbox(SystemClock()).append(tx, published)


async def shared_by_two(kafka: KafkaSettings) -> bool:
    """Whether both copies hold partitions of the topic that counts here."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        (response,) = await admin.describe_consumer_groups([f"{kafka.prefix}mapper.real_time"])
    except KafkaError:  # nobody coordinates the group yet
        return False
    finally:
        await admin.close()
    ((_, _, state, _, _, members, *_),) = response.groups
    return bool(state == "Stable" and len(members) == 2)


def teller() -> World:
    """Only for the facts that it makes up."""
    nothing: Any = None
    return World(nothing, nothing, nothing)


def person(number: int) -> dict[str, str]:
    """Somebody who shares no key with anybody else, so that nobody else's arrival repairs a miss."""
    letters = "".join(chr(ord("a") + int(c, 16)) for c in uuid5(NAMESPACE, str(number)).hex)
    return {
        "number": f"N{number}", "email": f"p{number}@example.org", "first_name": letters[:12], "last_name": letters[12:24],
    }  # fmt: skip


async def pairs_linked(
    address: Callable[[str], str],
    kafka: KafkaSettings,
    companies: Sequence[UUID],
    pairs: int,
    before: str = "",
) -> tuple[int, int]:
    """Tell both halves of so many pairs a company at the same moment; how many were linked, and how many are right."""
    world, owner = teller(), await asyncpg.connect(address("owner"))
    async with (
        owner_of("gateway", address, kafka) as gateway,
        owner_of("importer", address, kafka) as importer,
        mappers(address, kafka, before),
    ):
        await eventually(lambda: shared_by_two(kafka), within=90)
        await publish(gateway, [world.document(c) for c in companies])
        for at in range(
            1, 10
        ):  # without the lock, the parts of a completion marker can miss each other too: then comes the next mark
            await publish(importer, [m for c in companies for m in world.markers("destination", at, c)])
            with suppress(AssertionError):
                await eventually(lambda: _count(owner, READ, len(companies)), within=15)
                break
        halves = [
            world.staged(side, f"{side[0]}{n}", company=c, **person(n))
            for n in range(pairs) for c in companies for side in ("source", "destination")
        ]  # fmt: skip
        for start in range(0, len(halves), 40):
            await publish(importer, halves[start : start + 40])
        received = len(halves) + PARTITIONS * len(companies) * at  # with the completion markers of this lane
        with suppress(AssertionError):  # without the lock they may also deadlock for ever
            await eventually(lambda: _received(owner, received), within=45)
            await eventually(lambda: _count(owner, "due", 0), within=45)
    rows = await owner.fetch("SELECT source_record_id, destination_record_id FROM mapper.links")
    await owner.close()
    true = {
        (world.id("source", f"s{n}", c), world.id("destination", f"d{n}", c))
        for n in range(pairs)
        for c in companies
    }
    found = {(row["source_record_id"], row["destination_record_id"]) for row in rows}
    return len(found), len(found & true)


async def _received(owner: asyncpg.Connection[Any], count: int) -> bool:
    """Whether so many events of the real-time lane were handled, or dead-lettered."""
    handled = await owner.fetchval("SELECT count(*) FROM mapper.inbox WHERE topic LIKE '%employees.v1'")
    return bool(handled + await owner.fetchval("SELECT count(*) FROM mapper.dead_letter") >= count)


async def _count(owner: asyncpg.Connection[Any], what: str, count: int) -> bool:
    return bool(await owner.fetchval(f"SELECT count(*) FROM mapper.{what}") == count)


COMPANIES = [UUID(int=n) for n in (1, 2)]


async def test_both_halves_of_every_pair_find_each_other(
    addresses: Callable[[str], str], kafka: KafkaSettings
) -> None:
    """Each process holds half of the partitions, and no later event comes to repair a miss."""
    assert await pairs_linked(addresses, kafka, COMPANIES, 120, SLOWLY) == (240, 240)


async def test_without_the_companys_lock_some_never_do(
    addresses: Callable[[str], str], kafka: KafkaSettings
) -> None:
    """The negative control: the same facts and the same time, and two processes whose copy of the code takes no lock.

    That the miss is for good, with both transactions committed, is shown in `test_mapper.py`.
    """
    linked, _ = await pairs_linked(addresses, kafka, COMPANIES, 120, UNLOCKED)
    assert linked < 240


async def test_forty_companies_in_the_same_batches(
    addresses: Callable[[str], str], kafka: KafkaSettings
) -> None:
    """Locks of many companies, taken in key order by both processes: all pairs, nobody else's, and no deadlock."""
    companies = [UUID(int=n) for n in range(100, 140)]
    assert await pairs_linked(addresses, kafka, companies, 3) == (120, 120)
    owner = await asyncpg.connect(addresses("owner"))
    assert await owner.fetchval("SELECT count(*) FROM mapper.dead_letter") == 0
    await owner.close()
