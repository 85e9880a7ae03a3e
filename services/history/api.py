"""HTTP in: records, timelines, runs, and the log."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from services.history.core import chain, show
from services.history.core.chain import GENESIS, Entry
from services.history.core.fold import Run, searchable
from services.history.core.show import Cursor, Names
from services.history.settings import Settings
from services.history.store import log, read
from services.history.store.read import Filter
from shared.contracts.records import Status
from shared.contracts.views import RecordPage, RecordView, RunView, Timeline
from shared.db.companies import load_settings
from shared.db.tx import Database, Record, Tx
from shared.http.auth import internal_only
from shared.http.problems import ProblemError

MAX_LIMIT = 500
MAX_QUERY = 200
VERIFY_CHUNK = 5_000
MAX_N = 2**63 - 1
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
    _records(routes, database)
    _runs(routes, database)
    _log(routes, database)
    return routes


def _records(routes: APIRouter, database: Database) -> None:
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
        more = ids is None and len(rows) > limit
        end = rows[limit - 1] if more else None
        following = (
            Cursor(sort, end["sort_text"], end["sort_time"], end["record_id"]).encode() if end else None
        )
        return RecordPage(items=items, next=following, total=known.total(wanted), counts=dict(known.counts))

    @routes.post("/records/resolve")
    async def resolve(company: UUID, question: ToResolve) -> Response:
        """Which records these are, each with its rev and status, all in one snapshot."""
        if (question.ids is None) == (question.filter is None):
            raise ProblemError("invalid", "Give either `ids` or a `filter`.")
        chosen = _filter(question.filter.status, question.filter.q) if question.filter else question.ids or []
        async with database.reading(company) as tx:
            found = await read.resolve(tx, company, chosen)
        return Response(found, media_type="application/json")

    @routes.get("/records/{record}")
    async def detail(company: UUID, record: UUID) -> Response:
        """One record with the values staged and, where linked, the destination's; a value that is not known is left out."""
        async with database.reading(company) as tx:
            row = await read.record(tx, company, record)
            called = await _names(tx, company)
        if row is None:
            raise ProblemError("not-found", "There is no such record here.")
        here, there = row["employee"] or "{}", row["destination_employee"] or "null"
        view = _view(row, called).model_dump(mode="json")
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
            written = any(e.type == "push.succeeded" for e in entries)
            planned = show.planned_fields(await log.planned(tx, company, record, 0)) if written else {}
            called = await _names(tx, company)
        items = show.timeline(entries[:limit], record, planned, called)
        return Timeline(items=items, next=str(items[-1].n) if len(entries) > limit else None)


def _runs(routes: APIRouter, database: Database) -> None:
    @routes.get("/runs")
    async def runs(company: UUID, after: str | None = None, limit: Limit = 50) -> dict[str, Any]:
        """Imports and pushes, newest first."""
        cursor = _cursor(after, "runs")
        async with database.reading(company) as tx:
            found = await read.runs(tx, company, cursor, limit)
        end = found[limit - 1] if len(found) > limit else None
        following = Cursor("runs", "", end.started_at, end.run_id).encode() if end else None
        return {"items": [_run(run) for run in found[:limit]], "next": following}

    @routes.get("/runs/{run}")
    async def run_by_id(company: UUID, run: UUID) -> RunView:
        """One import or push."""
        async with database.reading(company) as tx:
            found = await read.run(tx, company, run)
        if found is None:
            raise ProblemError("not-found", "There is no such run here.")
        return _run(found)


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

    @routes.get("/verify")
    async def verify(company: UUID) -> dict[str, Any]:
        """Whether the chain holds from its first entry to its head; if not, the first number that is wrong."""
        async with database.reading(company) as tx:
            head = await log.head(tx, company)
        n, before, bad = 0, GENESIS, None
        while n < head.n and bad is None:
            async with database.reading(company) as tx:
                rows = await log.read(tx, company, n, min(VERIFY_CHUNK, head.n - n))
            bad = chain.verify(rows, before, n) if rows else n + 1
            if bad is None:
                n, before = rows[-1].n, rows[-1].hash
        if bad is None and before != head.hash:
            bad = n
        return {"ok": bad is None, "entries": head.n, "first_bad": bad, "head": head.hash.hex()}


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


def _number(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and int(after[:20]) <= MAX_N):
        raise ProblemError("invalid", "`after` is not a place in this list. Begin at its start.")
    return int(after[:20])


def _filter(statuses: list[Status], q: str | None) -> Filter:
    if q is not None and "\0" in q:
        raise ProblemError("invalid", "`q` has a character that cannot be searched for.")
    return Filter([s.value for s in statuses], show.like(searchable(q.strip())) if q else None)


async def _names(tx: Tx, company: UUID) -> Names:
    return show.names((await load_settings(tx, [company])).get(company))


def _view(row: Record, called: Names) -> RecordView:
    values = {name: row[name] for name in RecordView.model_fields if name not in ("reason_text", "fix")}
    text, fix = show.reason_words(row["reason"], row["field"], called) if row["reason"] else ("", "")
    remote = row["destination_remote_id"] or row["found_remote_id"]
    return RecordView.model_validate(
        values | {"reason_text": text, "fix": fix, "destination_remote_id": remote}
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
