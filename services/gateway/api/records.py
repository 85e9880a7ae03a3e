"""Records: the list, one record, its history, its JSON; and selections of them."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, Field, model_validator

from services.gateway.api.callers import operator, viewer
from services.gateway.api.common import Access, Deps, Input
from services.gateway.store import companies, requests
from shared.contracts.commands import SELECTED, Selected
from shared.contracts.history_views import HistoryKind, HistoryPage
from shared.contracts.views import RecordDetail, RecordIds, RecordJson, RecordPage, SelectionView, Timeline
from shared.domain.capabilities import System
from shared.domain.values import Status
from shared.domain.visibility import only, without
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS

MAX_PAGE = 500
MAX_IDS = 10_000
SORT = r"^-?(number|name|status|synced_at)$"
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


class Asked(Input):
    """Which entries of a change history; an empty `actor` is Muster itself."""

    kind: list[HistoryKind] = Field(default=[], max_length=len(HistoryKind))
    field: str | None = Field(default=None, max_length=100)
    actor: str | None = Field(default=None, max_length=200)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    after: int | None = Field(default=None, ge=0)
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


async def _history(deps: Deps, access: Access, asked: Asked, record: UUID | None) -> Any:
    query = asked.model_dump(mode="json", exclude_none=True) | ({"record": str(record)} if record else {})
    if asked.field in access.hidden:
        query["field"] = ""  # what the role does not see is not found by it either
    found = await deps.history.get("/history", company=access.company, **query)
    for entry in found["items"]:
        entry["hidden"] = sorted(access.hidden & entry["changes"].keys())
    return without(found, access.hidden)


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
    if selection.record_ids is not None and (unknown := len(wanted["ids"]) - len(found)):
        raise ProblemError("not-found", f"{unknown} of these records are not here.")
    left_out = set(selection.except_ids)
    return [s for s in found if s.record_id not in left_out] if left_out else found


async def selected(deps: Deps, company: UUID, selection: UUID) -> list[Selected]:
    """What a selection held when it was made. Raises `gone` after an hour."""
    async with deps.database.transaction([company]) as tx:
        chosen = await requests.find_selection(tx, company, selection)
    if chosen is None:
        raise ProblemError("gone", "This selection has expired. Select again.")
    return chosen


async def _payload(deps: Deps, access: Access, record: UUID | str) -> dict[str, Any]:
    """One record as its system sent it. A role that does not see everything sees what is listed for the system."""
    found: dict[str, Any] = await deps.importer.get(f"/records/{record}/payload", company=access.company)
    payload = found.pop("payload")
    if payload is None or not access.hidden:
        return {**without(found, access.hidden), "payload": payload}
    system = await _system(deps, access.company, found["account_id"])
    payload, hidden = only(payload, system.payload_shown if system else frozenset())
    return {**without(found, access.hidden), "payload": payload, "hidden": hidden}


async def _system(deps: Deps, company: UUID, account_id: str) -> System | None:
    async with deps.database.transaction([company]) as tx:
        (settings,) = await companies.load_companies(tx, [company])
    account = settings.account(UUID(account_id))
    return SYSTEMS[account.system] if account else None


async def _shown(deps: Deps, access: Access, exchange: dict[str, Any]) -> dict[str, Any]:
    """What was exchanged; a role that does not see everything sees the same of both bodies as of a raw record."""
    if not access.hidden or exchange["request"] is None:
        return exchange
    system = await _system(deps, access.company, exchange["request"]["account_id"])
    for part in filter(None, (exchange["request"], exchange["answer"])):
        body = part["body"] if isinstance(part["body"], dict) else {}
        shown, member = (system.payload_shown, system.record_member) if system else (frozenset(), "")
        part["body"], part["hidden"] = only(body, shown, member)
    return exchange


def make(deps: Deps) -> APIRouter:
    """Records of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["records"])
    _reads(routes, deps)
    return routes


