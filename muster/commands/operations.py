"""What the operator's commands do: on a running stack, or on servers that are named, as in production."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from muster.data_dir import running
from muster.errors import StackError, database_at, kafka_at, place_of
from muster.kafka import named_client
from shared.clock import SystemClock
from shared.db.migrate import SERVICES, migrate
from shared.db.pool import RefusedError, knock, open_database
from shared.db.seal import Sealer, SealError
from shared.db.tx import Database
from shared.errors import Unavailable
from shared.messaging import dead_letters, pauses
from shared.messaging.authorise import apply_rules
from shared.messaging.broker import BrokerCheck, create_topics, send_raw
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.outbox import rewind
from shared.messaging.pauses import PausedTopic
from shared.settings import PREFIX, DatabaseSettings, KafkaSettings


@dataclass(frozen=True, slots=True)
class Servers:
    """The two servers to work on: a running stack's, or those that were named."""

    database: str
    """An address of the owner, or of one service."""
    kafka: KafkaSettings | None
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
    if database:
        place_of(database)
        return Servers(database, find_broker(kafka), {})
    found = running(data)
    return Servers(found["database"], find_broker(kafka, found), found["secrets"])


def find_broker(kafka: str | None, found: Mapping[str, Any] = MappingProxyType({})) -> KafkaSettings | None:
    """The named broker, else the environment's, else that of the running stack that was `found`."""
    if address := kafka or os.environ.get(f"{PREFIX}KAFKA__BOOTSTRAP"):
        return named_client(address)
    if not found:
        return None
    user = found["kafka_user"]
    if not user:
        return named_client(found["kafka"])
    password = SecretStr(found["secrets"][f"kafka_{user}"])
    return KafkaSettings(bootstrap=found["kafka"], username=user, password=password)


@asynccontextmanager
async def open_service(servers: Servers, service: str) -> AsyncIterator[Database]:
    """The pool of one service. Raises `StackError` when these servers do not open its tables."""
    dsn = servers.address(service)
    with database_at(dsn):
        database = await open_database(DatabaseSettings.model_validate({"dsn": dsn}), service)
        try:
            yield database
        finally:
            await database.close()


async def status(data: Path) -> dict[str, tuple[str, str]]:
    """The address of each server and service, and whether it is ready."""
    found = running(data)
    states = {
        "database": (place_of(found["database"]), _state(await _answers(found["database"]))),
        "broker": (found["kafka"], _state(await _broker_answers(found))),
    }
    async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
        for name, url in found["urls"].items():
            operations = found["operations"].get(name)
            address = f"{operations}/readyz" if operations else f"{url}/admin/counts"
            try:
                answer = await client.get(address)
                state = "ready" if answer.is_success else f"not ready: {_wrong(answer.json())}"
            except httpx.HTTPError:
                state = "does not answer"
            states[name] = (url, state)
    return states


def _state(answers: bool) -> str:
    return "ready" if answers else "does not answer"


def _wrong(readiness: Mapping[str, Any]) -> str:
    """What a service that is not ready says about it."""
    checks: Mapping[str, str] = readiness.get("checks", {})
    return "; ".join(f"{name} {state}" for name, state in checks.items() if state != "ok")


async def _answers(dsn: str) -> bool:
    try:
        await knock(dsn)
    except (Unavailable, RefusedError):
        return False
    return True


async def _broker_answers(found: Mapping[str, Any]) -> bool:
    kafka = find_broker(found["kafka"] if not found["kafka_user"] else None, found)
    assert kafka is not None
    check = BrokerCheck(kafka, "muster")
    try:
        return await check.answers()
    finally:
        await check.close()


async def migrate_database(dsn: str) -> list[str]:
    """Bring a database up to date, with the roles' passwords from the environment."""
    passwords = {s: p for s in SERVICES if (p := os.environ.get(f"MUSTER_PASSWORD_{s.upper()}"))}
    with database_at(dsn):
        return await migrate(dsn, passwords)


async def make_topics(kafka: KafkaSettings, replicas: int) -> tuple[list[str], int]:
    """Create the topics that do not exist yet, and make the access rules those of the code; how many rules moved."""
    with kafka_at(kafka.bootstrap):
        made = await create_topics(kafka, replicas)
        added, removed = await apply_rules(kafka) if kafka.username else (0, 0)
    return made, added + removed


