"""HTTP in: records, timelines, runs, and the log."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from services.history.core import chain, show
from services.history.core.chain import Entry
from services.history.core.entries import EntryFilter, Group, chosen
from services.history.core.feed import NOT_FED, feed_event
from services.history.core.fold import Run, searchable
from services.history.core.operations import SPANS, points, within
from services.history.core.show import Cursor
from services.history.settings import Settings
from services.history.store import changes, log, operations, read, runs
from services.history.store import verify as checking
from services.history.store.read import Filter
from services.history.store.runs import RunFilter
from shared.contracts.feed import FeedPage
from shared.contracts.history_views import HistoryKind, HistoryPage
from shared.contracts.operations import OldestWaiting, ReasonCount, ResultsView, Span
from shared.contracts.run_views import RunDetail, RunReason, RunRecordPage, RunRecordView
from shared.contracts.views import RecordPage, RecordView, RunPage, RunView, Timeline
from shared.db.companies import load_settings
from shared.db.tx import Database, Record, Tx
from shared.domain.employee import Employee
from shared.domain.reasons import free_name, held_by
from shared.domain.values import Holder, Status
from shared.http.auth import internal_only
from shared.http.problems import ProblemError
from shared.systems.words import Names, names, reason_words

MAX_LIMIT = 500
MAX_IDS = 10_000
MAX_QUERY = 200
MAX_REASONS = 3
"""Of failures, in the summary of a company."""
MAX_N = 2**63 - 1
HISTORY_CHUNK, HISTORY_ROUNDS = 200, 10
"""Events that a page of the change history looks through at once, and how often, however few it takes."""
FEED_SPAN = 10_000
"""Entries that one page of the feed looks through at most, however few it takes."""
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Search = Annotated[str | None, Query(min_length=1, max_length=MAX_QUERY)]


class Wanted(BaseModel):
    """A filter over the list."""

    status: list[Status] = []
    q: str | None = Field(default=None, min_length=1, max_length=MAX_QUERY)


class ToResolve(BaseModel):
    """Either the ids that a person chose, or everything that a filter finds."""

    ids: list[UUID] | None = Field(default=None, max_length=100_000)
    filter: Wanted | None = None


def make_routes(database: Database, settings: Settings) -> APIRouter:
    """history's internal API."""
    routes = APIRouter(
        prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))]
    )
    _lists(routes, database)
    _records(routes, database)
    _changes(routes, database)
    _values(routes, database)
    _runs(routes, database)
    _log(routes, database)
    _operations(routes, database)
    return routes


def _lists(routes: APIRouter, database: Database) -> None:
    @routes.get("/records")
    async def records(
        company: UUID,
        status: Annotated[list[Status], Query(default_factory=list)],
        q: Search = None,
        sort: str = "name",
        after: str | None = None,
        limit: Limit = 100,
        ids: Annotated[list[UUID] | None, Query(max_length=MAX_LIMIT)] = None,
    ) -> RecordPage:
        """One page of the source's records; `sort` is a key of `show.SORTS`, from the end with `:desc` or a `-` before it.

        With `ids`, these records instead, whether they match or not.
        """
        key, down = _sort(sort)
        cursor = _cursor(after, sort)
        wanted = _filter(status, q)
        async with database.reading(company) as tx:
            known = await read.survey(tx, company, wanted.pattern)
            if ids is None:
                rows = await read.page(tx, company, wanted, known, key, cursor, limit, down=down)
            else:
                rows = await read.by_ids(tx, company, ids)
            called = await _names(tx, company)
        items = tuple(_view(row, called) for row in (rows[:limit] if ids is None else rows))
        following = _following(rows, limit, sort) if ids is None else None
        return RecordPage(items=items, next=following, total=known.total(wanted), counts=dict(known.counts))

    @routes.get("/record-ids")
    async def record_ids(
        company: UUID,
        status: Annotated[list[Status], Query(default_factory=list)],
        q: Search = None,
        sort: str = "name",
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_IDS)] = MAX_IDS,
    ) -> Response:
        """The same list, its ids alone: for a screen that reads only the rows it shows."""
        key, down = _sort(sort)
        cursor = _cursor(after, sort)
        wanted = _filter(status, q)
        async with database.reading(company) as tx:
            known = await read.survey(tx, company, wanted.pattern)
            rows = await read.page(tx, company, wanted, known, key, cursor, limit, down=down, ids_only=True)
        ids = [row["record_id"] for row in rows[:limit]]
        return _json({"ids": ids, "next": _following(rows, limit, sort)})

    @routes.post("/records/resolve")
    async def resolve(company: UUID, question: ToResolve) -> Response:
        """Which records these are, each with its rev and status, all in one snapshot."""
        if (question.ids is None) == (question.filter is None):
            raise ProblemError("invalid", "Give either `ids` or a `filter`.")
        chosen = _filter(question.filter.status, question.filter.q) if question.filter else question.ids or []
        async with database.reading(company) as tx:
            found = await read.resolve(tx, company, chosen)
        return Response(found, media_type="application/json")


