"""Kafka in: every event is appended to its company's log and folded into what people read."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from faststream.kafka import KafkaRouter

from services.history import core, store
from services.history.core import Entry
from shared.contracts import topics
from shared.contracts.events import (
    Decided,
    EmployeeRemoved,
    EmployeeStaged,
    EmployeeUnreadable,
    ImportFailed,
    ImportProgressed,
    ImportStarted,
    Message,
    StatusChanged,
    SyncProgressed,
    SyncStarted,
    ViewChanged,
)
from shared.db.companies import save_settings
from shared.db.tx import Tx
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing

HINTED = 100


def make_router(consume: Consume, outbox: Outbox) -> KafkaRouter:
    """history's subscriptions."""
    router = KafkaRouter()
    handlers = Handlers(outbox)
    consume.subscribe(router, topics.SETTINGS)(handlers.on_settings)
    for topic in (topics.IMPORTS, topics.SYNCS, topics.EMPLOYEES, topics.LINKS, topics.PUSHES):
        consume.subscribe(router, topic)(handlers.on_events)
    return router


class Handlers:
    """history's handlers."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def on_settings(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """Keep the settings: they say whose records are shown."""
        await save_settings(tx, events)
        await self.on_events(events, tx)

    async def on_events(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """Append all, fold all, and leave one hint a company for the pages that are open."""
        heads = await store.lock_heads(tx)
        entries: list[tuple[UUID, Entry]] = []
        for event in events:
            n, previous = heads[event.company_id]
            entry = core.link(previous, event.company_id, n + 1, event)
            heads[event.company_id] = (entry.n, entry.hash)
            entries.append((event.company_id, entry))
        await store.append(tx, heads, entries)
        await _fold(events, tx)
        await self._outbox.append(tx, _hints(events, heads))


async def _fold(events: Sequence[Message[Any]], tx: Tx) -> None:
    staged, removed, unreadable, decided, statuses = [], [], [], [], []
    for event in events:
        match event.body:
            case EmployeeStaged():
                staged.append(event)
            case EmployeeRemoved():
                removed.append(event)
            case EmployeeUnreadable():
                unreadable.append(event)
            case Decided():
                decided.append(event)
            case StatusChanged():
                statuses.append(event)
            case ImportStarted() | ImportProgressed() | ImportFailed() | SyncStarted() | SyncProgressed():
                await store.save_run(tx, event)
    await store.save_employees(tx, list(core.newest(staged, "rev").values()))
    await store.save_gone(tx, list(core.newest(removed, "rev").values()), removed=True)
    await store.save_gone(tx, list(core.newest(unreadable, "rev").values()), removed=False)
    await store.save_links(tx, list(core.newest(decided, "link_rev").values()))
    await store.save_statuses(tx, list(core.newest(statuses, "status_rev").values()))


def _hints(events: Sequence[Message[Any]], heads: dict[UUID, tuple[int, bytes]]) -> list[Outgoing]:
    records: dict[UUID, set[UUID]] = defaultdict(set)
    runs: dict[UUID, set[UUID]] = defaultdict(set)
    last: dict[UUID, Message[Any]] = {}
    for event in events:
        last[event.company_id] = event
        if (record := getattr(event.body, "record_id", None)) is not None:
            records[event.company_id].add(record)
        if event.run_id is not None:
            runs[event.company_id].add(event.run_id)
    return [
        Outgoing(
            ViewChanged(
                company_id=company,
                position=heads[company][0],
                records=tuple(sorted(records[company])) if len(records[company]) <= HINTED else (),
                runs=tuple(sorted(runs[company]))[:HINTED],
            ),
            company,
            cause,
        )
        for company, cause in last.items()
    ]
