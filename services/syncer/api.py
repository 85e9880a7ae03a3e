"""HTTP in: reads that only syncer can answer."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends

from services.syncer.settings import Settings
from services.syncer.store import pushes
from shared.db.tx import Database
from shared.http.auth import internal_only


def make_routes(database: Database, settings: Settings) -> APIRouter:
    """syncer's internal API."""
    routes = APIRouter(
        prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))]
    )

    @routes.get("/records/{record}/plans")
    async def plans(company: UUID, record: UUID) -> list[dict[str, Any]]:
        """The record's pushes, newest first: what was planned, what was sent, and the call's key."""
        async with database.transaction([company]) as tx:
            return await pushes.plans_of(tx, company, record)

    return routes