def _records(routes: APIRouter, database: Database) -> None:
    @routes.get("/records/{record}")
    async def detail(company: UUID, record: UUID) -> Response:
        """One record with the values staged and, where linked, the destination's; a value that is not known is left out."""
        async with database.reading(company) as tx:
            row = await read.record(tx, company, record)
            settings = (await load_settings(tx, [company])).get(company)
        if row is None:
            raise ProblemError("not-found", "There is no such record here.")
        here, there = row["employee"] or "{}", row["destination_employee"] or "null"
        view = _view(row, names(settings)).model_dump(mode="json")
        noted = show.notes(Employee.model_validate_json(here), settings)
        view |= {"notes": [one.model_dump() for one in noted]}
        return _json(
            view | {"employee": orjson.Fragment(here), "destination_employee": orjson.Fragment(there)}
        )

    @routes.get("/records/{record}/timeline")
    async def timeline(company: UUID, record: UUID, after: str | None = None, limit: Limit = 50) -> Timeline:
        """What happened to the record and to the one it is linked to, newest first."""
        before_n = _number(after)
        async with database.reading(company) as tx:
            row = await read.record(tx, company, record)
            if row is None:
                raise ProblemError("not-found", "There is no such record here.")
            both = [r for r in (record, row["destination_record_id"]) if r is not None]
            entries = await log.of_records(tx, company, both, before_n, limit + 1)
            written = any(e.type in show.WRITTEN for e in entries)
            planned = show.planned_fields(await log.planned(tx, company, record, 0)) if written else {}
            called = await _names(tx, company)
        items = show.timeline(entries[:limit], record, planned, called)
        return Timeline(items=items, next=str(items[-1].n) if len(entries) > limit else None)


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
        before_n = _number(after)
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
    row = await read.record(tx, company, record)
    if row is None:
        raise ProblemError("not-found", "There is no such record here.")
    return [r for r in (record, row["destination_record_id"]) if r is not None]


async def _found(
    tx: Tx, company: UUID, records: list[UUID] | None, wanted: EntryFilter, before_n: int, limit: int
) -> tuple[list[Group], int | None]:
    """The next entries, and where to go on; a rare one is looked for in so many rounds."""
    found: list[Group] = []
    for _ in range(HISTORY_ROUNDS):
        events = await changes.candidates(tx, company, records, wanted, before_n, HISTORY_CHUNK)
        if not events:
            return found, None
        of = records or list({e.record_id for e in events if e.record_id})
        context = await changes.context(tx, company, of)
        context = sorted({e.n: e for e in [*events, *context]}.values(), key=lambda e: e.n)
        found += chosen(context, {e.n for e in events}, wanted, together=records is not None)
        before_n = events[-1].n
        if len(found) >= limit:
            more = len(found) > limit or len(events) == HISTORY_CHUNK
            found = found[:limit]
            return found, found[-1].n if more else None
        if len(events) < HISTORY_CHUNK:
            return found, None
    return found, before_n


