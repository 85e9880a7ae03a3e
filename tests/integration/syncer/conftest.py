"""A small world to tell facts, links and commands in, on a database of its own, with a destination that answers at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson
import pytest_asyncio
from pydantic import SecretStr

from services.syncer.handlers import Handlers
from services.syncer.settings import Settings
from services.syncer.worker import Sender
from shared.clock import SystemClock
from shared.connectors.ports import PreparedCall, Write, Written
from shared.contracts.commands import SyncRecords
from shared.contracts.events import (
    DirectoryMatched,
    EmployeeStaged,
    Message,
    RecordLinked,
    RecordUnmatched,
)
from shared.contracts.records import Account, Cause, Employee, Lane, Remote, System, record_id
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.errors import Unavailable
from shared.messaging.outbox import Outbox
from shared.settings import DatabaseSettings, KafkaSettings, VaultSettings
from tests.support.companies import COMPANY, DESTINATION, NAMESPACE, SOURCE, document


class Destination:
    """A system that takes two writes a call and remembers them; `before_send` happens while a call is on its way."""

    batch_size = 2
    parallel_calls = 4
    settled_after_seconds = 120.0
    keys_hold_seconds = 3600.0

    def __init__(self) -> None:
        self.people: dict[str, Remote] = {}
        self.calls: list[PreparedCall] = []
        self.before_send: Callable[[], Any] | None = None
        self.fails_on: str | None = None
        """A name that no call with it survives: the system answers with an error of its own."""
        self.loses = False
        """It does what it is asked once a call, and answers with an error all the same."""
        self.made: set[str] = set()
        self.looked_for: list[object] = []
        self.hides: list[BaseException] = []
        """What its next look-ups end in."""

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote]:
        return {i: self.people[i] for i in remote_ids if i in self.people}

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        told = [{"id": w.current.remote_id if w.current else None, "values": dict(w.fields)} for w in writes]
        return PreparedCall(
            key, "POST", "/people", orjson.dumps(told).decode(), {}, [w.item_id for w in writes]
        )

    async def send(self, call: PreparedCall) -> Sequence[Written]:
        self.calls.append(call)
        if self.before_send:
            await self.before_send()
        if self.fails_on and self.fails_on in call.body:
            raise Unavailable("destination: 500", outcome_unknown=True)
        if self.loses and call.key in self.made:
            raise Unavailable("destination: 500", outcome_unknown=True)
        self.made.add(call.key)
        written = []
        for member, told in zip(call.members, orjson.loads(call.body), strict=True):
            remote_id = told["id"] or str(len(self.people) + 1)
            old = self.people[remote_id] if told["id"] else None
            known = old.employee if old else Employee(active=True)
            employee = known.overlaid(Employee(**told["values"]))
            version = str(int(old.version or 0) + 1 if old else 1)
            self.people[remote_id] = Remote(
                remote_id=remote_id, version=version, updated_at=None, employee=employee, payload="{}"
            )
            written.append(Written(member, self.people[remote_id]))
        if self.loses:
            raise Unavailable("destination: 500", outcome_unknown=True)
        return written

    async def find_created(self, write: Write) -> Remote | None:
        number = write.fields.get("number")
        self.looked_for.append(number)
        if self.hides:
            raise self.hides.pop(0)
        return next((p for p in self.people.values() if p.employee.number == number), None)

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class Connectors:
    """Gives out the one destination."""

    destination: Destination

    async def get(self, account: Account, company: UUID) -> Destination:
        return self.destination


@dataclass
class World:
    """Tells messages to the real handlers, lets the real sender work, and reads what was said."""

    database: Database
    handlers: Handlers
    sender: Sender
    destination: Destination
    number: int = 0
    told: dict[str, Employee] = field(default_factory=dict)

    def id(self, remote: str) -> UUID:
        return record_id(SOURCE, remote)

    def message(self, body: Any, company: UUID = COMPANY, lane: Lane = Lane.BULK) -> Message[Any]:
        """A new one."""
        self.number += 1
        key, run = uuid5(NAMESPACE, str(self.number)), getattr(body, "run_id", None)
        return Message(key, datetime.now(UTC), company, lane, body, run, actor="ann")

    async def batch(
        self, handler: Callable[..., Any], messages: Sequence[Message[Any]], database: Database | None = None
    ) -> None:
        """One batch, in one transaction."""
        async with (database or self.database).transaction(m.company_id for m in messages) as tx:
            await handler(messages, tx)

    async def _tell(self, handler: Callable[..., Any], *bodies: Any, lane: Lane = Lane.BULK) -> None:
        await self.batch(handler, [self.message(body, lane=lane) for body in bodies])

    async def set(self, version: int, *, connected: bool = True) -> None:
        """The company's settings; QuickBooks may be disconnected."""
        off = None if connected else System.QUICKBOOKS
        await self._tell(self.handlers.on_settings, document(version, disconnected=off))

    async def start(self) -> None:
        """A company from Linarc to QuickBooks whose destination has been read."""
        await self.set(1)
        as_of = datetime.now(UTC)
        for lane in Lane:
            mark = DirectoryMatched(account_id=DESTINATION, as_of=as_of, part=0, parts=1)
            await self._tell(self.handlers.on_links, mark, lane=lane)

    async def staged(self, *remotes: str, rev: int = 1, **values: Any) -> None:
        """People of the source, as an import found them."""
        at = datetime.now(UTC) + timedelta(seconds=rev)
        bodies = []
        for remote in remotes:
            self.told[remote] = Employee(
                **{"first_name": "Ana", "last_name": f"Li{remote}", "active": True} | values
            )
            bodies.append(
                EmployeeStaged(
                    record_id=self.id(remote),
                    account_id=SOURCE,
                    remote_id=remote,
                    rev=rev,
                    employee=self.told[remote],
                    remote_version=None,
                    read_at=at,
                    cause=Cause.IMPORT,
                )
            )
        await self._tell(self.handlers.on_employees, *bodies)

    async def unmatched(
        self, *remotes: str, rev: int = 1, link_rev: int = 1, asked_at: datetime | None = None
    ) -> None:
        """mapper finds nobody for them."""
        bodies = [
            RecordUnmatched(
                record_id=self.id(remote),
                account_id=SOURCE,
                destination_account_id=DESTINATION,
                link_rev=link_rev,
                source_rev=rev,
                asked_at=asked_at,
            )
            for remote in remotes
        ]
        await self._tell(self.handlers.on_links, *bodies)

    async def linked(self, remote: str, there: str, *, rev: int = 1, link_rev: int = 2) -> None:
        """mapper has linked them."""
        body = RecordLinked(
            record_id=self.id(remote),
            account_id=SOURCE,
            destination_account_id=DESTINATION,
            link_rev=link_rev,
            source_rev=rev,
            destination_record_id=record_id(DESTINATION, there),
            destination_remote_id=there,
            origin="created",
        )
        await self._tell(self.handlers.on_links, body)

    async def echo(self, there: str, rev: int = 1) -> None:
        """importer stages what the destination holds."""
        remote = self.destination.people[there]
        body = EmployeeStaged(
            record_id=record_id(DESTINATION, there),
            account_id=DESTINATION,
            remote_id=there,
            rev=rev,
            employee=remote.employee,
            remote_version=remote.version,
            read_at=datetime.now(UTC) + timedelta(seconds=1),
            cause=Cause.PUSH,
        )
        await self._tell(self.handlers.on_employees, body)

    async def sync(self, *remotes: str, name: str = "run", lane: Lane = Lane.BULK) -> None:
        """A person pushes them, as they stand."""
        rows = {row["record_id"]: row for row in await self.rows("SELECT record_id, status FROM subjects")}
        revs = {row["record_id"]: row["rev"] for row in await self.rows("SELECT record_id, rev FROM facts")}
        records = [
            {"record_id": i, "source_rev": revs[i], "status": rows[i]["status"]}
            for i in map(self.id, remotes)
        ]
        body = SyncRecords.model_validate(
            {
                "run_id": uuid5(NAMESPACE, name),
                "records": records,
                "part": 1,
                "parts": 1,
                "total": len(records),
            }
        )
        await self._tell(self.handlers.on_commands, body, lane=lane)

    async def later(self) -> None:
        """As if five minutes had passed since a call was given up."""
        await self.rows("UPDATE calls SET sent_at = sent_at - interval '5 minutes' WHERE state = 'given_up'")

    async def due(self) -> None:
        """As if what waits to be tried again had waited long enough."""
        await self.rows("UPDATE calls SET due_at = now() WHERE state = 'unknown'")
        await self.rows("UPDATE items SET due_at = now() WHERE state = 'planned'")

    async def send(self) -> None:
        """Until nothing is due."""
        while await self.sender.step():
            pass

    async def rows(self, sql: str) -> list[Any]:
        async with self.database.transaction([COMPANY]) as tx:
            return await tx.fetch(sql)

    async def said(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of one type, in order."""
        rows = await self.rows("SELECT headers, body FROM outbox ORDER BY id")
        return [orjson.loads(r["body"]) for r in rows if orjson.loads(r["headers"])["ce_type"] == kind]

    async def statuses(self) -> dict[UUID, tuple[str, str]]:
        rows = await self.rows("SELECT record_id, status, reason FROM subjects")
        return {row["record_id"]: (row["status"], row["reason"]) for row in rows}


@pytest_asyncio.fixture
async def world(addresses: Callable[[str], str]) -> AsyncIterator[World]:
    dsn = SecretStr(addresses("syncer"))
    database = await open_database(DatabaseSettings(dsn=dsn), "syncer")
    settings = Settings(
        database=DatabaseSettings(dsn=dsn),
        kafka=KafkaSettings(bootstrap="none"),
        vault=VaultSettings(),
        internal_token=SecretStr("t"),
    )
    clock, destination = SystemClock(), Destination()
    outbox = Outbox(clock)
    sender = Sender(database, outbox, Connectors(destination), clock, settings)
    world = World(database, Handlers(outbox, clock, settings), sender, destination)
    await world.start()
    yield world
    await database.close()
