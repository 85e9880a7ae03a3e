"""HTTP in, under /v1: sessions, companies, records, who is who, and runs."""

from fastapi import APIRouter

from services.gateway.api import (
    account,
    accounts,
    audit,
    authorise,
    companies,
    dead_letters,
    directory,
    drift,
    endpoints,
    installation,
    keys,
    mapping,
    members,
    notices,
    operations,
    plans,
    records,
    rules,
    runs,
    saved_views,
    schedules,
    second_factor,
    sessions,
    sso,
    starting,
    webhooks,
)
from services.gateway.api.common import Deps


def make_routes(deps: Deps) -> list[APIRouter]:
    """gateway's public API."""
    return [
        sessions.make(deps),
        *account.make(deps),
        sso.make(deps),
        *second_factor.make(deps),
        companies.make(deps),
        rules.make(deps),
        keys.make(deps),
        audit.make(deps),
        *members.make(deps),
        authorise.make(deps),
        accounts.make(deps),
        endpoints.make(deps),
        webhooks.make(deps),
        records.make(deps),
        saved_views.make(deps),
        mapping.make(deps),
        plans.make(deps),
        operations.make(deps),
        installation.make(deps),
        dead_letters.make(deps),
        starting.make(deps),
        runs.make(deps),
        drift.make(deps),
        schedules.make(deps),
        notices.make(deps),
        directory.make(deps),
    ]
