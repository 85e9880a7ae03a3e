"""A small world: the real handlers, reader and stager on a database of their own, and two systems that serve pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import orjson
import pytest_asyncio
from pydantic import SecretStr

from services.importer.handlers import make_on_commands, make_on_notifications, make_on_pushes, on_settings
from services.importer.settings import Settings
from services.importer.store.tasks import READS, Claimed
from services.importer.worker import Reader
from shared.clock import SystemClock
from shared.connectors.ports import Browsed, Page, RawRecord
from shared.contracts.commands import ImportEmployees
from shared.contracts.events import (
    Body,
    DirectoryWanted,
    Message,
    PushSucceeded,
    Reported,
    SourceChanged,
)
from shared.db.handover import Handover
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.domain.employee import Employee, Remote, Unread
from shared.domain.ids import record_id
from shared.domain.settings import Account
from shared.domain.values import Lane
from shared.errors import Rejected, Unavailable
from shared.messaging.outbox import LANES, Outbox
from shared.settings import DatabaseSettings, KafkaSettings, VaultSettings
from tests.support.companies import COMPANY, DESTINATION, NAMESPACE, SOURCE, document

PARTITIONS = 3


@dataclass
class Person:
    """Somebody in a directory; one who is `broken` comes, but cannot be read."""

    values: Mapping[str, Any]
    version: str | None
    moved_at: datetime
    broken: bool = False


class Directory:
    """A system that serves its people in pages of two, by their ids, and remembers what it was asked."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.gone: list[str] = []
        """Whom the next page says to be gone."""
        self.versions = True
        self.pages: list[tuple[str | None, datetime | None]] = []
        self.named: list[Sequence[str]] = []
        self.refuses: set[str] = set()
        """Whom nobody may ask for by name."""
        self.down = False
        """It answers nothing."""
        self.before_named: Callable[[], Awaitable[None]] | None = None
        self.before_answer: Callable[[str | None, datetime | None], Awaitable[None]] | None = None
        """Happens while a page is on its way: what it will say is fixed. What this raises, the reader meets."""

    def put(self, *remotes: str, broken: bool = False, **values: Any) -> None:
        """People come or move."""
        for remote in remotes:
            old = self.people.get(remote)
            known = old.values if old else {"first_name": "Ana", "last_name": f"Li{remote}", "active": True}
            version = str(int(old.version or 0) + 1 if old else 1) if self.versions else None
            self.people[remote] = Person({**known, **values}, version, datetime.now(UTC), broken)

    def age(self, *remotes: str, minutes: float) -> None:
        """These moved so long ago."""
        for remote in remotes:
            person = self.people[remote]
            self.people[remote] = replace(person, moved_at=person.moved_at - timedelta(minutes=minutes))

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        requested_at = datetime.now(UTC)
        self.pages.append((cursor, since))
        if self.down:
            raise Unavailable("down")
        moved = sorted(i for i, p in self.people.items() if since is None or p.moved_at >= since)
        rest = [i for i in moved if cursor is None or i > cursor]
        records, gone = [self._raw(i) for i in rest[:2]], self.gone
        if self.before_answer:
            await self.before_answer(cursor, since)
        self.gone = []
        after = rest[1] if len(rest) > 2 else None
        return Page(records, after, requested_at, datetime.now(UTC), requested_at, gone)

    async def browse(self, text: str, cursor: str | None, limit: int) -> Browsed:
        now = datetime.now(UTC)
        if self.before_answer:
            await self.before_answer(cursor, None)
        found = [i for i, p in sorted(self.people.items()) if text in str(p.values)]
        rest = [i for i in found if cursor is None or i > cursor]
        after = rest[limit - 1] if len(rest) > limit else None
        return Browsed([self._raw(i) for i in rest[:limit]], after, len(found), now, datetime.now(UTC))

    def _raw(self, remote: str) -> RawRecord:
        person = self.people[remote]
        received = [dict(person.values), person.version, person.moved_at, person.broken]
        payload = orjson.dumps(received)
        return RawRecord(remote, payload, blake2b(payload, digest_size=16).digest())

    def parse(self, raw: RawRecord) -> Remote | Unread:
        values, version, moved_at, broken = orjson.loads(raw.payload)
        if broken:
            return Unread(raw.remote_id, "unreadable", "hire_date")
        return Remote(
            remote_id=raw.remote_id,
            version=version,
            updated_at=moved_at if self.versions else None,
            employee=Employee(**values),
            payload=raw.payload.decode(),
        )

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | Unread]:
        self.named.append(remote_ids)
        if self.before_named:
            await self.before_named()
        if self.down:
            raise Unavailable("down")
        if not self.refuses.isdisjoint(remote_ids):
            raise Rejected("not_permitted")
        return {i: self.parse(self._raw(i)) for i in remote_ids if i in self.people}


