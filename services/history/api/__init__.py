"""HTTP in: records, runs, and what has happened."""

from fastapi import APIRouter, Depends

from services.history.api import changes, records, runs
from services.history.settings import Settings
from shared.db.tx import Database
from shared.http.auth import internal_only


def make_routes(database: Database, settings: Settings) -> APIRouter:
    """history's internal API."""
    routes = APIRouter(
        prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))]
    )
    records.add(routes, database)
    changes.add(routes, database)
    runs.add(routes, database)
    return routes
