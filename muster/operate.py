"""What the operator's commands do on a running stack."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from muster.stack import StackError, running
from shared.db.migrate import SERVICES, migrate
from shared.db.pool import open_database
from shared.db.seal import Sealer, SealError
from shared.db.tx import Database
from shared.messaging import dead_letters
from shared.messaging.broker import create_topics, send_raw
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.outbox import rewind
from shared.settings import DatabaseSettings


@asynccontextmanager
async def _database(found: dict[str, Any], service: str) -> AsyncIterator[Database]:
    if service not in SERVICES:
        msg = f"There is no service {service}. It is one of {', '.join(SERVICES)}."
        raise StackError(msg)
    place = urlsplit(found["database"])
    dsn = f"postgresql://{service}:{found['secrets'][service]}@{place.hostname}:{place.port or 5432}{place.path}"
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
    return await migrate(dsn, passwords)


async def make_topics(bootstrap: str, partitions: int, replicas: int) -> list[str]:
    """Create the topics that do not exist yet."""
    return await create_topics(bootstrap, partitions=partitions, replication_factor=replicas)


async def replay(data: Path, service: str, since: datetime) -> None:
    """Let a service's relay start again from `since`."""
    async with _database(running(data), service) as database, database.system() as tx:
        await rewind(tx, since)


async def parked(data: Path, *, replayed: bool) -> list[tuple[str, DeadLetter]]:
    """The parked messages of all services."""
    found = running(data)
    letters: list[tuple[str, DeadLetter]] = []
    for service in SERVICES:
        async with _database(found, service) as database, database.system() as tx:
            letters += [(service, letter) for letter in await dead_letters.list_parked(tx, replayed=replayed)]
    return letters


async def one_parked(data: Path, service: str, topic: str, partition: int, offset: int) -> DeadLetter:
    """One parked message as it came. Raises `StackError` when there is none, or its key is not here."""
    found = running(data)
    keys = os.environ.get("MUSTER_DEAD_LETTER_KEY") or found["secrets"].get("dead_letter")
    if not keys:
        msg = "Parked messages are sealed. Give their key in the variable MUSTER_DEAD_LETTER_KEY."
        raise StackError(msg)
    try:
        async with _database(found, service) as database, database.system() as tx:
            letter = await dead_letters.show(tx, Sealer(keys.split(",")), topic, partition, offset)
    except (SealError, ValueError) as error:
        msg = f"This parked message cannot be opened: {error}. Give its key in the variable MUSTER_DEAD_LETTER_KEY."
        raise StackError(msg) from None
    if letter is None:
        msg = "There is no such parked message. See: muster dead-letters list"
        raise StackError(msg)
    return letter


async def replay_parked(data: Path, service: str, topic: str, partition: int, offset: int) -> None:
    """Put one parked message on its topic again and note it."""
    found = running(data)
    letter = await one_parked(data, service, topic, partition, offset)
    assert letter.raw is not None
    await send_raw(found["kafka"], letter.topic, letter.raw, partition=letter.partition)
    async with _database(found, service) as database, database.system() as tx:
        await dead_letters.mark_replayed(tx, topic, partition, offset)
