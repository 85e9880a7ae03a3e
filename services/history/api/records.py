"""Records: the list, one record, and what happened to it."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from services.history.api.common import MAX_LIMIT, MAX_QUERY, Limit, as_json, called_in, cursor_of, number_of
from services.history.core import show
from services.history.core.show import Cursor
from services.history.store import log, read
from services.history.store import records as stored
from services.history.store.read import Filter
from shared.contracts.views import RecordPage, RecordView, Timeline
from shared.db.companies import load_settings
from shared.db.tx import Database, Record
from shared.domain.employee import Employee
from shared.domain.reasons import free_name, held_by
from shared.domain.search import pattern
from shared.domain.values import Holder, Status
from shared.http.problems import ProblemError
from shared.systems.words import Names, names, reason_words

MAX_IDS = 10_000
Search = Annotated[str | None, Query(min_length=1, max_length=MAX_QUERY)]


class Wanted(BaseModel):
    """A filter over the list."""

    status: list[Status] = []
    q: str | None = Field(default=None, min_length=1, max_length=MAX_QUERY)


class ToResolve(BaseModel):
    """Either the ids that a person chose, or everything that a filter finds."""

    ids: list[UUID] | None = Field(default=None, max_length=100_000)
    filter: Wanted | None = None


def add(routes: APIRouter, database: Database) -> None:
    """The routes of records."""
    _lists(routes, database)
    _records(routes, database)
    _values(routes, database)


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
        cursor = cursor_of(after, sort)
        wanted = _filter(status, q)
        async with database.reading(company) as tx:
            known = await read.survey(tx, company, wanted.pattern)
            if ids is None:
                rows = await read.page(tx, company, wanted, known, key, cursor, limit, down=down)
            else:
                rows = await stored.by_ids(tx, company, ids)
            called = await called_in(tx, company)
        items = tuple(_view(row, called) for row in (rows[:limit] if ids is None else rows))
        following = _following(rows, limit, sort) if ids is None else None
        return RecordPage(
            items=items,
            next=following,
            total=known.total(wanted),
            counts=dict(known.counts),
            at_least=known.at_least,
        )

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
        cursor = cursor_of(after, sort)
        wanted = _filter(status, q)
        async with database.reading(company) as tx:
            known = await read.survey(tx, company, wanted.pattern)
            rows = await read.page(tx, company, wanted, known, key, cursor, limit, down=down, ids_only=True)
        ids = [row["record_id"] for row in rows[:limit]]
        return as_json({"ids": ids, "next": _following(rows, limit, sort)})

    @routes.post("/records/resolve")
    async def resolve(company: UUID, question: ToResolve) -> Response:
        """Which records these are, each with its rev and status, all in one snapshot."""
        if (question.ids is None) == (question.filter is None):
            raise ProblemError("invalid", "Give either `ids` or a `filter`.")
        chosen = _filter(question.filter.status, question.filter.q) if question.filter else question.ids or []
        async with database.reading(company) as tx:
            found = await stored.resolve(tx, company, chosen)
        return Response(found, media_type="application/json")


def _records(routes: APIRouter, database: Database) -> None:
    @routes.get("/records/{record}")
    async def detail(company: UUID, record: UUID) -> Response:
        """One record with the values staged and, where linked, the destination's; a value that is not known is left out."""
        async with database.reading(company) as tx:
            row = await stored.record(tx, company, record)
            settings = (await load_settings(tx, [company])).get(company)
        if row is None:
            raise ProblemError("not-found", "There is no such record here.")
        here, there = row["employee"] or "{}", row["destination_employee"] or "null"
        view = _view(row, names(settings)).model_dump(mode="json")
        noted = show.notes(Employee.model_validate_json(here), settings)
        view |= {"notes": [one.model_dump() for one in noted]}
        return as_json(
            view | {"employee": orjson.Fragment(here), "destination_employee": orjson.Fragment(there)}
        )

    @routes.get("/records/{record}/timeline")
    async def timeline(company: UUID, record: UUID, after: str | None = None, limit: Limit = 50) -> Timeline:
        """What happened to the record and to the one it is linked to, newest first."""
        before_n = number_of(after)
        async with database.reading(company) as tx:
            row = await stored.record(tx, company, record)
            if row is None:
                raise ProblemError("not-found", "There is no such record here.")
            both = [r for r in (record, row["destination_record_id"]) if r is not None]
            entries = await log.of_records(tx, company, both, before_n, limit + 1)
            written = any(e.type in show.WRITTEN for e in entries)
            planned = show.planned_fields(await log.planned(tx, company, record, 0)) if written else {}
            called = await called_in(tx, company)
        items = show.timeline(entries[:limit], record, planned, called)
        return Timeline(items=items, next=str(items[-1].n) if len(entries) > limit else None)


def _values(routes: APIRouter, database: Database) -> None:
    @routes.get("/employees")
    async def employees(company: UUID, ids: Annotated[list[UUID], Query(max_length=MAX_LIMIT)]) -> Response:
        """The last known values of these records of either account, by id; one that is not known is left out."""
        async with database.reading(company) as tx:
            found = await stored.employees(tx, company, ids)
        return as_json({record: orjson.Fragment(values) for record, values in found.items()})


def _sort(sort: str) -> tuple[str, bool]:
    key, _, direction = sort.partition(":")
    down = direction == "desc" or key.startswith("-")
    key = key.removeprefix("-")
    if key not in show.SORTS or direction not in ("", "asc", "desc"):
        raise ProblemError("invalid", f"`sort` is one of {', '.join(sorted(show.SORTS))}.")
    return key, down


def _following(rows: Sequence[Record], limit: int, sort: str) -> str | None:
    """Where the next page begins, when there are more rows than the page takes."""
    if len(rows) <= limit:
        return None
    end = rows[limit - 1]
    return Cursor(sort, end["sort_text"], end["sort_time"], end["record_id"]).encode()


def _filter(statuses: list[Status], q: str | None) -> Filter:
    if q is not None and "\0" in q:
        raise ProblemError("invalid", "`q` has a character that cannot be searched for.")
    return Filter([s.value for s in statuses], pattern(q))


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
