"""HTTP in: reads that only mapper can answer."""

from fastapi import APIRouter, Depends

from services.mapper.api import candidates, lists
from services.mapper.settings import Settings
from services.mapper.store.scoring import Scoring
from shared.db.tx import Database
from shared.http.auth import internal_only


def make_routes(database: Database, settings: Settings) -> APIRouter:
    """mapper's internal API."""
    routes = APIRouter(
        prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))]
    )
    scoring = Scoring()
    candidates.add(routes, database, scoring)
    lists.add(routes, database, scoring)
    return routes
