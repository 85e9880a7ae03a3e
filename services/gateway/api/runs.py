"""Imports and pushes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator

from services.gateway import core
from services.gateway.api.common import (
    Access,
    Deps,
    IdempotencyKey,
    Input,
    RemoteId,
    answered,
    once,
    operator,
    viewer,
)
from services.gateway.api.records import MAX_SELECTED, Filter, Selection, resolve, selected
from services.gateway.store import companies, requests
from shared.contracts.commands import MAX_IDS, ImportEmployees, Selected
from shared.contracts.records import Lane
from shared.contracts.views import RunPage, RunStarted, RunView
from shared.db.tx import Tx
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing


class NewImport(Input):
    """What to read from the source: everything new, everything, or the named records."""

    mode: Literal["new", "all", "selected"]
    remote_ids: list[RemoteId] | None = Field(default=None, min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _ids_when_selected(self) -> NewImport:
        if (self.mode == "selected") != (self.remote_ids is not None):
            msg = "remote_ids goes with the mode selected, and only with it"
            raise ValueError(msg)
        return self


class NewSync(Input):
    """What to push: records by id, everything that matches a filter except some, or a selection made before."""

    record_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=MAX_SELECTED)
    filter: Filter | None = None
    except_ids: list[UUID] = Field(default=[], max_length=MAX_SELECTED)
    selection_id: UUID | None = None

    @model_validator(mode="after")
    def _one_way(self) -> NewSync:
        if sum(way is not None for way in (self.record_ids, self.filter, self.selection_id)) != 1:
            msg = "give one of record_ids, filter and selection_id"
            raise ValueError(msg)
        if self.except_ids and self.filter is None:
            msg = "except_ids goes with filter, and only with it"
            raise ValueError(msg)
        return self


def make(deps: Deps) -> APIRouter:
    """Runs of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["runs"])
    _starts(routes, deps)
    _reads(routes, deps)
    return routes


def _starts(routes: APIRouter, deps: Deps) -> None:
    @routes.post("/imports", status_code=202, response_model=RunStarted)
    async def start_import(
        company: UUID,
        body: NewImport,
        request: Request,
        response: Response,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Read the source into staging. Nothing is written to the destination."""

        async def act(tx: Tx) -> dict[str, Any]:
            (settings,) = await companies.load_companies(tx, [company])
            source = settings.source()
            if source is None:
                raise ProblemError(
                    "conflict", "This company has no active route. Ask the Company Administrator to set it."
                )
            run, ids = deps.clock.new_id(), list(dict.fromkeys(body.remote_ids or []))
            chunks = [ids[i : i + MAX_IDS] for i in range(0, len(ids), MAX_IDS)] or [[]]
            lane = Lane.REAL_TIME if body.mode == "selected" and len(chunks) == 1 else Lane.BULK
            await requests.add_command(tx, company, run, "import", body.mode, access.person.actor, len(ids))
            commands = [
                ImportEmployees(
                    run_id=run,
                    account_id=source.account_id,
                    mode=body.mode,
                    remote_ids=tuple(chunk),
                    part=n,
                    parts=len(chunks),
                )
                for n, chunk in enumerate(chunks, 1)
            ]
            actor = access.person.actor
            await deps.outbox.append(
                tx, [Outgoing(c, company, lane=lane, run_id=run, actor=actor) for c in commands]
            )
            return {"run_id": str(run)}

        answer = await once(deps, request, company, key, act)
        response.headers["Location"] = f"/v1/companies/{company}/runs/{answer['run_id']}"
        return answer

    async def push(
        company: UUID,
        request: Request,
        response: Response,
        access: Access,
        key: str | None,
        choose: Callable[[], Awaitable[list[Selected]]],
    ) -> dict[str, Any]:
        answer = await answered(deps, request, company, key)
        if answer is None:
            chosen = await choose()

            async def act(tx: Tx) -> dict[str, Any]:
                return await _say_sync(deps, tx, access, chosen)

            answer = await once(deps, request, company, key, act)
        response.headers["Location"] = f"/v1/companies/{company}/runs/{answer['run_id']}"
        return answer

    @routes.post("/syncs", status_code=202, response_model=RunStarted)
    async def start_sync(
        company: UUID,
        body: NewSync,
        request: Request,
        response: Response,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Push the selected records to the destination, and only those. Asked twice, nothing is written twice."""

        async def choose() -> list[Selected]:
            if body.selection_id is not None:
                return await selected(deps, company, body.selection_id)
            return await resolve(deps, company, Selection(**body.model_dump(exclude={"selection_id"})))

        return await push(company, request, response, access, key, choose)

    @routes.post("/records/{record}/retry", status_code=202, response_model=RunStarted)
    async def retry(
        company: UUID,
        record: UUID,
        request: Request,
        response: Response,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Push this one record again, apart from all others."""

        async def choose() -> list[Selected]:
            found = await resolve(deps, company, Selection(record_ids=[record]))
            if not found:
                raise ProblemError("not-found", "There is no such record here.")
            return found

        return await push(company, request, response, access, key, choose)


async def _say_sync(deps: Deps, tx: Tx, access: Access, chosen: list[Selected]) -> dict[str, Any]:
    if not chosen:
        raise ProblemError("conflict", "Nothing matches: there is nothing to push.")
    run, actor, company = deps.clock.new_id(), access.person.actor, access.company
    commands = list(core.parts(run, chosen))
    lane = Lane.REAL_TIME if len(commands) == 1 else Lane.BULK
    await requests.add_command(tx, company, run, "sync", None, actor, len(chosen))
    await deps.outbox.append(tx, [Outgoing(c, company, lane=lane, run_id=run, actor=actor) for c in commands])
    return {"run_id": str(run), "total": len(chosen)}


def _reads(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/runs", response_model=RunPage)
    async def runs(
        company: UUID,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        after: Annotated[str | None, Query(max_length=1000)] = None,
        _: Access = viewer(deps),
    ) -> Any:
        """The newest imports and pushes."""
        return await deps.history.get("/runs", company=company, limit=limit, after=after)

    @routes.get("/runs/{run}", response_model=RunView)
    async def run(company: UUID, run: UUID, _: Access = viewer(deps)) -> Any:
        """One import or push; one that its owner has not begun yet is `queued`."""
        try:
            return await deps.history.get(f"/runs/{run}", company=company)
        except ProblemError as error:
            if error.kind != "not-found":
                raise
        async with deps.database.transaction([company]) as tx:
            row = await requests.find_command(tx, company, run)
        if row is None:
            raise ProblemError("not-found", "There is no such run here.")
        return RunView(
            run_id=run,
            kind=row["kind"],
            mode=row["mode"],
            state="queued",
            reason=None,
            actor=row["actor"],
            started_at=row["created_at"],
            ended_at=None,
            counts={"total": row["total"]},
            skipped={},
        )
