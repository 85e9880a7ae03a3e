"""Kafka in: every event goes to the end of its company's chain, and into the views."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from faststream.kafka import KafkaRouter

from services.history.core import chain, fold
from services.history.core.chain import Head
from services.history.settings import Settings
from services.history.store import fold as views
from services.history.store import log
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.events import Message, SettingsChanged, ViewChanged
from shared.contracts.records import Lane
from shared.db.companies import load_settings, save_settings
from shared.db.tx import Tx
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing

MAX_HINTS = 100
Events = Sequence[Message[Any]]
Handler = Callable[[Events, Tx], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Recording:
    """What every handler needs: whom to tell, the time, and how long the inbox remembers."""

    outbox: Outbox
    clock: Clock
    inbox_days: int


def make_router(consume: Consume, outbox: Outbox, clock: Clock, settings: Settings) -> KafkaRouter:
    """history's subscriptions."""
    router = KafkaRouter()
    recording = Recording(outbox, clock, settings.inbox_days)
    consume.subscribe(router, topics.SETTINGS)(make_handler(recording, fold_settings))
    consume.subscribe(router, topics.IMPORTS)(make_handler(recording, fold_runs))
    consume.subscribe(router, topics.SYNCS)(make_handler(recording, fold_runs))
    consume.subscribe(router, topics.EMPLOYEES)(make_handler(recording, fold_employees))
    consume.subscribe(router, topics.LINKS)(make_handler(recording, fold_links))
    consume.subscribe(router, topics.PUSHES)(make_handler(recording, fold_pushes))
    return router


def make_handler(recording: Recording, fold_into_views: Handler) -> Handler:
    """Log, fold, tell: the three steps of every topic."""

    async def handle(events: Events, tx: Tx) -> None:
        heads = await log.lock_heads(tx, list({event.company_id for event in events}))
        events = await _unheard(recording, events, tx)
        if not events:
            return
        entries, ends = chain.chain(heads, events)
        await log.append(tx, entries, ends)
        await fold_into_views(events, tx)
        await recording.outbox.append(tx, hints(events, ends))

    return handle


async def _unheard(recording: Recording, events: Events, tx: Tx) -> Events:
    """Without what the log holds: looked up only for events so old that the inbox may have forgotten them."""
    limit = recording.clock.now() - timedelta(days=recording.inbox_days - 1)
    old = [event.id for event in events if event.time < limit]
    held = await log.logged(tx, old) if old else set()
    return [event for event in events if event.id not in held] if held else events


async def fold_settings(events: Events, tx: Tx) -> None:
    """Keep the settings; a list whose source moved is made again from the facts, whether or not the route is active."""
    moved = await save_settings(tx, events)
    settings = await load_settings(tx, moved)
    await views.set_sources(tx, [(c, s.route.source if s.route else None) for c, s in settings.items()])


async def fold_employees(events: Events, tx: Tx) -> None:
    """Both accounts' employees are facts; the source's are shown."""
    await views.save_facts(tx, fold.facts(events))


async def fold_links(events: Events, tx: Tx) -> None:
    """How each record stands to the other side."""
    await views.save_linkings(tx, fold.linkings(events))


async def fold_pushes(events: Events, tx: Tx) -> None:
    """Each record's status."""
    await views.save_standings(tx, fold.standings(events))


async def fold_runs(events: Events, tx: Tx) -> None:
    """How far imports and pushes have come."""
    runs = await views.load_runs(tx, list({event.body.run_id for event in events}))
    for event in events:
        key = (event.company_id, event.body.run_id)
        runs[key] = fold.fold_run(runs.get(key), event)
    await views.save_runs(tx, list(runs.values()))


def hints(events: Events, ends: Mapping[UUID, Head]) -> list[Outgoing]:
    """One a company, answering its last event: what moved; settings may move every record."""
    last: dict[UUID, Message[Any]] = {}
    records: dict[UUID, dict[UUID, None]] = {}
    runs: dict[UUID, dict[UUID, None]] = {}
    whole: set[UUID] = set()
    for event in events:
        company, body = event.company_id, event.body
        last[company] = event
        if isinstance(body, SettingsChanged):
            whole.add(company)
        elif (record := getattr(body, "record_id", None)) is not None:
            records.setdefault(company, {})[record] = None
        elif (run := getattr(body, "run_id", None)) is not None:
            runs.setdefault(company, {})[run] = None
    return [
        Outgoing(
            ViewChanged(
                company_id=company,
                position=ends[company].n,
                records=None if company in whole else _few(records.get(company, {})),
                runs=tuple(runs.get(company, ())),
            ),
            company,
            event,
            lane=Lane.REAL_TIME,
        )
        for company, event in last.items()
    ]


def _few(ids: Mapping[UUID, None]) -> tuple[UUID, ...] | None:
    return tuple(ids) if len(ids) <= MAX_HINTS else None
