"""Records: the list, one record, its history, its JSON, its link; and selections of them."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field, StrictBool, model_validator

from services.gateway.api.common import Access, Deps, IdempotencyKey, Input, once, operator, viewer
from services.gateway.store import requests
from shared.contracts.commands import SELECTED, CreateRecord, LinkRecord, Selected, UnlinkRecord
from shared.contracts.events import Body
from shared.contracts.records import Lane, Status
from shared.contracts.views import RecordDetail, RecordJson, RecordPage, SelectionView, Timeline
from shared.db.tx import Tx
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing

MAX_PAGE = 500
MAX_SELECTED = 100_000


class Filter(Input):
    """Records with one of these statuses and with this text in name, number or e-mail."""

    status: list[Status] | None = None
    q: str | None = Field(default=None, max_length=200)


class Selection(Input):
    """Records by id, or everything that matches a filter now, except some."""

    record_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=MAX_SELECTED)
    filter: Filter | None = None
    except_ids: list[UUID] = Field(default=[], max_length=MAX_SELECTED)

    @model_validator(mode="after")
    def _one_way(self) -> Selection:
        if (self.record_ids is None) == (self.filter is None):
            msg = "give either record_ids or filter"
            raise ValueError(msg)
        if self.except_ids and self.filter is None:
            msg = "except_ids goes with filter, and only with it"
            raise ValueError(msg)
        return self


class Link(Input):
    """The destination record that this one is."""

    destination_record_id: UUID
    then_push: StrictBool = False


async def resolve(deps: Deps, company: UUID, selection: Selection) -> list[Selected]:
    """What is selected, as it stands in history at this moment."""
    wanted: dict[str, Any] = {}
    if selection.record_ids is not None:
        wanted["ids"] = [str(i) for i in dict.fromkeys(selection.record_ids)]
    else:
        assert selection.filter is not None
        wanted["filter"] = {"status": selection.filter.status or [], "q": selection.filter.q or None}
    found = await deps.history.post(
        "/records/resolve", company=company, json=wanted, read=SELECTED.validate_json
    )
    left_out = set(selection.except_ids)
    return [s for s in found if s.record_id not in left_out] if left_out else found


async def selected(deps: Deps, company: UUID, selection: UUID) -> list[Selected]:
    """What a selection held when it was made. Raises `gone` after an hour."""
    async with deps.database.transaction([company]) as tx:
        chosen = await requests.find_selection(tx, company, selection)
    if chosen is None:
        raise ProblemError("gone", "This selection has expired. Select again.")
    return chosen


def make(deps: Deps) -> APIRouter:
    """Records of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["records"])
    _reads(routes, deps)
    _mapping(routes, deps)
    return routes


def _reads(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/records", response_model=RecordPage)
    async def records(
        company: UUID,
        status: Annotated[list[Status] | None, Query()] = None,
        q: Annotated[str | None, Query(max_length=200)] = None,
        sort: Annotated[str, Query(pattern=r"^-?(number|name|status|synced_at)$")] = "number",
        after: Annotated[str | None, Query(max_length=1000)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        ids: Annotated[list[UUID] | None, Query(max_length=MAX_PAGE)] = None,
        _: Access = viewer(deps),
    ) -> Any:
        """One page; `next` continues it, `counts` are by status over the search.

        With `ids`, the items are these records instead, whether they match or not, so that a page can fetch again what it shows.
        """
        asked: dict[str, Any] = {"status": [s.value for s in status] if status else None, "q": q or None}
        if ids is None:
            asked |= {"sort": sort, "after": after, "limit": limit}
        else:
            asked |= {"ids": [str(i) for i in dict.fromkeys(ids)]}
        return await deps.history.get("/records", company=company, **asked)

    @routes.get("/records/{record}", response_model=RecordDetail)
    async def record(company: UUID, record: UUID, _: Access = viewer(deps)) -> Any:
        """One record with both sides' values."""
        return await deps.history.get(f"/records/{record}", company=company)

    @routes.get("/records/{record}/timeline", response_model=Timeline)
    async def timeline(
        company: UUID,
        record: UUID,
        after: Annotated[int | None, Query(ge=0)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        _: Access = viewer(deps),
    ) -> Any:
        """What happened to it, newest first."""
        return await deps.history.get(
            f"/records/{record}/timeline", company=company, after=after, limit=limit
        )

    @routes.get("/records/{record}/json", response_model=RecordJson)
    async def raw(company: UUID, record: UUID, _: Access = viewer(deps)) -> dict[str, Any]:
        """The raw JSON of the record and of its destination record, and what is staged: the canonical values."""
        shown = await deps.history.get(f"/records/{record}", company=company)
        there = shown["destination_record_id"]
        source = await deps.importer.get(f"/records/{record}/payload", company=company)
        destination = None
        if there is not None:
            try:
                destination = await deps.importer.get(f"/records/{there}/payload", company=company)
            except ProblemError as error:
                if error.kind != "not-found":
                    raise
        return {"source": source, "staged": source["employee"], "destination": destination}

    @routes.post("/selections", status_code=201, response_model=SelectionView)
    async def select(company: UUID, body: Selection, _: Access = operator(deps)) -> dict[str, Any]:
        """Fix what is selected now, with its exact count, for an hour."""
        chosen = await resolve(deps, company, body)
        selection = deps.clock.new_id()
        async with deps.database.transaction([company]) as tx:
            await requests.add_selection(tx, company, selection, chosen)
        counts = Counter(s.status.value for s in chosen)
        return {"selection_id": selection, "count": len(chosen), "counts": counts}

    @routes.get("/selections/{selection}")
    async def selection(company: UUID, selection: UUID, _: Access = operator(deps)) -> dict[str, Any]:
        """A selection's records as they stood when it was made."""
        chosen = await selected(deps, company, selection)
        return {"selection_id": selection, "count": len(chosen), "records": chosen}


def _mapping(routes: APIRouter, deps: Deps) -> None:
    async def tell(request: Request, access: Access, key: str | None, body: Body) -> dict[str, Any]:
        said = Outgoing(body, access.company, lane=Lane.REAL_TIME, actor=access.person.actor)

        async def act(tx: Tx) -> dict[str, Any]:
            await deps.outbox.append(tx, [said])
            return {"accepted": True}

        return await once(deps, request, access.company, key, act)

    @routes.get("/records/{record}/candidates")
    async def candidates(company: UUID, record: UUID, _: Access = viewer(deps)) -> Any:
        """Who at the destination this may be, and why."""
        return await deps.mapper.get(f"/records/{record}/candidates", company=company)

    @routes.put("/records/{record}/link", status_code=202)
    async def link(
        record: UUID,
        body: Link,
        request: Request,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Say who this is at the destination. It wins over what Muster works out."""
        command = LinkRecord(
            record_id=record, destination_record_id=body.destination_record_id, then_push=body.then_push
        )
        return await tell(request, access, key, command)

    @routes.delete("/records/{record}/link", status_code=202)
    async def unlink(
        record: UUID, request: Request, access: Access = operator(deps), key: IdempotencyKey = None
    ) -> dict[str, Any]:
        """Say that the link is wrong."""
        return await tell(request, access, key, UnlinkRecord(record_id=record))

    @routes.post("/records/{record}/create", status_code=202)
    async def create(
        record: UUID, request: Request, access: Access = operator(deps), key: IdempotencyKey = None
    ) -> dict[str, Any]:
        """Say that nobody at the destination is this one."""
        return await tell(request, access, key, CreateRecord(record_id=record))
