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

from services.syncer.deciding.handover import Claimed
from services.syncer.handlers import Handlers
from services.syncer.settings import Settings
from services.syncer.store.push_queue import PUSHES
from services.syncer.worker import Sender
from shared.clock import SystemClock
from shared.connectors.ports import NamesPage, PreparedCall, Write, Written
from shared.contracts.commands import CreatePlan, SyncRecords
from shared.contracts.events import (
    DirectoryMatched,
    EmployeeStaged,
    Message,
    RecordExcluded,
    RecordLinked,
    RecordUnmatched,
)
from shared.db.handover import Handover
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.domain.employee import Employee, Remote
from shared.domain.ids import record_id
from shared.domain.plans import SafetyLimits
from shared.domain.settings import Account
from shared.domain.values import Cause, Holder, Lane
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
        self.drops: set[str] = set()
        """The fields whose values it does not take, and answers without."""
        self.made: set[str] = set()
        self.looked_for: list[object] = []
        self.hides: list[BaseException] = []
        """What its next look-ups end in."""

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote]:
        return {i: self.people[i] for i in remote_ids if i in self.people}

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        received = [
            {"id": w.current.remote_id if w.current else None, "values": dict(w.fields)} for w in writes
        ]
        return PreparedCall(
            key, "POST", "/people", orjson.dumps(received).decode(), {}, [w.push_id for w in writes]
        )

    async def send(self, call: PreparedCall, *, again: bool = False) -> Sequence[Written]:
        self.calls.append(call)
        if self.before_send:
            await self.before_send()
        if self.fails_on and self.fails_on in call.body:
            raise Unavailable("destination: 500", outcome_unknown=True)
        if self.loses and call.key in self.made:
            raise Unavailable("destination: 500", outcome_unknown=True)
        self.made.add(call.key)
        written = []
        for member, received in zip(call.members, orjson.loads(call.body), strict=True):
            remote_id = received["id"] or str(len(self.people) + 1)
            old = self.people[remote_id] if received["id"] else None
            known = old.employee if old else Employee(active=True)
            taken = {name: v for name, v in received["values"].items() if name not in self.drops}
            employee = known.overlaid(Employee(**taken))
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

    async def read_names(self, kind: str, cursor: str | None, *, since: datetime | None = None) -> NamesPage:
        return NamesPage([], None, datetime.now(UTC))

    async def find_holders(self, field: str, value: str) -> Sequence[Holder]:
        return []

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class Connectors:
    """Gives out the one destination, and the source to those who write to it."""

    destination: Destination
    origin: Destination

    async def get(self, account: Account, company: UUID) -> Destination:
        return self.origin if account.account_id == SOURCE else self.destination


