"""Plans: what a sync would write, looked at before it is written; and what the safety limits hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StrictBool

from services.gateway.api.callers import operator, viewer
from services.gateway.api.common import Access, Deps, Input, record
from services.gateway.api.idempotency import IdempotencyKey, answered, once
from services.gateway.api.records import MAX_PAGE
from services.gateway.api.starting import NewSync, chosen, say_once, say_plan
from services.gateway.store import requests
from services.gateway.store.audit import Action
from shared.contracts.commands import MAX_IDS, ApplyPlan, CancelPlan, ExcludeRecords, ReleasePlan, Selected
from shared.contracts.events import Body
from shared.contracts.plans import PlanPage, PlanRecordPage, PlanStarted, PlanView
from shared.contracts.views import RunStarted
from shared.db.tx import Tx
from shared.domain.plans import Brake, PlanAction, PlanKind, PlanState
from shared.domain.values import Lane
from shared.domain.visibility import without
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing

_OVER = {
    PlanState.APPROVED: "This plan is being written already.",
    PlanState.APPLYING: "This plan is being written already.",
    PlanState.DONE: "This plan has been written already.",
    PlanState.CANCELLED: "This plan was cancelled. Make a new one.",
    PlanState.EXPIRED: "This plan has expired. Make a new one.",
}
_AUDITED: dict[type[Body], Action] = {
    ApplyPlan: "plan.approved",
    ReleasePlan: "plan.released",
    CancelPlan: "plan.cancelled",
}
_OPEN = (PlanState.DRAFT, PlanState.HELD)


class Amendment(Input):
    """Records to take out of a plan, or to put back."""

    record_ids: list[UUID] = Field(min_length=1, max_length=MAX_IDS)
    excluded: StrictBool = True


class Approval(Input):
    """What the page showed: `to_write` of the plan. With another number the plan is not applied."""

    to_write: int | None = Field(default=None, ge=0)


class Release(Input):
    """The records to let go; null is all of them. In a person's plan the others are taken out."""

    record_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=MAX_IDS)


def make(deps: Deps) -> APIRouter:
    """Plans of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["plans"])
    _reads(routes, deps)
    _starts(routes, deps)
    _decisions(routes, deps)
    return routes


def _reads(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/plans", response_model=PlanPage)
    async def plans(
        state: Annotated[list[PlanState] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        after: Annotated[str | None, Query(max_length=200)] = None,
        access: Access = viewer(deps),
    ) -> Any:
        """Plans, newest first: those of people, and those of what the rules push, one an hour."""
        states = [s.value for s in state] if state else None
        return await access.read(deps.syncer, "/plans", state=states, limit=limit, after=after)

    @routes.get("/plans/{plan}", response_model=PlanView)
    async def plan(plan: UUID, access: Access = viewer(deps)) -> Any:
        """One plan. While it is being made, `ready` is false."""
        return await _plan(deps, access, plan)

    @routes.get("/plans/{plan}/records", response_model=PlanRecordPage)
    async def plan_records(
        plan: UUID,
        action: PlanAction | None = None,
        reason: Annotated[str | None, Query(max_length=100)] = None,
        field: Annotated[str | None, Query(max_length=100)] = None,
        q: Annotated[str | None, Query(max_length=200)] = None,
        outcome: Annotated[str | None, Query(max_length=100)] = None,
        brake: Brake | None = None,
        record: UUID | None = None,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        access: Access = viewer(deps),
    ) -> Any:
        """A page of what the plan does with each record, blocked ones first; `next` continues it.

        `field` keeps the records in which this field changes, `brake` those that count for this limit.
        """
        asked: dict[str, Any] = {
            "action": action,
            "reason": reason,
            "field": field,
            "q": q or None,
            "outcome": outcome,
            "brake": brake,
            "record": str(record) if record else None,
            "after": after,
            "limit": limit,
        }
        try:
            found = await deps.syncer.get(f"/plans/{plan}/records", company=access.company, **asked)
        except ProblemError as error:
            if error.kind != "not-found":
                raise
            await _plan(deps, access, plan)
            return PlanRecordPage(items=(), next=None)
        for one in found["items"]:
            one["hidden"] = sorted(access.hidden & (one["fields"].keys() | (one["moved"] or {}).keys()))
        return without(found, access.hidden)


def _starts(routes: APIRouter, deps: Deps) -> None:
    @routes.post("/plans", status_code=202, response_model=PlanStarted)
    async def make_plan(
        company: UUID,
        body: NewSync,
        request: Request,
        response: Response,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Plan the push of the selected records. Nothing is written, and nothing reserved, before the plan is applied."""

        async def choose() -> list[Selected]:
            return await chosen(deps, company, body)

        answer = await say_once(deps, request, access, key, choose, _say_draft)
        response.headers["Location"] = f"/v1/companies/{company}/plans/{answer['plan_id']}"
        return answer


