"""HTTP in: reads that only importer can answer."""

from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends

from services.importer.settings import Settings
from services.importer.store import snapshots
from shared.db.tx import Database
from shared.http.auth import internal_only
from shared.http.problems import ProblemError


def make_routes(database: Database, settings: Settings) -> APIRouter:
    """importer's internal API."""
    routes = APIRouter(
        prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))]
    )

    @routes.get("/records/{record}/payload")
    async def payload(company: UUID, record: UUID) -> dict[str, Any]:
        """One record of either account: the raw JSON as it came, and the canonical values that were understood."""
        async with database.transaction([company]) as tx:
            row = await snapshots.payload(tx, company, record)
        if row is None:
            raise ProblemError("not-found", "There is no such record here.")
        return {
            "record_id": str(record),
            "account_id": str(row["account_id"]),
            "remote_id": row["remote_id"],
            "state": row["state"],
            "rev": row["rev"],
            "remote_version": row["remote_version"],
            "read_at": row["answered_at"].isoformat(),
            "employee": orjson.loads(row["employee"]),
            "payload": orjson.loads(row["payload"]) if row["payload"] else None,
        }

    return routes
