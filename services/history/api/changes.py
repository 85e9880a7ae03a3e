"""The change history that people read, the log, and the feed for other programs."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Response

from services.history.api.common import MAX_N, Limit, as_json, number_of
from services.history.core import chain, show
from services.history.core.chain import Entry
from services.history.core.entries import EntryFilter, Group, chosen
from services.history.core.feed import NOT_FED, feed_event
from services.history.store import changes, log
from services.history.store import records as stored
from services.history.store import verify as checking
from shared.contracts.feed import FeedPage
from shared.contracts.history_views import HistoryKind, HistoryPage
from shared.db.companies import load_settings
from shared.db.tx import Database, Tx
from shared.http.problems import ProblemError
from shared.systems.words import names

HISTORY_CHUNK, HISTORY_ROUNDS = 200, 10
"""Events that a page of the change history looks through at once, and how often, however few it takes."""
HISTORY_SPAN = 10_000
"""Entries of a company's log among which it looks for them each time."""
HISTORY_CONTEXT = 20_000
"""Events of the records concerned after which a page ends, however few it holds."""
FEED_SPAN = 10_000
"""Entries that one page of the feed looks through at most, however few it takes."""


def add(routes: APIRouter, database: Database) -> None:
    """The routes of what has happened."""
    _changes(routes, database)
    _log(routes, database)


def _changes(routes: APIRouter, database: Database) -> None:
    @routes.get("/history")
    async def history(
        company: UUID,
        kind: Annotated[list[HistoryKind], Query(default_factory=list)],
        record: UUID | None = None,
        field: Annotated[str | None, Query(max_length=100)] = None,
        actor: Annotated[str | None, Query(max_length=200)] = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: Limit = 50,
    ) -> HistoryPage:
        """The change history of the company, or of one record and the one it is linked to, newest first."""
        wanted = EntryFilter(frozenset(kind), field, actor, since, until)
        before_n = number_of(after)
        async with database.reading(company) as tx:
            both = None if record is None else await _with_linked(tx, company, record)
            settings = (await load_settings(tx, [company])).get(company)
            groups, next_n = await _found(tx, company, both, wanted, before_n or MAX_N, limit)
            ids = {e.record_id for g in groups for e in g.events if e.record_id}
            people = await changes.people(tx, company, list(ids))
        source, called = (settings.route.source if settings and settings.route else None), names(settings)
        items = tuple(show.history_entry(group, people, source, called) for group in groups)
        return HistoryPage(items=items, next=str(next_n) if next_n else None)


async def _with_linked(tx: Tx, company: UUID, record: UUID) -> list[UUID]:
    row = await stored.record(tx, company, record)
    if row is None:
        raise ProblemError("not-found", "There is no such record here.")
    return [r for r in (record, row["destination_record_id"]) if r is not None]


async def _found(
    tx: Tx, company: UUID, records: list[UUID] | None, wanted: EntryFilter, before_n: int, limit: int
) -> tuple[list[Group], int | None]:
    """The next entries, and where to go on; a rare one is looked for in so many rounds, each over a part of the log."""
    found: list[Group] = []
    looked_at = 0
    before_n = min(before_n, (await log.heads(tx, [company]))[company].n + 1)
    for _ in range(HISTORY_ROUNDS):
        above_n = 0 if records is not None else max(0, before_n - 1 - HISTORY_SPAN)
        events = await changes.candidates(tx, company, records, wanted, (above_n, before_n), HISTORY_CHUNK)
        if events:
            of = records or list({e.record_id for e in events if e.record_id})
            context = await changes.context(tx, company, of)
            looked_at += len(context)
            context = sorted({e.n: e for e in [*events, *context]}.values(), key=lambda e: e.n)
            found += chosen(context, {e.n for e in events}, wanted, together=records is not None)
        before_n = events[-1].n if len(events) == HISTORY_CHUNK else above_n + 1
        if len(found) > limit:
            return found[:limit], found[limit - 1].n
        if before_n <= 1:
            return found, None
        if len(found) == limit or looked_at >= HISTORY_CONTEXT:
            break
    return found, before_n


def _log(routes: APIRouter, database: Database) -> None:
    @routes.get("/log")
    async def entries(
        company: UUID, after_n: Annotated[int, Query(ge=0, le=MAX_N)] = 0, limit: Limit = 100
    ) -> Response:
        """The company's log in its order, with what the chain is made of."""
        async with database.reading(company) as tx:
            found = await log.read(tx, company, after_n, limit)
        following = found[-1].n if len(found) == limit else None
        return as_json({"items": [_entry(entry) for entry in found], "next": following})

    @routes.get("/feed")
    async def feed(
        company: UUID,
        after: Annotated[int, Query(ge=0, le=MAX_N)] = 0,
        types: Annotated[list[str] | None, Query(max_length=100)] = None,
        limit: Limit = 100,
    ) -> FeedPage:
        """The log as other programs receive it."""
        async with database.reading(company) as tx:
            head = (await log.heads(tx, [company]))[company].n
            last = min(head, after + FEED_SPAN)
            found = await log.feed(tx, company, after, last, NOT_FED, types, limit)
        following = found[-1].n if len(found) == limit else max(after, last)
        return FeedPage(items=tuple(feed_event(entry) for entry in found), next=following, head=head)

    @routes.get("/verify")
    async def verify(company: UUID) -> dict[str, Any]:
        """Whether the chain holds from its first entry to its head, and what is wrong with it."""
        report = await checking.verify(database, company)
        faults = [fault._asdict() | {"text": chain.describe(fault)} for fault in report.faults]
        return {"ok": not faults, "entries": report.entries, "head": report.head, "faults": faults}


def _entry(entry: Entry) -> dict[str, Any]:
    values = entry._asdict() | {"prev_hash": entry.prev_hash.hex(), "hash": entry.hash.hex()}
    return {
        name: v if isinstance(v, str | int | None) else str(v) for name, v in values.items() if name != "body"
    } | {
        "event_time": entry.event_time.isoformat(),
        "body": orjson.Fragment(entry.body),
    }
