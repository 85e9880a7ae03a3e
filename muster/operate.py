"""What the operator's commands do: on a running stack, or on servers that are named, as in production."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from muster.errors import StackError, database_at, kafka_at, place_of
from muster.folder import running
from shared.db.migrate import SERVICES, migrate
from shared.db.pool import open_database
from shared.db.seal import Sealer, SealError
from shared.db.tx import Database
from shared.messaging import dead_letters
from shared.messaging.broker import create_topics, send_raw
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.outbox import rewind
from shared.settings import PREFIX, DatabaseSettings


@dataclass(frozen=True, slots=True)
class Servers:
    """The two servers to work on: a running stack's, or those that were named."""

    database: str
    """An address of the owner, or of one service."""
    kafka: str | None
    secrets: Mapping[str, str]
    """The stack's; none of servers that were named."""

    def services(self) -> Sequence[str]:
        """Whose tables this address opens."""
        user = urlsplit(self.database).username
        return (user,) if user in SERVICES else SERVICES

    def address(self, service: str) -> str:
        """Where to work on the tables of `service`. Raises `StackError` when this address does not open them."""
        if service not in SERVICES:
            msg = f"There is no service {service}. It is one of {', '.join(SERVICES)}."
            raise StackError(msg)
        place = urlsplit(self.database)
        if service in self.secrets:
            return f"postgresql://{service}:{self.secrets[service]}@{place.hostname}:{place.port or 5432}{place.path}"
        if service not in self.services():
            msg = f"The address is {place.username}'s, which cannot work on {service}. Give {service}'s own, or the owner's."
            raise StackError(msg)
        return self.database


def find_servers(data: Path, database: str | None, kafka: str | None) -> Servers:
    """The named servers, else the environment's, else those of the stack that runs in `data`. Raises `StackError`."""
    database = database or os.environ.get(f"{PREFIX}DATABASE__DSN")
    kafka = kafka or os.environ.get(f"{PREFIX}KAFKA__BOOTSTRAP")
    if database:
        place_of(database)
        return Servers(database, kafka, {})
    found = running(data)
    return Servers(found["database"], kafka or found["kafka"], found["secrets"])


@asynccontextmanager
async def _database(servers: Servers, service: str) -> AsyncIterator[Database]:
    dsn = servers.address(service)
    with database_at(dsn):
        database = await open_database(DatabaseSettings.model_validate({"dsn": dsn}), service)
        try:
            yield database
        finally:
            await database.close()


async def status(data: Path) -> dict[str, tuple[str, str]]:
    """Each service's address, and whether it says that it is ready."""
    found = running(data)
    states: dict[str, tuple[str, str]] = {}
    async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
        for name, url in found["urls"].items():
            path = "/admin/counts" if name.startswith("sandbox") else "/readyz"
            try:
                answer = await client.get(url + path)
                state = "ready" if answer.is_success else f"not ready: {answer.json().get('wrong', '')}"
            except httpx.HTTPError:
                state = "does not answer"
            states[name] = (url, state)
    return states


async def migrate_database(dsn: str) -> list[str]:
    """Bring a database up to date, with the roles' passwords from the environment."""
    passwords = {s: p for s in SERVICES if (p := os.environ.get(f"MUSTER_PASSWORD_{s.upper()}"))}
    with database_at(dsn):
        return await migrate(dsn, passwords)


async def make_topics(bootstrap: str, partitions: int, replicas: int) -> list[str]:
    """Create the topics that do not exist yet."""
    with kafka_at(bootstrap):
        return await create_topics(bootstrap, partitions=partitions, replication_factor=replicas)


async def replay(servers: Servers, service: str, since: datetime) -> None:
    """Let a service's relay start again from `since`."""
    async with _database(servers, service) as database, database.system() as tx:
        await rewind(tx, since)


async def parked(servers: Servers, *, replayed: bool) -> list[tuple[str, DeadLetter]]:
    """The parked messages of all services that the address opens."""
    letters: list[tuple[str, DeadLetter]] = []
    for service in servers.services():
        async with _database(servers, service) as database, database.system() as tx:
            letters += [(service, letter) for letter in await dead_letters.list_parked(tx, replayed=replayed)]
    return letters


async def one_parked(servers: Servers, service: str, topic: str, partition: int, offset: int) -> DeadLetter:
    """One parked message as it came. Raises `StackError` when there is none, or its key is not here."""
    keys = os.environ.get(f"{PREFIX}DEAD_LETTER_KEY") or servers.secrets.get("dead_letter")
    if not keys:
        msg = "Parked messages are sealed. Give their key in the variable MUSTER_DEAD_LETTER_KEY."
        raise StackError(msg)
    try:
        async with _database(servers, service) as database, database.system() as tx:
            letter = await dead_letters.show(tx, Sealer(keys.split(",")), topic, partition, offset)
    except (SealError, ValueError) as error:
        msg = f"This parked message cannot be opened: {error}. Give its key in the variable MUSTER_DEAD_LETTER_KEY."
        raise StackError(msg) from None
    if letter is None:
        msg = "There is no such parked message. See: muster dead-letters list"
        raise StackError(msg)
    return letter


async def replay_parked(servers: Servers, service: str, topic: str, partition: int, offset: int) -> None:
    """Put one parked message on its topic again and note it."""
    if servers.kafka is None:
        msg = "Where to send it? Name the broker with --kafka, or in the variable MUSTER_KAFKA__BOOTSTRAP."
        raise StackError(msg)
    letter = await one_parked(servers, service, topic, partition, offset)
    assert letter.raw is not None
    with kafka_at(servers.kafka):
        await send_raw(servers.kafka, letter.topic, letter.raw, partition=letter.partition)
    async with _database(servers, service) as database, database.system() as tx:
        await dead_letters.mark_replayed(tx, topic, partition, offset)