def _values(routes: APIRouter, database: Database) -> None:
    @routes.get("/employees")
    async def employees(company: UUID, ids: Annotated[list[UUID], Query(max_length=MAX_LIMIT)]) -> Response:
        """The last known values of these records of either account, by id; one that is not known is left out."""
        async with database.reading(company) as tx:
            found = await read.employees(tx, company, ids)
        return _json({record: orjson.Fragment(values) for record, values in found.items()})


def _runs(routes: APIRouter, database: Database) -> None:
    @routes.get("/runs")
    async def list_runs(
        company: UUID,
        kind: str | None = None,
        state: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        result: str | None = None,
        after: str | None = None,
        limit: Limit = 50,
    ) -> RunPage:
        """Imports and pushes, newest first; an empty `actor` is Muster itself."""
        cursor = _cursor(after, "runs")
        wanted = RunFilter(kind, state, actor, since, problems=result == "problems")
        async with database.reading(company) as tx:
            found = await runs.runs(tx, company, wanted, cursor, limit)
        end = found[limit - 1] if len(found) > limit else None
        following = Cursor("runs", "", end.started_at, end.run_id).encode() if end else None
        return RunPage(items=tuple(_run(run) for run in found[:limit]), next=following)

    @routes.get("/runs/{run}")
    async def run_by_id(company: UUID, run: UUID) -> RunDetail:
        """One import or push, and why records of it did not go through."""
        async with database.reading(company) as tx:
            found = await runs.run(tx, company, run)
            reasons = await runs.reasons(tx, company, run)
            called = await _names(tx, company)
        if found is None:
            raise ProblemError("not-found", "There is no such run here.")
        text, fix = reason_words(found.reason, None, called) if found.reason else ("", "")
        return RunDetail(
            **_run(found).model_dump(),
            reason_text=text,
            fix=fix,
            reasons=tuple(RunReason.model_validate(_worded(row, called)) for row in reasons),
        )

    @routes.get("/runs/{run}/records")
    async def run_records(
        company: UUID,
        run: UUID,
        outcome: str | None = None,
        reason: str | None = None,
        after: str | None = None,
        limit: Limit = 100,
    ) -> RunRecordPage:
        """The records that the run pushed, or could not read; those that did not go through first."""
        cursor = _cursor(after, "run records")
        async with database.reading(company) as tx:
            found = await runs.records(tx, company, run, outcome, reason, cursor, limit)
            called = await _names(tx, company)
        end = found[limit - 1] if len(found) > limit else None
        following = (
            Cursor("run records", end["sort_text"], end["at"], end["record_id"]).encode() if end else None
        )
        items = tuple(RunRecordView.model_validate(_worded(row, called)) for row in found[:limit])
        return RunRecordPage(items=items, next=following)


def _worded(row: Record | dict[str, Any], called: Names) -> dict[str, Any]:
    """A row with its reason in words."""
    text, fix = reason_words(row["reason"], row["field"], called) if row["reason"] else ("", "")
    return dict(row.items()) | {"reason_text": text, "fix": fix}


def _log(routes: APIRouter, database: Database) -> None:
    @routes.get("/log")
    async def entries(
        company: UUID, after_n: Annotated[int, Query(ge=0, le=MAX_N)] = 0, limit: Limit = 100
    ) -> Response:
        """The company's log in its order, with what the chain is made of."""
        async with database.reading(company) as tx:
            found = await log.read(tx, company, after_n, limit)
        following = found[-1].n if len(found) == limit else None
        return _json({"items": [_entry(entry) for entry in found], "next": following})

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


