"""The administration audit log: who came in, who could not, and what was done to access, connections and rules."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from services.gateway.api.callers import admin, installation
from services.gateway.api.common import Access, Deps
from services.gateway.store.audit import INSTALLATION, Action, Wanted, list_entries
from services.gateway.store.users import Person
from shared.contracts.views import AuditEntry, AuditPage
from shared.db.tx import Record
from shared.domain.visibility import Role
from shared.http.problems import ProblemError

After = Annotated[int | None, Query(ge=1, le=2**62)]
Limit = Annotated[int, Query(ge=1, le=500)]
Kind = Annotated[Literal["csv", "json"], Query(alias="format", description="The kind of file.")]
_PAGE = 500
_COLUMNS = tuple(AuditEntry.model_fields)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _wanted(
    action: Annotated[list[Action] | None, Query()] = None,
    who: Annotated[str | None, Query(max_length=100)] = None,
    since: Annotated[datetime | None, Query()] = None,
    until: Annotated[datetime | None, Query()] = None,
) -> Wanted:
    if any(moment is not None and moment.tzinfo is None for moment in (since, until)):
        raise ProblemError("invalid", "since and until carry their offset from UTC, such as Z.")
    return Wanted(action, who, since, until)


Filter = Annotated[Wanted, Depends(_wanted)]


def make(deps: Deps) -> APIRouter:
    """Reads of the log; all take the same filters, and a whole log is read page by page, or exported."""
    routes = APIRouter(prefix="/v1", tags=["audit"])

    @routes.get("/companies/{company}/audit", response_model=AuditPage)
    async def company_audit(
        company: UUID, wanted: Filter, after: After = None, limit: Limit = 100, _: Access = admin(deps)
    ) -> dict[str, Any]:
        """The company's entries, newest first: its keys, roles, connections and rules, and the sign-ins of its people.

        `who` is an actor or a subject, such as `user:…` or `key:…`; `next` is `after` of the next page.
        """
        items = [dict(row.items()) for row in await _entries(deps, company, wanted, after, limit)]
        return {"items": items, "next": items[-1]["entry_id"] if len(items) == limit else None}

    @routes.get("/companies/{company}/audit/export", response_class=StreamingResponse)
    async def export_audit(
        company: UUID,
        wanted: Filter,
        kind: Kind = "csv",
        _: Access = admin(deps),
    ) -> StreamingResponse:
        """Every entry that matches, newest first, as a file: CSV with a line of headings, or JSON, one entry a line."""
        media, name, write = _FILES[kind]
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(write(_all(deps, company, wanted)), media_type=media, headers=headers)

    @routes.get("/audit", response_model=AuditPage)
    async def installation_audit(
        wanted: Filter,
        after: After = None,
        limit: Limit = 100,
        _: Person = installation(deps, Role.ADMIN),
    ) -> dict[str, Any]:
        """Entries of the installation: every sign-in, those of strangers too. For an administrator of this Muster."""
        items = [dict(row.items()) for row in await _entries(deps, INSTALLATION, wanted, after, limit)]
        return {"items": items, "next": items[-1]["entry_id"] if len(items) == limit else None}

    return routes


async def _entries(deps: Deps, company: UUID, wanted: Wanted, after: After, limit: int) -> list[Record]:
    async with deps.database.reading(company) as tx:
        return await list_entries(tx, company, after, wanted, limit)


async def _all(deps: Deps, company: UUID, wanted: Wanted) -> AsyncIterator[list[Record]]:
    after: int | None = None
    while rows := await _entries(deps, company, wanted, after, _PAGE):
        yield rows
        if len(rows) < _PAGE:
            return
        after = rows[-1]["entry_id"]


async def _csv(pages: AsyncIterator[list[Record]]) -> AsyncIterator[str]:
    yield ",".join(_COLUMNS) + "\r\n"
    async for rows in pages:
        text = io.StringIO()
        csv.writer(text).writerows([_cell(row[name]) for name in _COLUMNS] for row in rows)
        yield text.getvalue()


def _cell(value: Any) -> str:
    """As a spreadsheet shows it: what a stranger's program calls itself is no formula."""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


async def _json(pages: AsyncIterator[list[Record]]) -> AsyncIterator[bytes]:
    async for rows in pages:
        yield b"".join(orjson.dumps({name: row[name] for name in _COLUMNS}) + b"\n" for row in rows)


_FILES: dict[str, tuple[str, str, Callable[[AsyncIterator[list[Record]]], AsyncIterator[str | bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", "audit.csv", _csv),
    "json": ("application/x-ndjson", "audit.jsonl", _json),
}