@dataclass
class World:
    """Gives messages to the real handlers, lets the real sender work, and reads what was published."""

    database: Database
    handlers: Handlers
    sender: Sender
    destination: Destination
    origin: Destination
    """Linarc, once something is written there."""
    number: int = 0
    wishes: int = 0
    """How many directories were wanted and have been read."""
    received: dict[str, Employee] = field(default_factory=dict)
    source: UUID = SOURCE
    there: UUID = DESTINATION
    """The destination's account."""

    def id(self, remote: str) -> UUID:
        return record_id(self.source, remote)

    async def flip(self) -> None:
        """From now on QuickBooks is the source, and Linarc's directory has been read."""
        self.source, self.there = DESTINATION, SOURCE
        await self.tell(self.handlers.on_settings, document(2, flipped=True))
        await self.matched()

    def message(self, body: Any, company: UUID = COMPANY, lane: Lane = Lane.BULK) -> Message[Any]:
        """A new one."""
        self.number += 1
        key, run = uuid5(NAMESPACE, str(self.number)), getattr(body, "run_id", None)
        return Message(key, datetime.now(UTC), company, lane, body, run, actor="ann")

    async def batch(
        self, handler: Callable[..., Any], messages: Sequence[Message[Any]], database: Database | None = None
    ) -> None:
        """One batch, in one transaction."""
        async with (database or self.database).handling(m.company_id for m in messages) as tx:
            await handler(messages, tx)

    async def tell(self, handler: Callable[..., Any], *bodies: Any, lane: Lane = Lane.BULK) -> None:
        await self.batch(handler, [self.message(body, lane=lane) for body in bodies])

    async def set(self, version: int, *, connected: bool = True) -> None:
        """The company's settings; QuickBooks may be disconnected."""
        off = None if connected else "quickbooks"
        await self.tell(self.handlers.on_settings, document(version, disconnected=off))

    async def start(self) -> None:
        """A company from Linarc to QuickBooks whose destination has been read."""
        await self.set(1)
        await self.matched()

    async def matched(self, as_of: datetime | None = None, base: datetime | None = None) -> datetime:
        """The destination has been read now, or as of then; with a `base` the marker extends that one."""
        as_of = as_of or datetime.now(UTC)
        for lane in Lane if base is None else [Lane.REAL_TIME]:
            mark = DirectoryMatched(
                account_id=self.there, as_of=as_of, base=base or as_of, part=0, parts=0 if base else 1
            )
            await self.tell(self.handlers.on_facts, mark, lane=lane)
        return as_of

    async def staged(self, *remotes: str, lane: Lane = Lane.BULK, **how: Any) -> None:
        """People of the source, as an import found them, or as `staging` says."""
        await self.tell(self.handlers.on_facts, *self.staging(*remotes, **how), lane=lane)

    def staging(
        self,
        *remotes: str,
        rev: int = 1,
        cause: Cause = Cause.IMPORT,
        version: str | None = None,
        **values: Any,
    ) -> list[EmployeeStaged]:
        """The events of people of the source, found by an import or by another `cause`."""
        at = datetime.now(UTC) + timedelta(seconds=rev)
        bodies = []
        for remote in remotes:
            self.received[remote] = Employee(
                **{"first_name": "Ana", "last_name": f"Li{remote}", "active": True} | values
            )
            bodies.append(
                EmployeeStaged(
                    record_id=self.id(remote),
                    account_id=self.source,
                    remote_id=remote,
                    rev=rev,
                    employee=self.received[remote],
                    remote_version=version,
                    requested_at=at,
                    answered_at=at,
                    cause=cause,
                )
            )
        return bodies

    async def unmatched(
        self,
        *remotes: str,
        rev: int = 1,
        link_rev: int = 1,
        asked_at: datetime | None = None,
        lane: Lane = Lane.BULK,
    ) -> None:
        """mapper finds nobody for them."""
        bodies = [
            RecordUnmatched(
                record_id=self.id(remote),
                account_id=self.source,
                destination_account_id=self.there,
                link_rev=link_rev,
                source_rev=rev,
                asked_at=asked_at,
            )
            for remote in remotes
        ]
        await self.tell(self.handlers.on_facts, *bodies, lane=lane)

    async def linked(self, remote: str, there: str, *, rev: int = 1, link_rev: int = 2) -> None:
        """mapper has linked them."""
        body = RecordLinked(
            record_id=self.id(remote),
            account_id=self.source,
            destination_account_id=self.there,
            link_rev=link_rev,
            source_rev=rev,
            destination_record_id=record_id(self.there, there),
            destination_remote_id=there,
            origin="created",
        )
        await self.tell(self.handlers.on_facts, body)

    async def left_out(self, remote: str, there: str, *, rev: int = 1, link_rev: int = 3) -> None:
        """mapper finds that the scope leaves them out."""
        body = RecordExcluded(
            record_id=self.id(remote),
            account_id=self.source,
            destination_account_id=self.there,
            link_rev=link_rev,
            source_rev=rev,
            reason="out_of_scope",
            destination_record_id=record_id(self.there, there),
        )
        await self.tell(self.handlers.on_facts, body)

    async def echo(self, there: str, rev: int = 1) -> None:
        """importer stages what the destination holds."""
        await self.found(
            self.destination.people[there], rev, read_at=datetime.now(UTC) + timedelta(seconds=1)
        )

    async def found(self, remote: Remote, rev: int = 1, *, read_at: datetime | None = None) -> None:
        """importer stages this record of the destination."""
        body = EmployeeStaged(
            record_id=record_id(self.there, remote.remote_id),
            account_id=self.there,
            remote_id=remote.remote_id,
            rev=rev,
            employee=remote.employee,
            remote_version=remote.version,
            requested_at=read_at or datetime.now(UTC),
            answered_at=read_at or datetime.now(UTC),
            cause=Cause.PUSH,
        )
        await self.tell(self.handlers.on_facts, body)

    async def sync(self, *remotes: str, name: str = "run", lane: Lane = Lane.BULK) -> None:
        """A person pushes them, as they stand."""
        rows = {row["record_id"]: row for row in await self.rows("SELECT record_id, status FROM records")}
        revs = {
            row["record_id"]: row["rev"] for row in await self.rows("SELECT record_id, rev FROM snapshots")
        }
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
        await self.tell(self.handlers.on_commands, body, lane=lane)

    async def plan(self, *remotes: str, name: str = "plan", apply: bool = False) -> UUID:
        """A person has a plan made of them, as they stand; its id."""
        rows = await self.rows(
            "SELECT record_id, rev AS source_rev, status FROM records JOIN snapshots USING (company_id, record_id)"
        )
        wanted = set(map(self.id, remotes))
        records = [dict(row) for row in rows if row["record_id"] in wanted]
        chunks = [records[i : i + 500] for i in range(0, len(records), 500)]
        plan = uuid5(NAMESPACE, name)
        for n, chunk in enumerate(chunks, 1):
            more = {"part": n, "parts": len(chunks), "total": len(records), "apply": apply}
            body = CreatePlan.model_validate({"run_id": plan, "records": chunk, **more})
            await self.command(body)
        return plan

    async def command(self, body: Any) -> None:
        """Somebody asks for this; the worker applies what it may."""
        await self.tell(self.handlers.on_commands, body)
        while await self.sender.apply_plans():
            pass

    async def limits(self, version: int, limits: SafetyLimits, **rules: Any) -> None:
        """The company's settings with these limits."""
        await self.tell(self.handlers.on_settings, document(version, limits=limits, **rules))
        while await self.sender.decide_due():
            pass

    async def state_of(self, plan: UUID) -> str:
        """Where this plan is."""
        (row,) = await self.rows(f"SELECT state FROM plans WHERE plan_id = '{plan}'")
        return str(row["state"])

    async def later(self) -> None:
        """As if five minutes had passed since a call was given up."""
        await self.rows("UPDATE calls SET sent_at = sent_at - interval '5 minutes' WHERE state = 'given_up'")

    async def due(self) -> None:
        """As if what waits to be tried again had waited long enough; what has failed waits longer."""
        await self.rows("UPDATE calls SET due_at = now() WHERE state = 'unknown'")
        await self.rows("UPDATE pushes SET due_at = now() WHERE state = 'planned' AND retry_at IS NULL")

    async def retried(self) -> None:
        """As if what has failed had waited until its next try, and all that this try waits for."""
        await self.rows("UPDATE pushes SET due_at = now() WHERE state = 'planned' AND retry_at IS NOT NULL")
        for _ in range(20):
            await self.send()
            if not await self.rows("SELECT FROM calls WHERE state = 'unknown'"):
                return
            await self.due()

    async def send(self) -> None:
        """Until nothing is due; directories that are wanted are read."""
        while await self.step():
            pass

    async def step(self) -> bool:
        """One step of the sender; a directory that it wants is read at once."""
        worked = await self.sender.step()
        wanted = await self.published("directory.wanted")
        if len(wanted) > self.wishes:
            self.wishes = len(wanted)
            await self.matched()
        return worked

    async def rows(self, sql: str) -> list[Any]:
        async with self.database.transaction([COMPANY]) as tx:
            return await tx.fetch(sql)

    def be_idle(self, senders: int = 1) -> None:
        """So many senders have looked, have found nothing, and wait."""
        self.database.wakeups[PUSHES].waiting = senders
        self.handlers.senders.found_nothing()

    async def published(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of one type, in order."""
        rows = await self.rows("SELECT headers, body FROM outbox ORDER BY id")
        return [orjson.loads(r["body"]) for r in rows if orjson.loads(r["headers"])["ce_type"] == kind]

    async def published_statuses(self) -> list[dict[str, Any]]:
        """Every status that was published, in order, by itself or with an event of a push."""
        rows = await self.rows("SELECT headers, body FROM outbox WHERE topic LIKE 'pushes%' ORDER BY id")
        found = [(orjson.loads(r["headers"])["ce_type"], orjson.loads(r["body"])) for r in rows]
        own = [body if kind == "status.changed" else body.get("record_status") for kind, body in found]
        return [status for status in own if status]

    async def statuses(self) -> dict[UUID, tuple[str, str]]:
        rows = await self.rows("SELECT record_id, status, reason FROM records")
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
    clock, destination, origin = SystemClock(), Destination(), Destination()
    outbox = Outbox(clock)
    handlers = Handlers(outbox, clock, settings, Handover[Claimed](database.wakeups[PUSHES]))
    sender = Sender(database, outbox, Connectors(destination, origin), clock, settings, handlers.senders)
    world = World(database, handlers, sender, destination, origin)
    await world.start()
    yield world
    await database.close()
