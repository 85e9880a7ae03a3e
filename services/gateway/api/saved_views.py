"""Saved views: how a person likes to look at the list of records. Each person has their own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter
from pydantic import Field

from services.gateway.api.callers import viewer
from services.gateway.api.common import Access, Deps, Input
from services.gateway.api.records import SORT
from services.gateway.store import saved_views
from shared.contracts.saved_views import Column, Density, SavedView
from shared.domain.values import Status
from shared.http.problems import ProblemError

MOST = 50


class NewView(Input):
    """A name, and what the list is to look like."""

    name: str = Field(min_length=1, max_length=60)
    status: list[Status] = Field(default=[], max_length=len(Status))
    q: str = Field(default="", max_length=200)
    sort: str = Field(default="number", pattern=SORT)
    density: Density = "comfortable"
    hidden: list[Column] = Field(default=[], max_length=3)


def make(deps: Deps) -> APIRouter:
    """One person's views of one company's list."""
    routes = APIRouter(prefix="/v1/companies/{company}/saved-views", tags=["records"])

    @routes.get("", response_model=list[SavedView])
    async def list_views(access: Access = viewer(deps)) -> list[dict[str, Any]]:
        """The views that you keep, by name."""
        async with deps.database.transaction([access.company]) as tx:
            rows = await saved_views.list_views(tx, access.company, access.person.made_by)
        return [{"view_id": row["view_id"], "name": row["name"], **orjson.loads(row["look"])} for row in rows]

    @routes.put("/{view}", response_model=SavedView)
    async def put_view(view: UUID, body: NewView, access: Access = viewer(deps)) -> dict[str, Any]:
        """Keep this view, or another in its place; the id is yours."""
        look = body.model_dump_json(exclude={"name"})
        company, user = access.company, access.person.made_by
        async with deps.database.transaction([company]) as tx:
            await saved_views.put_view(tx, company, user, view, body.name, look)
            if len(await saved_views.list_views(tx, company, user)) > MOST:
                raise ProblemError("conflict", f"You can keep {MOST} views of a company at most.")
        return {"view_id": view, **body.model_dump()}

    @routes.delete("/{view}", status_code=204)
    async def drop_view(view: UUID, access: Access = viewer(deps)) -> None:
        """Keep this view no more."""
        async with deps.database.transaction([access.company]) as tx:
            if not await saved_views.drop_view(tx, access.company, access.person.made_by, view):
                raise ProblemError("not-found", "You have no such view here.")

    return routes