async def create_administrator(servers: Servers, email: str, name: str, password: str) -> None:
    """Create an installation administrator, or make somebody one. Raises `StackError` for what cannot be one."""
    from services.gateway.api.common import PASSWORD_LEAST  # noqa: PLC0415
    from services.gateway.store import users  # noqa: PLC0415

    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        msg = f"{email} is not an e-mail address."
        raise StackError(msg)
    if len(password) < PASSWORD_LEAST:
        msg = f"Use at least {PASSWORD_LEAST} characters for the password."
        raise StackError(msg)
    async with open_service(servers, "gateway") as database:
        await users.create_administrator(database, email, name, password, SystemClock())


async def replay(servers: Servers, service: str, since: datetime) -> None:
    """Let a service's relay start again from `since`."""
    async with open_service(servers, service) as database, database.system() as tx:
        await rewind(tx, since)


async def list_dead_letters(servers: Servers, *, replayed: bool) -> list[tuple[str, DeadLetter]]:
    """The dead letters of all services that the address opens."""
    entries: list[tuple[str, DeadLetter]] = []
    for service in servers.services():
        async with open_service(servers, service) as database, database.system() as tx:
            entries += [
                (service, dead_letter)
                for dead_letter in await dead_letters.list_dead_letters(tx, replayed=replayed)
            ]
    return entries


async def one_dead_letter(
    servers: Servers, service: str, topic: str, partition: int, offset: int
) -> DeadLetter:
    """One dead letter as it came. Raises `StackError` when there is none, or its key is not here."""
    keys = os.environ.get(f"{PREFIX}DEAD_LETTER_KEY") or servers.secrets.get("dead_letter")
    if not keys:
        msg = "Dead letters are sealed. Give their key in the variable MUSTER_DEAD_LETTER_KEY."
        raise StackError(msg)
    try:
        async with open_service(servers, service) as database, database.system() as tx:
            dead_letter = await dead_letters.show(tx, Sealer(keys.split(",")), topic, partition, offset)
    except (SealError, ValueError) as error:
        msg = f"This dead letter cannot be opened: {error}. Give its key in the variable MUSTER_DEAD_LETTER_KEY."
        raise StackError(msg) from None
    if dead_letter is None:
        msg = "There is no such dead letter. See: muster dead-letters list"
        raise StackError(msg)
    return dead_letter


async def replay_dead_letter(servers: Servers, service: str, topic: str, partition: int, offset: int) -> None:
    """Put one dead letter on its topic again and note it."""
    if topic.startswith("webhooks."):
        msg = "This is a delivery that could not be read, not a message. A sweep finds what it was about."
        raise StackError(msg)
    if servers.kafka is None:
        msg = "Where to send it? Name the broker with --kafka, or in the variable MUSTER_KAFKA__BOOTSTRAP."
        raise StackError(msg)
    dead_letter = await one_dead_letter(servers, service, topic, partition, offset)
    assert dead_letter.raw is not None
    with kafka_at(servers.kafka.bootstrap):
        await send_raw(servers.kafka, dead_letter.topic, dead_letter.raw, partition=dead_letter.partition)
    async with open_service(servers, service) as database, database.system() as tx:
        await dead_letters.mark_replayed(tx, topic, partition, offset)


async def paused_topics(servers: Servers) -> list[tuple[str, PausedTopic]]:
    """The topics that the services which the address opens have paused."""
    found: list[tuple[str, PausedTopic]] = []
    for service in servers.services():
        async with open_service(servers, service) as database, database.system() as tx:
            found += [(service, topic) for topic in await pauses.list_paused(tx)]
    return found


async def resume_topic(servers: Servers, service: str, topic: str) -> None:
    """Let a service go on with a topic that it paused. Raises `StackError` when it did not."""
    async with open_service(servers, service) as database, database.system() as tx:
        if not await pauses.resume(tx, topic):
            msg = f"{service} has not paused {topic}. See: muster topics paused"
            raise StackError(msg)
