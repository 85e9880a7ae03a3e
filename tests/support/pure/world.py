"""The two systems, the three services, and the messages between them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.importer import core as importing
from services.syncer.core import Push
from shared.contracts import topics
from shared.contracts.events import (
    Body,
    DirectoryComplete,
    DirectoryMatched,
    Message,
    SettingsChanged,
)
from shared.domain.settings import Account, CompanySettings, Route, Rules
from shared.domain.values import Cause, Lane
from shared.messaging.outbox import partition_of
from tests.support.pure.directory import COMPANY, Directory
from tests.support.pure.importer import Importer, Reading
from tests.support.pure.mapper import PARTITIONS, Mapper
from tests.support.pure.sender import Sender

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CONSUMERS: dict[topics.Topic, tuple[str, ...]] = {
    topics.SETTINGS: ("importer", "mapper", "syncer"),
    topics.EMPLOYEES: ("mapper", "syncer"),
    topics.LINKS: ("syncer",),
    topics.PUSHES: ("importer", "mapper"),
    topics.MAPPER_COMMANDS: ("mapper",),
    topics.SYNCER_COMMANDS: ("syncer",),
}
COMMANDS = (topics.MAPPER_COMMANDS, topics.SYNCER_COMMANDS)


class World:
    """The two systems, the three services, and the messages between them. Time moves only by `tick`."""

    def __init__(
        self, source: str, *, rules: Rules, versions: tuple[str, str] = ("numbers", "numbers")
    ) -> None:
        there = "quickbooks" if source == "linarc" else "linarc"
        self.now = BEGIN
        self.source = Directory(source, lambda: self.now, versions=versions[0])
        self.destination = Directory(there, lambda: self.now, versions=versions[1])
        self.queues: dict[tuple[str, str, str, int], deque[Message[Any]]] = defaultdict(deque)
        self.published: list[Message[Any]] = []
        self.readings: list[Reading] = []
        self._executed: set[UUID] = set()
        self._number = 0
        accounts = tuple(
            Account(
                account_id=d.account, system=d.system, environment="test", tenant_id="1", base_url="http://x"
            )
            for d in (self.source, self.destination)
        )
        route = Route(source=self.source.account, destination=self.destination.account, rules=rules)
        self.settings = CompanySettings(
            company_id=COMPANY, version=1, name="x", accounts=accounts, route=route
        )
        self.importer, self.mapper, self.syncer = Importer(self), Mapper(self), Sender(self)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=20)
        return self.now

    def set(self, **rules: Any) -> None:
        """An administrator moves rules."""
        assert self.settings.route is not None
        moved = self.settings.route.rules.model_copy(update=rules)
        route = self.settings.route.model_copy(update={"rules": moved})
        self.settings = self.settings.model_copy(
            update={"version": self.settings.version + 1, "route": route}
        )
        self.publish(SettingsChanged(company_id=COMPANY, settings=self.settings))

    def publish(
        self,
        body: Body,
        cause: Message[Any] | None = None,
        *,
        lane: Lane | None = None,
        push: Push | None = None,
        partition: int | None = None,
    ) -> None:
        """Put it on its way to everybody who hears it; over the wire it is JSON."""
        self._number += 1
        lane = Lane(push.lane) if push else lane or (cause.lane if cause else Lane.REAL_TIME)
        received = type(body).model_validate_json(body.raw())
        message: Message[Any] = Message(UUID(int=self._number), self.now, COMPANY, lane, received)
        part = partition_of(str(body.key()).encode(), PARTITIONS) if partition is None else partition
        self.published.append(message)
        for who in CONSUMERS[body.topic]:
            self.queues[who, body.topic.name, lane, part].append(message)

    def mark(self, kind: type[DirectoryComplete | DirectoryMatched], **values: Any) -> None:
        """A mark for every partition of both lanes."""
        for lane in Lane:
            for part in range(PARTITIONS):
                self.publish(
                    kind(**values, base=values["as_of"], part=part, parts=PARTITIONS),
                    lane=lane,
                    partition=part,
                )

    def waiting(self) -> list[tuple[str, str, str, int]]:
        return sorted(key for key, queue in self.queues.items() if queue)

    def deliver(self, key: tuple[str, str, str, int], count: int, *, again: bool = False) -> None:
        """The next messages of one queue as one batch; `again`: they will come once more. Facts come without an inbox."""
        queue = self.queues[key]
        batch = [queue[n] for n in range(min(count, len(queue)))]
        if not again:
            for _ in batch:
                queue.popleft()
        who, topic = getattr(self, key[0]), batch[0].body.topic
        if topic in COMMANDS:
            batch = [m for m in batch if m.id not in self._executed]
            self._executed |= {m.id for m in batch}
        if batch:
            getattr(who, f"on_{topic.name.split('.', 1)[0] if topic not in COMMANDS else 'commands'}")(batch)

    def read(
        self,
        side: Directory,
        cause: Cause,
        *,
        who: Sequence[str] | None = None,
        full: bool = True,
        only_new: bool = False,
    ) -> None:
        """Ask a system; the answer waits to be staged. With `who` these only, else everybody, and a mark follows."""
        asked, answered = self.now, self.tick()
        found = {i: side.remote(i) for i in (who if who is not None else side.people)}
        fresh = [
            importing.Fresh(
                side.id(i), side.account, i, r.employee if side.people[i].readable else None, r.version, r.updated_at,
                asked, answered, None, r.payload, "" if side.people[i].readable else "unreadable",
            )
            for i, r in found.items() if r is not None
        ]  # fmt: skip
        whole = who is None
        lane = Lane.BULK if whole else Lane.REAL_TIME
        self.readings.append(Reading(side, fresh, cause, lane, asked, whole and full, whole, only_new))
        self.tick()
