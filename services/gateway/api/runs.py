"""Imports and pushes, under way and over."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime

from services.gateway.api.callers import operator, viewer
from services.gateway.api.common import Access, Deps
from services.gateway.api.idempotency import IdempotencyKey, once
from services.gateway.store import requests
from shared.contracts.commands import CancelImport, CancelPlan
from shared.contracts.run_views import RunDetail, RunRecordPage
from shared.contracts.views import RunPage, RunStarted
from shared.db.tx import Tx
from shared.domain.plans import PlanState
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing


def make(deps: Deps) -> APIRouter:
    """Runs of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["runs"])

    @routes.get("/runs", response_model=RunPage)
    async def runs(
        kind: Literal["import", "sync"] | None = None,
        state: Literal["running", "completed", "failed", "cancelled"] | None = None,
        actor: Annotated[str | None, Query(max_length=100)] = None,
        since: AwareDatetime | None = None,
        result: Literal["problems"] | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        after: Annotated[str | None, Query(max_length=1000)] = None,
        access: Access = viewer(deps),
    ) -> Any:
        """The newest imports and pushes; an empty `actor` is Muster itself.

        `result=problems`: only those in which something did not go through.
        """
        asked = {"kind": kind, "state": state, "actor": actor, "limit": limit, "after": after}
        asked |= {"since": since.isoformat() if since else None, "result": result}
        return await access.read(deps.history, "/runs", **asked)

    @routes.get("/runs/{run}", response_model=RunDetail)
    async def run(company: UUID, run: UUID, access: Access = viewer(deps)) -> Any:
        """One import or push, with the reasons why records did not go through.

        One that its owner has not begun yet is `queued`, or stands as its plan does (`held`).
        """
        try:
            return await access.read(deps.history, f"/runs/{run}")
        except ProblemError as error:
            if error.kind != "not-found":
                raise
        async with deps.database.transaction([company]) as tx:
            row = await requests.find_command(tx, company, run)
        if row is None:
            raise ProblemError("not-found", "There is no such run here.")
        return RunDetail(
            run_id=run,
            kind=row["kind"],
            mode=row["mode"],
            state=await _plan_state(deps, company, run) if row["kind"] == "sync" else "queued",
            reason=None,
            actor=row["actor"],
            started_at=row["created_at"],
            ended_at=None,
            counts={"total": row["total"]} if row["total"] else {},
            skipped={},
        )

    @routes.get("/runs/{run}/records", response_model=RunRecordPage)
    async def run_records(
        run: UUID,
        outcome: Literal["succeeded", "failed", "needs_action", "held", "unreadable"] | None = None,
        reason: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        after: Annotated[str | None, Query(max_length=1000)] = None,
        access: Access = viewer(deps),
    ) -> Any:
        """The records that a push wrote or an import could not read; those that did not go through first."""
        path = f"/runs/{run}/records"
        return await access.read(deps.history, path, outcome=outcome, reason=reason, limit=limit, after=after)

    @routes.post("/runs/{run}/cancel", status_code=202, response_model=RunStarted)
    async def cancel(
        company: UUID,
        run: UUID,
        request: Request,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """End it: nothing more is read or sent; what was staged or sent stays. One that is over stays as it is."""

        async def act(tx: Tx) -> dict[str, Any]:
            row = await requests.find_command(tx, company, run)
            if row is None:
                raise ProblemError("not-found", "There is no such run here.")
            command = CancelImport(run_id=run) if row["kind"] == "import" else CancelPlan(run_id=run)
            outgoing = Outgoing(command, company, run_id=run, actor=access.person.actor)
            await deps.outbox.append(tx, [outgoing])
            return {"run_id": str(run)}

        return await once(deps, request, company, key, act)

    return routes


async def _plan_state(deps: Deps, company: UUID, plan: UUID) -> str:
    """How a push that has not begun stands: `queued`, or `held`, `cancelled` or `expired` as its plan is."""
    try:
        found = await deps.syncer.get(f"/plans/{plan}", company=company)
    except ProblemError:
        return "queued"
    state = PlanState(found["state"])
    return state.value if state in (PlanState.HELD, PlanState.CANCELLED, PlanState.EXPIRED) else "queued"