async def _say_draft(deps: Deps, tx: Tx, access: Access, records: list[Selected]) -> dict[str, Any]:
    said = await say_plan(deps, tx, access, records, apply=False)
    return {"plan_id": said["run_id"], "total": said["total"]}


def _decisions(routes: APIRouter, deps: Deps) -> None:
    async def decide(
        request: Request,
        access: Access,
        key: str | None,
        command: Body,
        plan: UUID,
        *states: PlanState,
        to_write: int | None = None,
    ) -> dict[str, Any]:
        known = await answered(deps, request, access.company, key)
        if known is not None:
            return known
        found = await _plan(deps, access, plan)
        if to_write is not None and found["to_write"] != to_write and found["state"] in _OPEN:
            raise ProblemError("conflict", "Somebody changed this plan meanwhile. Look at it again.")
        _check(found, states)

        async def act(tx: Tx) -> dict[str, Any]:
            actor = access.person.actor
            outgoing = Outgoing(command, access.company, lane=Lane.REAL_TIME, run_id=plan, actor=actor)
            await deps.outbox.append(tx, [outgoing])
            if (action := _AUDITED.get(type(command))) is not None:
                await record(tx, access, request, action, f"plan:{plan}")
            return {"run_id": str(plan)}

        return await once(deps, request, access.company, key, act)

    @routes.post("/plans/{plan}/exclude", status_code=202, response_model=RunStarted)
    async def amend_plan(
        plan: UUID,
        body: Amendment,
        request: Request,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Take records out of a plan that nobody has approved yet, or put them back."""
        records = tuple(dict.fromkeys(body.record_ids))
        command = ExcludeRecords(run_id=plan, records=records, excluded=body.excluded)
        return await decide(request, access, key, command, plan, *_OPEN)

    @routes.post("/plans/{plan}/apply", status_code=202, response_model=RunStarted)
    async def apply_plan(
        plan: UUID,
        body: Approval,
        request: Request,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Approve a plan: exactly what it holds is written, by a run of the same id.

        A record that has moved since is held instead, with what moved.
        """
        command = ApplyPlan(run_id=plan)
        return await decide(request, access, key, command, plan, PlanState.DRAFT, to_write=body.to_write)

    @routes.post("/plans/{plan}/release", status_code=202, response_model=RunStarted)
    async def release_plan(
        plan: UUID,
        body: Release,
        request: Request,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Let a plan go that the safety limits hold: all of it, or some records."""
        records = tuple(dict.fromkeys(body.record_ids)) if body.record_ids else None
        return await decide(
            request, access, key, ReleasePlan(run_id=plan, records=records), plan, PlanState.HELD
        )

    @routes.post("/plans/{plan}/cancel", status_code=202, response_model=RunStarted)
    async def cancel_plan(
        plan: UUID, request: Request, access: Access = operator(deps), key: IdempotencyKey = None
    ) -> dict[str, Any]:
        """Write nothing more of a plan. What has been sent stays."""
        states = (*_OPEN, PlanState.APPROVED, PlanState.APPLYING)
        return await decide(request, access, key, CancelPlan(run_id=plan), plan, *states)


async def _plan(deps: Deps, access: Access, plan: UUID) -> dict[str, Any]:
    """One plan; one that syncer has not begun yet is a draft in the making."""
    try:
        found: dict[str, Any] = await access.read(deps.syncer, f"/plans/{plan}")
    except ProblemError as error:
        if error.kind != "not-found":
            raise
    else:
        return found
    async with deps.database.transaction([access.company]) as tx:
        row = await requests.find_command(tx, access.company, plan)
    if row is None or row["kind"] != "sync":
        raise ProblemError("not-found", "There is no such plan here.")
    view = PlanView(
        plan_id=plan,
        kind=PlanKind.PERSON,
        state=PlanState.DRAFT,
        ready=False,
        owner=row["actor"],
        created_at=row["created_at"],
        total=row["total"],
    )
    return view.model_dump(mode="json")


def _check(plan: dict[str, Any], states: Sequence[PlanState]) -> None:
    """Raises the problem that says why a plan in its state cannot be decided so."""
    state = PlanState(plan["state"])
    if state in states and plan["ready"]:
        return
    if state in states:
        raise ProblemError("conflict", "This plan is still being made. Try again in a moment.")
    if state is PlanState.HELD:
        raise ProblemError("conflict", "This plan exceeds the safety limits. Release it to write it.")
    if state is PlanState.DRAFT:
        raise ProblemError("conflict", "Nothing holds this plan. Apply it instead.")
    raise ProblemError("gone" if state is PlanState.EXPIRED else "conflict", _OVER[state])