def _operations(routes: APIRouter, database: Database) -> None:
    @routes.get("/operations")
    async def results(company: UUID, span: Span = "1h") -> ResultsView:
        """Records by status, and what became of pushes within the `span`."""
        minutes, step = SPANS[span]
        async with database.reading(company) as tx:
            begin = await operations.begin(tx, minutes, step)
            rows = await operations.results(tx, company, begin, step)
            reasons = await operations.reasons(tx, company)
            oldest = await operations.oldest(tx, company)
            counts = await operations.counts(tx, [company])
            called = await _names(tx, company)
        paces = Counter[int]()
        for row in rows:
            paces[row.pace] += row.pushes
        worded = [_worded(dict(row.items()) | {"field": None}, called) for row in reasons]
        return ResultsView(
            counts=counts[company],
            oldest=OldestWaiting.model_validate(dict(oldest.items())) if oldest else None,
            step_seconds=60 * step,
            points=points(rows, begin, minutes, step),
            median=within(paces, 0.5),
            p95=within(paces, 0.95),
            reasons=tuple(
                ReasonCount.model_validate({**row, "text": row.pop("reason_text")}) for row in worded
            ),
        )

    @routes.post("/summaries")
    async def summaries(companies: list[UUID]) -> dict[UUID, dict[str, Any]]:
        """Of each of these companies: its records by status, the runs under way, and why pushes of the last day failed."""
        async with database.transaction(companies) as tx:
            counts = await operations.counts(tx, companies)
            running = await operations.running(tx, companies)
            failures = await operations.failures(tx, companies)
            settings = await load_settings(tx, {row["company_id"] for row in failures})
        failed: dict[UUID, list[str]] = {company: [] for company in companies}
        for row in failures:
            if len(failed[row["company_id"]]) < MAX_REASONS:
                called = names(settings.get(row["company_id"]))
                failed[row["company_id"]].append(reason_words(row["reason"], None, called)[0])
        return {
            c: {"counts": counts[c], "running": running.get(c, 0), "failed": failed[c]} for c in companies
        }


def _sort(sort: str) -> tuple[str, bool]:
    key, _, direction = sort.partition(":")
    down = direction == "desc" or key.startswith("-")
    key = key.removeprefix("-")
    if key not in show.SORTS or direction not in ("", "asc", "desc"):
        raise ProblemError("invalid", f"`sort` is one of {', '.join(sorted(show.SORTS))}.")
    return key, down


def _cursor(after: str | None, sort: str) -> Cursor | None:
    if after is None:
        return None
    try:
        return Cursor.decode(after, sort)
    except ValueError:
        raise ProblemError("invalid", "`after` is not a place in this list. Begin at its start.") from None


def _following(rows: Sequence[Record], limit: int, sort: str) -> str | None:
    """Where the next page begins, when there are more rows than the page takes."""
    if len(rows) <= limit:
        return None
    end = rows[limit - 1]
    return Cursor(sort, end["sort_text"], end["sort_time"], end["record_id"]).encode()


def _number(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and int(after[:20]) <= MAX_N):
        raise ProblemError("invalid", "`after` is not a place in this list. Begin at its start.")
    return int(after[:20])


def _filter(statuses: list[Status], q: str | None) -> Filter:
    if q is not None and "\0" in q:
        raise ProblemError("invalid", "`q` has a character that cannot be searched for.")
    text = searchable(q or "")
    return Filter([s.value for s in statuses], show.like(text) if text else None)


async def _names(tx: Tx, company: UUID) -> Names:
    return names((await load_settings(tx, [company])).get(company))


def _view(row: Record, called: Names) -> RecordView:
    values = {name: row[name] for name in RecordView.model_fields if name not in ("reason_text", "fix")}
    holder = Holder.model_validate_json(row["holder"]) if row["holder"] else None
    text, fix = reason_words(row["reason"], row["field"], called) if row["reason"] else ("", "")
    if holder is not None:
        text, fix = f"{text} {held_by(holder)}", f"{fix} {free_name(holder)}".rstrip()
    return RecordView.model_validate(
        values
        | {
            "reason_text": text,
            "fix": fix,
            "destination_remote_id": row["destination_remote_id"] or row["found_remote_id"],
            "holder": holder,
            "answer": orjson.loads(row["answer"]) if row["answer"] else None,
        }
    )


def _run(run: Run) -> RunView:
    return RunView.model_validate({name: getattr(run, name) for name in RunView.model_fields})


def _entry(entry: Entry) -> dict[str, Any]:
    values = entry._asdict() | {"prev_hash": entry.prev_hash.hex(), "hash": entry.hash.hex()}
    return {
        name: v if isinstance(v, str | int | None) else str(v) for name, v in values.items() if name != "body"
    } | {
        "event_time": entry.event_time.isoformat(),
        "body": orjson.Fragment(entry.body),
    }


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
