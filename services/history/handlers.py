"""Kafka in: every event goes to the end of its company's chain, and into the views."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from faststream.kafka import KafkaRouter

from services.history.core import chain, fold, run_rows
from services.history.core.chain import Head
from services.history.store import fold as views
from services.history.store import log
from shared.contracts import topics
from shared.contracts.events import AboutPlan, Message, SettingsChanged, ViewChanged
from shared.contracts.topics import Topic
from shared.db.companies import load_settings, save_settings
from shared.db.tx import Tx
from shared.domain.values import Lane
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.subscription import Reads

MAX_HINTS = 100
LINGER_SECONDS = 0.05
"""One change is some events, each soon after the last: they become one transaction, and one hint to the pages."""
Events = Sequence[Message[Any]]
Handler = Callable[[Events, Tx], Awaitable[None]]


def make_router(consume: Consume, outbox: Outbox) -> KafkaRouter:
    """history's subscriptions. The log is the inbox: it keeps every event, and refuses repeats under the company's lock."""
    router = KafkaRouter()
    handle = make_handler(outbox)
    alone = [topic for topic in FOLDS if len(topic.lanes) == 1]
    together = [Reads(topic, handle) for topic in FOLDS if topic not in alone]
    for topic in alone:
        consume.subscribe(router, Reads(topic, handle), inbox=False)
    consume.subscribe(router, *together, inbox=False, linger_seconds=LINGER_SECONDS)
    return router


def make_handler(outbox: Outbox) -> Handler:
    """Log, fold, publish: the three steps, of the events of all topics at once."""

    async def handle(events: Events, tx: Tx) -> None:
        once = {event.id: event for event in events}
        heads, logged = await log.heads_and_logged(tx, [(e.company_id, e.id) for e in once.values()])
        events = [event for event in once.values() if event.id not in logged]
        if not events:
            return
        entries, ends = chain.chain(heads, events)
        await log.append(tx, entries, ends)
        for topic, fold_into_views in FOLDS.items():
            if mine := [event for event in events if event.body.topic is topic]:
                await fold_into_views(mine, tx)
        await outbox.append(tx, hints(events, ends))

    return handle


async def fold_settings(events: Events, tx: Tx) -> None:
    """Keep the settings; a list whose source moved is made again from the snapshots, whether or not the route is active."""
    moved = await save_settings(tx, events)
    settings = await load_settings(tx, moved)
    await views.set_sources(tx, [(c, s.route.source if s.route else None) for c, s in settings.items()])


async def fold_employees(events: Events, tx: Tx) -> None:
    """Both accounts' employees are kept as snapshots; the source's are shown."""
    await views.save_snapshots(tx, fold.snapshots(events))
    await views.save_run_records(tx, run_rows.run_records(events))


async def fold_links(events: Events, tx: Tx) -> None:
    """How each record stands to the other side."""
    await views.save_linkings(tx, fold.linkings(events))


async def fold_pushes(events: Events, tx: Tx) -> None:
    """Each record's status, and what became of it in its run."""
    await views.save_statuses(tx, fold.statuses(events))
    await views.save_run_records(tx, run_rows.run_records(events))
    await views.count_results(tx, run_rows.push_results(events))


async def fold_runs(events: Events, tx: Tx) -> None:
    """How far imports and pushes have come. A plan becomes a run when it is applied."""
    events = [event for event in events if not isinstance(event.body, AboutPlan)]
    runs = await views.load_runs(tx, list({event.body.run_id for event in events}))
    for event in events:
        key = (event.company_id, event.body.run_id)
        runs[key] = run_rows.fold_run(runs.get(key), event)
    await views.save_runs(tx, list(runs.values()))


FOLDS: Mapping[Topic, Handler] = {
    topics.SETTINGS: fold_settings,
    topics.IMPORTS: fold_runs,
    topics.SYNCS: fold_runs,
    topics.EMPLOYEES: fold_employees,
    topics.LINKS: fold_links,
    topics.PUSHES: fold_pushes,
}


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
