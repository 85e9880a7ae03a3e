"""Who is who: cases, candidates and links."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from services.gateway.api.callers import viewer
from services.gateway.api.common import Access, Deps
from services.gateway.api.decisions import add_decisions
from services.gateway.core.mapping import compare, with_values
from services.gateway.store import companies
from shared.contracts.cases import (
    Candidates,
    CasePage,
    Comparison,
    DirectoryView,
    DuplicateList,
    ExcludedPage,
    LinkPage,
    MatchReport,
    PersonPage,
)
from shared.domain.visibility import without
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS

MAX_PAGE = 200
Text = Annotated[str | None, Query(max_length=200)]
After = Annotated[str | None, Query(max_length=1000)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


def make(deps: Deps) -> APIRouter:
    """Who is who, in one company."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["mapping"])
    _lists(routes, deps)
    _records(routes, deps)
    add_decisions(routes, deps)
    return routes


def _lists(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/cases", response_model=CasePage)
    async def cases(
        reason: Annotated[list[str] | None, Query(max_length=50)] = None,
        q: Text = None,
        postponed: Annotated[bool | None, Query()] = None,
        after: After = None,
        limit: Limit = 50,
        access: Access = viewer(deps),
    ) -> Any:
        """The source records that need a person's decision, by name, each with its best candidate."""
        asked = {"reason": reason, "q": q or None, "postponed": postponed, "after": after, "limit": limit}
        return await access.read(deps.mapper, "/cases", **asked)

    @routes.get("/links", response_model=LinkPage)
    async def links(
        q: Text = None,
        origin: Annotated[str | None, Query(pattern="^(auto|manual|created)$")] = None,
        after: After = None,
        limit: Limit = 50,
        access: Access = viewer(deps),
    ) -> Any:
        """The linked pairs, by the source record's name: what each link rests on, who made it and when."""
        return await access.read(deps.mapper, "/links", q=q or None, origin=origin, after=after, limit=limit)

    @routes.get("/orphans", response_model=PersonPage)
    async def orphans(
        q: Text = None,
        active: Annotated[bool | None, Query()] = None,
        after: After = None,
        limit: Limit = 50,
        access: Access = viewer(deps),
    ) -> Any:
        """The destination records that nobody is linked to, by name."""
        return await access.read(
            deps.mapper, "/orphans", q=q or None, active=active, after=after, limit=limit
        )

    @routes.get("/excluded", response_model=ExcludedPage)
    async def excluded(
        q: Text = None, after: After = None, limit: Limit = 50, access: Access = viewer(deps)
    ) -> Any:
        """The records that people excluded from syncing, by name."""
        return await access.read(deps.mapper, "/excluded", q=q or None, after=after, limit=limit)

    @routes.get("/duplicates", response_model=DuplicateList)
    async def duplicates(access: Access = viewer(deps)) -> Any:
        """Records of one side that may be one person."""
        return await access.read(deps.mapper, "/duplicates")

    @routes.get("/match-report", response_model=MatchReport)
    async def match_report(access: Access = viewer(deps)) -> Any:
        """How well the matching does, measured by what people decided afterwards."""
        return await access.read(deps.mapper, "/match-report")

    @routes.get("/directory", response_model=DirectoryView)
    async def directory(q: Annotated[str, Query(max_length=200)] = "", access: Access = viewer(deps)) -> Any:
        """At most 50 records of the destination by name, number or e-mail address, and who each is linked to."""
        return await access.read(deps.mapper, "/destination", q=q)


def _records(routes: APIRouter, deps: Deps) -> None:
    async def employees(access: Access, *records: str) -> dict[str, Any]:
        """What the role sees of these records of either side, by id."""
        found: dict[str, Any] = await access.read(
            deps.history, "/employees", ids=list(dict.fromkeys(records))
        )
        return found

    @routes.get("/records/{record}/candidates", response_model=Candidates)
    async def candidates(record: UUID, access: Access = viewer(deps)) -> Any:
        """Who at the destination this may be, best first, with every part of the score and the values it compares."""
        found = await access.read(deps.mapper, f"/records/{record}/candidates")
        others = [c["record_id"] for c in found["candidates"]]
        values = await employees(access, str(record), *others)
        for one in found["candidates"]:
            one["parts"] = with_values(one["parts"], values.get(str(record)), values.get(one["record_id"]))
        return {**found, "hidden": sorted(access.hidden)}

    @routes.get("/records/{record}/compare/{destination_record}", response_model=Comparison)
    async def compared(record: UUID, destination_record: UUID, access: Access = viewer(deps)) -> Any:
        """Two records field by field: any record of the destination, linked or not."""
        values = await employees(access, str(record), str(destination_record))
        here, there = values.get(str(record)), values.get(str(destination_record))
        if here is None or there is None:
            raise ProblemError("not-found", "There is no such record here.")
        async with deps.database.transaction([access.company]) as tx:
            (settings,) = await companies.load_companies(tx, [access.company])
        account = settings.destination()
        scales = SYSTEMS[account.system].scales if account else {}
        return Comparison(
            record_id=record,
            destination_record_id=destination_record,
            fields=tuple(compare(without(here, access.hidden), without(there, access.hidden), scales)),
            hidden=tuple(sorted(access.hidden)),
        )