@dataclass(frozen=True)
class Connectors:
    """Gives out the two directories."""

    directories: Mapping[UUID, Directory]

    async def get(self, account: Account, company: UUID) -> Directory:
        return self.directories[account.account_id]


class Published(NamedTuple):
    """One row of the outbox."""

    kind: str
    body: dict[str, Any]
    headers: dict[str, Any]
    lane: Lane
    topic: str
    partition: int | None


@dataclass
class World:
    """Gives messages to the real handlers, lets the real reader work, and reads what was staged and published."""

    database: Database
    outbox: Outbox
    settings: Settings
    connectors: Connectors
    reader: Reader
    handover: Handover[Claimed]
    number: int = 0
    version: int = 0
    received: int = 0

    @property
    def source(self) -> Directory:
        return self.connectors.directories[SOURCE]

    @property
    def destination(self) -> Directory:
        return self.connectors.directories[DESTINATION]

    def another_reader(self) -> Reader:
        """A second worker on the same tasks."""
        return Reader(
            self.database, self.outbox, self.connectors, SystemClock(), self.settings, self.handover
        )

    async def tell(self, *bodies: Body, lane: Lane = Lane.REAL_TIME, ago: timedelta = timedelta()) -> None:
        """One batch to the handler of its topic."""
        messages = []
        for body in bodies:
            self.number += 1
            run = getattr(body, "run_id", None)
            key = uuid5(NAMESPACE, str(self.number))
            messages.append(Message(key, datetime.now(UTC) - ago, COMPANY, lane, body, run, actor="ann"))
        handlers: dict[str, Callable[..., Any]] = {
            "settings.v1": on_settings,
            "notifications.v1": make_on_notifications(self.handover),
            "importer.commands.v1": make_on_commands(self.outbox, SystemClock(), self.settings),
            "pushes.v1": make_on_pushes(self.outbox),
        }
        async with self.database.transaction([COMPANY]) as tx:
            await handlers[bodies[0].topic.name](messages, tx)

    async def configure(
        self, *, active: bool = True, connected: bool = True, routed: bool = True, **rules: Any
    ) -> None:
        """The company's next settings: a route from Linarc to QuickBooks; `connected` is Linarc."""
        self.version += 1
        off = None if connected else "linarc"
        await self.tell(document(self.version, disconnected=off, active=active, routed=routed, **rules))

    async def start(self, *remotes: str, **rules: bool) -> None:
        """A company whose two accounts have been read; these people stand in the source."""
        self.source.put(*remotes)
        await self.configure(**rules)
        await self.read()
        await self.news()

    async def destination_first(self) -> None:
        """The destination has been read; the source is next."""
        await self.rows(
            "UPDATE read_tasks SET due_at = now() - interval '1 s' WHERE account_id = $1", DESTINATION
        )
        await self.reader.step()

    async def destination_holds(self, *remotes: str) -> None:
        """People stand in the destination, and have been read."""
        self.destination.put(*remotes)
        await self.hook(*remotes, account=DESTINATION)
        await self.due()
        await self.read()

    async def wanted(self, account: UUID) -> None:
        """syncer wants a directory as it is now; the last read began long ago."""
        await self.rows("UPDATE directories SET began_at = began_at - interval '1 minute'")
        await self.tell(DirectoryWanted(account_id=account, not_before=datetime.now(UTC)))

    async def next_day(self) -> None:
        """As if every complete read had been done a day ago."""
        await self.rows("UPDATE directories SET next_full_at = now() - interval '1 s'")

    async def ask(
        self,
        mode: str,
        *remotes: str,
        name: str = "run",
        part: int = 1,
        parts: int = 1,
        ago: timedelta = timedelta(),
        account: UUID = SOURCE,
        gone_at_most: int = 0,
    ) -> UUID:
        """A person asks for an import; its run."""
        run = uuid5(NAMESPACE, name)
        body = {"run_id": run, "account_id": account, "mode": mode, "remote_ids": remotes}
        body["gone_at_most"] = gone_at_most
        await self.tell(ImportEmployees.model_validate({**body, "part": part, "parts": parts}), ago=ago)
        return run

    async def hook(self, *remotes: str, account: UUID = SOURCE, reported: Sequence[Reported] = ()) -> None:
        """A system tells that these moved."""
        await self.tell(SourceChanged.of(account, remotes, reported))

    async def read(self) -> None:
        """Until nothing is due."""
        while await self.reader.step():
            pass

    async def due(self) -> None:
        """As if what waits to be tried again had waited long enough."""
        await self.rows("UPDATE read_tasks SET due_at = now() WHERE done_at IS NULL")

    async def expire(self) -> None:
        """As if every lease had run out."""
        await self.rows("UPDATE read_tasks SET lease_until = now() - interval '1 s' WHERE done_at IS NULL")

    async def rows(self, sql: str, *args: object) -> list[Any]:
        async with self.database.transaction([COMPANY]) as tx:
            return await tx.fetch(sql, *args)

    async def open(self) -> list[tuple[UUID, str, str]]:
        """What is still to be read: account, kind, cause."""
        rows = await self.rows(
            "SELECT account_id, kind, cause FROM read_tasks WHERE done_at IS NULL ORDER BY due_at, account_id = $1",
            DESTINATION,
        )
        return [tuple(row) for row in rows]

    async def staged(self, account: UUID = SOURCE) -> dict[str, tuple[str, str | None]]:
        """By remote id: the state and the first name."""
        rows = await self.rows(
            "SELECT remote_id, state, employee->>'first_name' FROM snapshots WHERE account_id = $1 ORDER BY 1",
            account,
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    async def published(self) -> list[Published]:
        """Everything, in the order in which it is relayed."""
        rows = await self.rows("SELECT lane, topic, partition, headers, body FROM outbox ORDER BY xid, id")
        lanes = {number: lane for lane, number in LANES.items()}
        return [
            Published(
                (headers := orjson.loads(row["headers"]))["ce_type"],
                orjson.loads(row["body"]),
                headers,
                lanes[row["lane"]],
                row["topic"],
                row["partition"],
            )
            for row in rows
        ]

    async def news(self, *kinds: str) -> list[Published]:
        """What was published since this was asked last; of these kinds, if any are named."""
        published = await self.published()
        new, self.received = published[self.received :], len(published)
        return [one for one in new if not kinds or one.kind in kinds]


def people(published: Sequence[Published], kind: str) -> list[str]:
    """The remote ids that these events of one kind are about."""
    return [one.body["remote_id"] for one in published if one.kind == kind]


def pushed(remote: str, version: str = "1", *, action: str = "create", **values: Any) -> PushSucceeded:
    """The destination took a person of the same id."""
    at = datetime.now(UTC)
    return PushSucceeded(
        record_id=record_id(SOURCE, remote),
        push_id=uuid5(NAMESPACE, remote),
        action=action,
        destination_account_id=DESTINATION,
        destination_record_id=record_id(DESTINATION, remote),
        destination_remote_id=remote,
        remote_version=version,
        requested_at=at,
        answered_at=at + timedelta(milliseconds=1),
        employee=Employee(**{"first_name": "Ana"} | values),
        source_rev=1,
    )


@pytest_asyncio.fixture
async def world(addresses: Callable[[str], str]) -> AsyncIterator[World]:
    dsn = SecretStr(addresses("importer"))
    database = await open_database(DatabaseSettings(dsn=dsn), "importer")
    settings = Settings(
        database=DatabaseSettings(dsn=dsn),
        kafka=KafkaSettings(bootstrap="none", partitions=PARTITIONS),
        vault=VaultSettings(),
        internal_token=SecretStr("t"),
        import_attempts=3,
    )
    clock, connectors = SystemClock(), Connectors({SOURCE: Directory(), DESTINATION: Directory()})
    outbox = Outbox(clock)
    handover = Handover[Claimed](database.wakeups[READS])
    reader = Reader(database, outbox, connectors, clock, settings, handover)
    yield World(database, outbox, settings, connectors, reader, handover)
    await database.close()
