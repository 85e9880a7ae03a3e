"""Starting imports and pushes: what they need, and the commands that begin them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field, model_validator

from services.gateway import core
from services.gateway.api.callers import operator
from services.gateway.api.common import Access, Deps, Input, RemoteId
from services.gateway.api.idempotency import IdempotencyKey, answered, once
from services.gateway.api.records import MAX_SELECTED, Filter, Selection, resolve, selected
from services.gateway.store import companies, requests
from shared.contracts.commands import (
    MAX_IDS,
    ImportEmployees,
    Selected,
    StopRetry,
)
from shared.contracts.views import RunStarted
from shared.db.tx import Tx
from shared.domain.settings import Account
from shared.domain.values import Lane
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing
from shared.systems import SYSTEMS

ImportMode = Literal["new", "all", "selected"]


class NewImport(Input):
    """What to read from the source: everything new, everything, or the named records."""

    mode: ImportMode
    remote_ids: list[RemoteId] | None = Field(default=None, min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _ids_when_selected(self) -> NewImport:
        if (self.mode == "selected") != (self.remote_ids is not None):
            msg = "remote_ids goes with the mode selected, and only with it"
            raise ValueError(msg)
        return self


Say = Callable[[Deps, Tx, Access, list[Selected]], Awaitable[dict[str, Any]]]
"""Writes the commands about these records in the transaction; the answer."""


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
    """What begins a run."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["runs"])

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
            ids = list(dict.fromkeys(body.remote_ids or []))
            run = await say_import(deps, tx, company, access.person.actor, body.mode, ids)
            return {"run_id": str(run)}

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
        """Push the selected records to the destination, and only those. Asked twice, nothing is written twice.

        It is a plan that is applied at once, so it may be of no more records than the rule `direct_sync` allows; with more
        it is a `conflict`: make a plan, look at it, apply it. One that exceeds the company's safety limits is held, under
        the run's id, until somebody releases it.
        """

        async def choose() -> list[Selected]:
            return await chosen(deps, company, body)

        answer = await say_once(deps, request, access, key, choose, _say_direct)
        response.headers["Location"] = f"/v1/companies/{company}/runs/{answer['run_id']}"
        return answer

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
            return await _one(deps, company, record)

        answer = await say_once(deps, request, access, key, choose, _say_retry)
        response.headers["Location"] = f"/v1/companies/{company}/runs/{answer['run_id']}"
        return answer

    @routes.delete("/records/{record}/retry", status_code=202)
    async def stop_retry(
        record: UUID,
        request: Request,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Stop trying this failed record again by itself. It stays Failed until somebody retries it."""
        await _one(deps, access.company, record)
        stop = Outgoing(
            StopRetry(record_id=record), access.company, lane=Lane.REAL_TIME, actor=access.person.actor
        )

        async def act(tx: Tx) -> dict[str, Any]:
            await deps.outbox.append(tx, [stop])
            return {"accepted": True}

        return await once(deps, request, access.company, key, act)

    return routes


async def say_once(
    deps: Deps,
    request: Request,
    access: Access,
    key: str | None,
    choose: Callable[[], Awaitable[list[Selected]]],
    say: Say,
) -> dict[str, Any]:
    """Say something about chosen records, and what was answered; a repeat with the same key neither chooses nor says again."""
    answer = await answered(deps, request, access.company, key)
    if answer is not None:
        return answer
    records = await choose()

    async def act(tx: Tx) -> dict[str, Any]:
        return await say(deps, tx, access, records)

    return await once(deps, request, access.company, key, act)


def connected(account: Account | None) -> Account:
    """One end of an active route, if it can be called. Raises the problem that says what is missing."""
    if account is None:
        raise ProblemError(
            "conflict",
            "This company has no active route. Ask the Company Administrator to set one up under Rules.",
        )
    if not account.connected:
        raise ProblemError(
            "conflict",
            f"{SYSTEMS[account.system].label} is disconnected. A Company Administrator connects it again.",
        )
    return account


async def say_import(
    deps: Deps, tx: Tx, company: UUID, actor: str, mode: ImportMode, ids: Sequence[str]
) -> UUID:
    """Ask for a read of the source, for all records or those named; the run. Raises `conflict` where it cannot be called."""
    (settings,) = await companies.load_companies(tx, [company])
    source = connected(settings.source())
    run = deps.clock.new_id()
    chunks = [ids[i : i + MAX_IDS] for i in range(0, len(ids), MAX_IDS)] or [[]]
    lane = Lane.REAL_TIME if mode == "selected" and len(chunks) == 1 else Lane.BULK
    await requests.add_command(tx, company, run, "import", mode, actor, len(ids))
    commands = [
        ImportEmployees(
            run_id=run,
            account_id=source.account_id,
            mode=mode,
            remote_ids=tuple(chunk),
            part=n,
            parts=len(chunks),
            total=len(ids),
        )
        for n, chunk in enumerate(chunks, 1)
    ]
    await deps.outbox.append(tx, [Outgoing(c, company, lane=lane, run_id=run, actor=actor) for c in commands])
    return run


async def say_directory(
    deps: Deps, tx: Tx, company: UUID, actor: str, account: UUID, gone_at_most: int
) -> UUID:
    """Ask for a complete read of one account, in which so many people may be marked as gone; the run."""
    run = deps.clock.new_id()
    command = ImportEmployees(run_id=run, account_id=account, mode="directory", gone_at_most=gone_at_most)
    await requests.add_command(tx, company, run, "import", "directory", actor, 0)
    await deps.outbox.append(tx, [Outgoing(command, company, lane=Lane.BULK, run_id=run, actor=actor)])
    return run


async def _one(deps: Deps, company: UUID, record: UUID) -> list[Selected]:
    """This record as it stands now. Raises `not-found` when there is none."""
    found = await resolve(deps, company, Selection(record_ids=[record]))
    if not found:
        raise ProblemError("not-found", "There is no such record here.")
    return found


async def chosen(deps: Deps, company: UUID, body: NewSync) -> list[Selected]:
    """What is to be pushed, as it stands now or as it was selected."""
    if body.selection_id is not None:
        return await selected(deps, company, body.selection_id)
    return await resolve(deps, company, Selection(**body.model_dump(exclude={"selection_id"})))


async def say_plan(
    deps: Deps, tx: Tx, access: Access, chosen: list[Selected], *, apply: bool = True
) -> dict[str, Any]:
    """Have a plan made of these records; with `apply` it is applied at once."""
    run, actor, company = await new_run(deps, tx, access, chosen), access.person.actor, access.company
    commands = list(core.plan_parts(run, chosen, apply=apply))
    lane = Lane.REAL_TIME if len(commands) == 1 else Lane.BULK
    await requests.add_command(tx, company, run, "sync", None, actor, len(chosen))
    await deps.outbox.append(tx, [Outgoing(c, company, lane=lane, run_id=run, actor=actor) for c in commands])
    return {"run_id": str(run), "total": len(chosen)}


async def _say_direct(deps: Deps, tx: Tx, access: Access, chosen: list[Selected]) -> dict[str, Any]:
    """A plan that is applied without being looked at, where the company's rules allow so many. Raises `conflict`."""
    answer = await say_plan(deps, tx, access, chosen)
    (settings,) = await companies.load_companies(tx, [access.company])
    most = settings.route.rules.direct_sync if settings.route else 0
    if len(chosen) > most:
        few = "record is" if most == 1 else "records are"
        allowed = f"At most {most} {few} synced" if most else "Nothing is synced"
        detail = f"{allowed} without a plan in this company. Make a plan, look at it, then apply it."
        raise ProblemError("conflict", detail, direct_sync=most)
    return answer


async def _say_retry(deps: Deps, tx: Tx, access: Access, chosen: list[Selected]) -> dict[str, Any]:
    run, actor, company = await new_run(deps, tx, access, chosen), access.person.actor, access.company
    (command,) = core.parts(run, chosen)
    await requests.add_command(tx, company, run, "sync", None, actor, 1)
    await deps.outbox.append(tx, [Outgoing(command, company, lane=Lane.REAL_TIME, run_id=run, actor=actor)])
    return {"run_id": str(run), "total": 1}


async def new_run(deps: Deps, tx: Tx, access: Access, chosen: list[Selected]) -> UUID:
    """The id of a new run of these records, if there is something to push and somewhere to push it."""
    if not chosen:
        raise ProblemError("conflict", "Nothing matches: there is nothing to push.")
    (settings,) = await companies.load_companies(tx, [access.company])
    connected(settings.destination())
    return deps.clock.new_id()
