"""How a company's synchronisation is doing, in one answer; a part that cannot be read is left out, the others stay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from services.gateway.api import connections
from services.gateway.api.callers import viewer
from services.gateway.api.common import Access, Deps
from services.gateway.api.dead_letters import ask_all, letters
from services.gateway.store import companies, endpoints, schedules
from shared.contracts.freshness import FreshnessView
from shared.contracts.operations import (
    ConnectionOperations,
    Hop,
    OperationsView,
    PausedThing,
    ResultsView,
    Span,
)
from shared.domain.settings import CompanySettings
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS

_ACTIONS = {"import_new": "Import of new employees", "import_all": "Import of all employees", "sync": "Sync"}


def make(deps: Deps) -> APIRouter:
    """The Operations page of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}/operations", tags=["operations"])

    @routes.get("", response_model=OperationsView)
    async def operations(
        company: UUID, span: Annotated[Span, Query()] = "1h", access: Access = viewer(deps)
    ) -> OperationsView:
        """Records by status, results over the `span`, connections, what waits, and what is paused and why."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await companies.load_companies(tx, [company])
            planned = await schedules.list_schedules(tx, company)
            receivers = await endpoints.list_endpoints(tx, company)
        results, freshness, (hops, silent), linked, (dead, _) = await asyncio.gather(
            _part(access.read(deps.history, "/operations", span=span)),
            _part(access.read(deps.importer, "/freshness")),
            ask_all(deps, company, "/consuming"),
            _connections(deps, settings),
            letters(deps, company),
        )
        consumed = [Hop.model_validate(one) for answer in hops.values() for one in answer]
        return OperationsView(
            results=ResultsView.model_validate(results) if results else None,
            freshness=FreshnessView.model_validate(freshness) if freshness else None,
            connections=tuple(linked),
            hops=tuple(consumed),
            paused=(
                *_paused_connections(linked),
                *_paused_rules(settings),
                *_paused_schedules(planned),
                *_paused_endpoints(receivers),
                *_paused_topics(consumed),
            ),
            dead_letters=len(dead),
            unanswered=silent,
        )

    return routes


async def _part(asked: Any) -> Any:
    try:
        return await asked
    except ProblemError:
        return None


async def _connections(deps: Deps, settings: CompanySettings) -> list[ConnectionOperations]:
    health = {one.account_id: one for one in await deps.vault.health(settings.company_id)}
    found = []
    for account in settings.accounts:
        shown = await connections.shown(deps, settings.company_id, account, health.get(account.account_id))
        budget = shown["budget"]
        most, used = budget["metered_per_month"], budget["metered"]
        found.append(
            ConnectionOperations.model_validate(
                shown
                | {
                    "label": SYSTEMS[account.system].label,
                    "calls": used + budget["unmetered"],
                    "left": round(max(0.0, 1 - used / most), 4) if most else None,
                    "paused_until": budget["paused_until"],
                    "lasts_until": budget["lasts_until"],
                }
            )
        )
    return found


def _paused_connections(linked: Iterable[ConnectionOperations]) -> Iterable[PausedThing]:
    for one in linked:
        if one.state != "connected":
            why = f"{one.state_text} {one.fix}".strip()
            yield PausedThing(kind="connection", id=str(one.account_id), name=one.label, why=why)
        elif one.paused_until:
            why = f"{one.label} asked Muster to wait. It goes on by itself."
            yield PausedThing(kind="connection", id=str(one.account_id), name=one.label, why=why)


def _paused_rules(settings: CompanySettings) -> Iterable[PausedThing]:
    route = settings.route
    if route is None:
        return
    if not route.active:
        why = "An administrator has switched the route off. Nothing is read or written."
        yield PausedThing(kind="route", id="route", name="Route", why=why)
    elif not route.rules.auto_sync:
        why = "Auto-Sync is off: changes wait until somebody syncs them."
        yield PausedThing(kind="automatic", id="auto_sync", name="Automatic sync", why=why)


def _paused_schedules(planned: Iterable[Any]) -> Iterable[PausedThing]:
    for row in planned:
        name, place = _ACTIONS[row["action"]], str(row["schedule_id"])
        if not row["active"]:
            yield PausedThing(kind="schedule", id=place, name=name, why="The schedule is switched off.")
        elif row["last_problem"]:
            why = f"It did not start last time: {row['last_problem']}"
            yield PausedThing(kind="schedule", id=place, name=name, why=why, since=row["last_at"])


def _paused_endpoints(receivers: Iterable[Any]) -> Iterable[PausedThing]:
    for row in receivers:
        if row["state"] != "active":
            why = {
                "paused": "An administrator has paused it. Events wait for it.",
                "disabled": "It was disabled: it is gone, or nothing arrived for a day. Make it active again.",
            }[row["state"]]
            name = row["description"] or "Endpoint"
            place = str(row["endpoint_id"])
            yield PausedThing(kind="endpoint", id=place, name=name, why=why, since=row["failing_since"])


def _paused_topics(hops: Iterable[Hop]) -> Iterable[PausedThing]:
    for hop in hops:
        if hop.paused:
            yield PausedThing(
                kind="topic",
                id=f"{hop.service}:{hop.topic}",
                name=f"{hop.service}, {hop.topic}",
                why=hop.paused,
            )
