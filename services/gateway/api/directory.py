"""The source as it is now, for somebody who picks what to import."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.gateway.api.callers import operator
from services.gateway.api.common import Access, Deps
from shared.contracts.directory_views import SourcePage
from shared.domain.visibility import without

SECONDS = 25.0
"""A system answers a page in some seconds, and may have to be waited for."""


def make(deps: Deps) -> APIRouter:
    """The live source directory of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["runs"])

    @routes.get("/source-directory", response_model=SourcePage)
    async def source_directory(
        q: Annotated[str, Query(max_length=100)] = "",
        after: Annotated[str | None, Query(max_length=2000)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        access: Access = operator(deps),
    ) -> Any:
        """People of the source as it holds them now, each marked with what an import would do to staging.

        `q` is a part of a name; Linarc looks in numbers and e-mail addresses too. It asks the source, so it counts
        against its limits.
        """
        found = await deps.importer.get(
            "/source-directory", company=access.company, seconds=SECONDS, q=q, after=after, limit=limit
        )
        for row in found["items"]:
            row["hidden"] = sorted(access.hidden & row["changes"].keys())
        return {**without(found, access.hidden), "hidden": sorted(access.hidden)}

    return routes