def _reads(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/records", response_model=RecordPage)
    async def records(
        status: Annotated[list[Status] | None, Query()] = None,
        q: Annotated[str | None, Query(max_length=200)] = None,
        sort: Annotated[str, Query(pattern=SORT)] = "number",
        after: Annotated[str | None, Query(max_length=1000)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        ids: Annotated[list[UUID] | None, Query(max_length=MAX_PAGE)] = None,
        access: Access = viewer(deps),
    ) -> Any:
        """One page; `next` continues it, `counts` are by status over the search. What has no value to be sorted by comes last.

        With `ids`, the items are these records instead, whether they match or not, so that a page can fetch again what it shows.
        """
        asked: dict[str, Any] = {"status": [s.value for s in status] if status else None, "q": q or None}
        if ids is None:
            asked |= {"sort": sort, "after": after, "limit": limit}
        else:
            asked |= {"ids": [str(i) for i in dict.fromkeys(ids)]}
        return await access.read(deps.history, "/records", **asked)

    @routes.get("/record-ids", response_model=RecordIds)
    async def record_ids(
        status: Annotated[list[Status] | None, Query()] = None,
        q: Annotated[str | None, Query(max_length=200)] = None,
        sort: Annotated[str, Query(pattern=SORT)] = "number",
        after: Annotated[str | None, Query(max_length=1000)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_IDS)] = MAX_IDS,
        access: Access = viewer(deps),
    ) -> Any:
        """The ids of the same list in the same order, many at a time; `next` continues this list and that of the records.

        For a screen that reads only the rows it shows, with `ids` of the list.
        """
        asked: dict[str, Any] = {"status": [s.value for s in status] if status else None, "q": q or None}
        asked |= {"sort": sort, "after": after, "limit": limit}
        found = await deps.history.get("/record-ids", company=access.company, read=bytes, **asked)
        return Response(found, media_type="application/json")  # as it came: ten thousand ids hide nothing

    @routes.get("/records/{record}", response_model=RecordDetail, response_model_exclude_unset=True)
    async def record(record: UUID, access: Access = viewer(deps)) -> Any:
        """One record with both sides' values."""
        found = await access.read(deps.history, f"/records/{record}")
        return {**found, "hidden": sorted(access.hidden)}

    @routes.get("/records/{record}/timeline", response_model=Timeline)
    async def timeline(
        record: UUID,
        after: Annotated[int | None, Query(ge=0)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        access: Access = viewer(deps),
    ) -> Any:
        """What happened to it, newest first."""
        path = f"/records/{record}/timeline"
        found = await deps.history.get(path, company=access.company, after=after, limit=limit)
        for entry in found["items"]:
            entry["hidden"] = sorted(access.hidden & entry["changes"].keys())
        return without(found, access.hidden)

    @routes.get("/records/{record}/history", response_model=HistoryPage)
    async def changes(record: UUID, asked: Annotated[Asked, Query()], access: Access = viewer(deps)) -> Any:
        """The record's change history, newest first: a push with all its attempts is one entry."""
        return await _history(deps, access, asked, record)

    @routes.get("/history", response_model=HistoryPage)
    async def company_history(asked: Annotated[Asked, Query()], access: Access = viewer(deps)) -> Any:
        """The company's change history, newest first, of all records, rules and plans."""
        return await _history(deps, access, asked, None)

    @routes.get("/records/{record}/json", response_model=RecordJson)
    async def raw(record: UUID, access: Access = viewer(deps)) -> dict[str, Any]:
        """What passes between the two systems for the record.

        The raw JSON of the record and of its destination record, what is staged (the canonical values), what would be
        sent now, what was sent last, and what was answered.
        """
        there = (await access.read(deps.history, f"/records/{record}"))["destination_record_id"]
        source = await _payload(deps, access, record)
        destination = None
        if there is not None:
            try:
                destination = await _payload(deps, access, there)
            except ProblemError as error:
                if error.kind != "not-found":
                    raise
        exchange = await access.read(deps.syncer, f"/records/{record}/exchange")
        return {
            "source": source,
            "staged": source["employee"],
            "destination": destination,
            "hidden": sorted(access.hidden),
            **await _shown(deps, access, exchange),
        }

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
