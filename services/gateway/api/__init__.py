"""HTTP in, under /v1: sessions, companies, records and runs."""

from fastapi import APIRouter

from services.gateway.api import accounts, authorise, companies, records, runs, sessions
from services.gateway.api.common import Deps


def make_routes(deps: Deps) -> list[APIRouter]:
    """gateway's public API."""
    return [
        sessions.make(deps),
        companies.make(deps),
        authorise.make(deps),
        accounts.make(deps),
        records.make(deps),
        runs.make(deps),
    ]
