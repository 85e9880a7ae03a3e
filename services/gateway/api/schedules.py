"""Schedules: imports and syncs that start by themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from pydantic import StrictBool

from services.gateway.api.callers import admin, viewer
from services.gateway.api.common import Access, Deps, Input, record
from services.gateway.api.records import Filter, Selection, resolve
from services.gateway.api.starting import ImportMode, say_import, say_plan
from services.gateway.store import schedules
from services.gateway.store.audit import INSTALLATION
from services.gateway.store.users import Person
from shared.contracts.schedules import ScheduleView
from shared.db.tx import Tx
from shared.domain.schedules import Timing, next_run
from shared.domain.values import Status
from shared.domain.visibility import Role
from shared.http.problems import ProblemError

MOST = 20
Start = Callable[[Tx], Awaitable[UUID]]


class NewSchedule(Input):
    """What to start, and when. `import_new` and `import_all` read the source; `sync` pushes what Needs Sync or Failed."""

    action: Literal["import_new", "import_all", "sync"]
    timing: Timing
    active: StrictBool = True


def make(deps: Deps) -> APIRouter:
    """Schedules of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}/schedules", tags=["schedules"])

    @routes.get("", response_model=list[ScheduleView])
    async def list_schedules(company: UUID, _: Access = viewer(deps)) -> list[dict[str, Any]]:
        """What starts by itself, when it does next, and what became of it last."""
        async with deps.database.transaction([company]) as tx:
            rows = await schedules.list_schedules(tx, company)
        return [{**row, "timing": orjson.loads(row["timing"])} for row in rows]

    @routes.put("/{schedule}", response_model=ScheduleView)
    async def put_schedule(
        company: UUID, schedule: UUID, body: NewSchedule, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Make this schedule, or another in its place; the id is yours. Times that are missed are caught up once."""
        next_at = next_run(body.timing, deps.clock.now())
        timing, actor = body.timing.model_dump_json(exclude_none=True), access.person.actor
        async with deps.database.transaction([company]) as tx:
            await schedules.put_schedule(
                tx, company, schedule, body.action, timing, actor, next_at, active=body.active
            )
            rows = await schedules.list_schedules(tx, company)
            if len(rows) > MOST:
                raise ProblemError("conflict", f"A company has {MOST} schedules at most.")
            what = f"{body.action} {'active' if body.active else 'paused'}"
            await record(tx, access, request, "schedule.changed", f"schedule:{schedule}", what)
        row = next(row for row in rows if row["schedule_id"] == schedule)
        return {**row, "timing": orjson.loads(row["timing"])}

    @routes.delete("/{schedule}", status_code=204)
    async def drop_schedule(
        company: UUID, schedule: UUID, request: Request, access: Access = admin(deps)
    ) -> None:
        """Start this no more. Runs that have begun go on."""
        async with deps.database.transaction([company]) as tx:
            if not await schedules.drop_schedule(tx, company, schedule):
                raise ProblemError("not-found", "There is no such schedule here.")
            await record(tx, access, request, "schedule.deleted", f"schedule:{schedule}")

    return routes


async def prepare(deps: Deps, company: UUID, action: str, actor: str) -> Start:
    """What starts this action for `actor`, as `POST …/imports` and `POST …/syncs` do; a plan that exceeds a limit is held."""
    if action != "sync":
        mode: ImportMode = "new" if action == "import_new" else "all"

        async def start_import(tx: Tx) -> UUID:
            return await say_import(deps, tx, company, actor, mode, [])

        return start_import
    wanted = Filter(status=[Status.NEEDS_SYNC, Status.FAILED])
    chosen = await resolve(deps, company, Selection(filter=wanted))

    person = Person(actor, None, "", "", actor, INSTALLATION)
    access = Access(person, company, Role.OPERATOR, frozenset())

    async def start_sync(tx: Tx) -> UUID:
        return UUID((await say_plan(deps, tx, access, chosen))["run_id"])

    return start_sync
