"""HTTP in: the read models, for gateway."""

from __future__ import annotations

import base64

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from services.history import core, store
from services.history.settings import Settings
from shared.contracts.records import CompanySettings, Employee, Status
from shared.contracts.views import RecordDetail, RecordPage, RecordView, RunView, Timeline, TimelineEntry
from shared.db.companies import load_settings
from shared.db.tx import Database, Record, Tx
from shared.http.auth import internal_only
from shared.http.problems import ProblemError

MAX_PAGE = 500
SORTS = ("number", "name", "status", "synced_at", "updated_at")
VERIFY_CHUNK = 5000


class Filter(BaseModel):
    """Which records: with one of these statuses, and with this text in name, number or e-mail."""

    model_config = ConfigDict(extra="forbid")

    status: list[Status] | None = None
    q: str | None = None


class Wanted(BaseModel):
    """A selection: ids, or everything that matches."""

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] | None = None
    filter: Filter | None = None


def make_routes(database: Database, settings: Settings) -> APIRouter:
    """history's internal API."""
    routes = APIRouter(prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))])

    @routes.get("/records")
    async def records(
        company: UUID,
        status: Annotated[list[Status] | None, Query()] = None,
        q: str | None = None,
        sort: str = "number",
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    ) -> RecordPage:
        """One page of the source's records; `sort` may start with a minus."""
        key, descending = sort.removeprefix("-"), sort.startswith("-")
        if key not in SORTS:
            raise ProblemError("invalid", f"Sort by one of {', '.join(SORTS)}; a minus before it turns the order.")
        async with database.transaction([company]) as tx:
            document, account = await _source(tx, company)
            if account is None:
                return RecordPage(items=(), next=None, total=0, counts={})
            counts = await store.count_records(tx, company, account, _like(q))
            rows = await store.list_records(
                tx,
                company,
                account,
                statuses=[s.value for s in status] if status else None,
                like=_like(q),
                limit=limit + 1,
                sort=key,
                descending=descending,
                after=_opened(after),
            )
        items = tuple(RecordView.model_validate(_shown(row, document)) for row in rows[:limit])
        following = _cursor(rows[limit - 1]["sort_key"], rows[limit - 1]["record_id"]) if len(rows) > limit else None
        total = sum(n for s, n in counts.items() if status is None or s in status)
        return RecordPage(items=items, next=following, total=total, counts=counts)

    @routes.post("/records/resolve")
    async def resolve(company: UUID, wanted: Wanted) -> list[dict[str, Any]]:
        """What is selected, as it stands now."""
        chosen = wanted.filter or Filter()
        async with database.transaction([company]) as tx:
            _, account = await _source(tx, company)
            if account is None:
                return []
            statuses = [s.value for s in chosen.status] if chosen.status else None
            rows = await store.resolve(tx, company, account, wanted.ids, statuses, _like(chosen.q))
        return [{"record_id": r["record_id"], "source_rev": r["rev"], "status": r["status"]} for r in rows]

    @routes.get("/records/{record}")
    async def record(company: UUID, record: UUID) -> RecordDetail:
        """One record with both sides' values."""
        async with database.transaction([company]) as tx:
            document, _ = await _source(tx, company)
            row = await store.one_record(tx, company, record)
        if row is None:
            raise ProblemError("not-found", "There is no such record here.")
        shown = _shown(row, document)
        there = row["destination_employee"]
        shown["employee"] = Employee.model_validate_json(row["employee"]) if row["employee"] else Employee()
        shown["destination_employee"] = Employee.model_validate_json(there) if there else None
        return RecordDetail.model_validate(shown)

    @routes.get("/records/{record}/timeline")
    async def timeline(
        company: UUID, record: UUID, after: int | None = None, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100
    ) -> Timeline:
        """What happened to a record and to its destination record, newest first."""
        async with database.transaction([company]) as tx:
            document, _ = await _source(tx, company)
            row = await store.one_record(tx, company, record)
            if row is None:
                raise ProblemError("not-found", "There is no such record here.")
            both = [r for r in (record, row["destination_record_id"]) if r is not None]
            rows = await store.timeline(tx, company, both, after or 2**62, limit + 1)
        items = tuple(_entry(r, document) for r in rows[:limit])
        return Timeline(items=items, next=str(items[-1].n) if len(rows) > limit else None)

    @routes.get("/runs")
    async def runs(company: UUID, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50) -> list[RunView]:
        """The newest imports and pushes."""
        async with database.transaction([company]) as tx:
            return [_run(row) for row in await store.list_runs(tx, company, None, limit)]

    @routes.get("/runs/{run}")
    async def run(company: UUID, run: UUID) -> RunView:
        """One import or push."""
        async with database.transaction([company]) as tx:
            rows = await store.list_runs(tx, company, run, 1)
        if not rows:
            raise ProblemError("not-found", "There is no such run here.")
        return _run(rows[0])

    @routes.get("/verify")
    async def verify(company: UUID) -> dict[str, Any]:
        """Recompute the company's chain: whether it holds, how long it is, and the first number that does not fit."""
        previous, expected = core.GENESIS, 1
        async with database.transaction([company]) as tx:
            while entries := await store.read_log(tx, company, expected - 1, VERIFY_CHUNK):
                bad, previous, expected = core.first_bad(company, previous, expected, entries)
                if bad is not None:
                    return {"good": False, "first_bad": bad}
            heads = await store.lock_heads(tx)
        n, head = heads[company]
        good = (n, bytes(head)) == (expected - 1, previous)
        return {"good": good, "entries": expected - 1, "head": head.hex(), "first_bad": None if good else expected}

    return routes


async def _source(tx: Tx, company: UUID) -> tuple[CompanySettings | None, UUID | None]:
    document = (await load_settings(tx, [company])).get(company)
    return document, document.route.source if document and document.route else None


def _like(q: str | None) -> str | None:
    if not q or not q.strip():
        return None
    plain = core.folded(q.strip()).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def _cursor(key: str, record: UUID) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([key, str(record)])).decode()


def _opened(cursor: str | None) -> tuple[str, UUID] | None:
    if cursor is None:
        return None
    try:
        key, record = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
        return str(key), UUID(record)
    except (ValueError, TypeError, AttributeError):
        raise ProblemError("invalid", "`after` is not a cursor of this list. Start again without it.") from None


def _shown(row: Record, document: CompanySettings | None) -> dict[str, Any]:
    values = dict(row.items())
    values["reason_text"], values["fix"] = core.explain(row["reason"], row["field"], document)
    values["source_rev"] = row["rev"]
    values["name"] = row["name"] or row["remote_id"]
    return values


def _entry(row: Record, document: CompanySettings | None) -> TimelineEntry:
    body = orjson.loads(row["body"])
    changes, detail = core.timeline_entry(row["type"], body)
    reason = body.get("reason") or None
    return TimelineEntry(
        n=row["n"],
        at=row["event_time"],
        type=row["type"],
        actor=row["actor"],
        cause=body.get("cause"),
        run_id=row["run_id"],
        changes=changes,
        status=body.get("status"),
        reason=reason,
        reason_text=core.explain(reason, body.get("field"), document)[0],
        detail=detail,
    )


def _run(row: Record) -> RunView:
    values = dict(row.items())
    values["counts"], values["skipped"] = orjson.loads(row["counts"]), orjson.loads(row["skipped"])
    return RunView.model_validate(values)
