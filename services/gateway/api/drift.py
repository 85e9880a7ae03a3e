"""What somebody changed at the destination of a record: shown, and decided by a person."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from services.gateway.api.callers import operator, viewer
from services.gateway.api.common import Access, Deps, Input
from services.gateway.api.idempotency import IdempotencyKey, once
from services.gateway.api.records import Selection, resolve
from services.gateway.api.starting import new_run
from services.gateway.store import requests
from shared.contracts.commands import DecideDrift
from shared.contracts.drift import DriftDecided, DriftView
from shared.db.tx import Tx
from shared.domain.values import Lane
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing

FieldName = Annotated[str, Field(max_length=100, pattern=r"^[a-z_0-9]+$")]
Rev = Annotated[int, Field(ge=0, lt=2**63)]


class DriftDecision(Input):
    """What to do with each drifted field: each stands in exactly one of the three lists."""

    source_rev: Rev = Field(description="The `source_rev` that was shown.", examples=[1764374400000])
    destination_rev: Rev = Field(
        description="The `destination_rev` that was shown.", examples=[1764374400001]
    )
    adopt: list[FieldName] = Field(
        default=[],
        max_length=100,
        description="The source takes the destination's value.",
        examples=[["phone"]],
    )
    overwrite: list[FieldName] = Field(
        default=[], max_length=100, description="The destination gets the source's value again."
    )
    let_stand: list[FieldName] = Field(
        default=[], max_length=100, description="Both values stay until either side changes again."
    )


def make(deps: Deps) -> APIRouter:
    """Reading and deciding."""
    routes = APIRouter(prefix="/v1/companies/{company}/records/{record}", tags=["records"])

    @routes.get("/drift", response_model=DriftView)
    async def drift(record: UUID, access: Access = viewer(deps)) -> Any:
        """What somebody changed at the destination of this record, with the values of both sides.

        A record with such a field is Needs Action, `changed_at_destination`, until somebody decides.
        """
        return await access.read(deps.syncer, f"/records/{record}/drift")

    @routes.post("/drift", status_code=202, response_model=DriftDecided)
    async def decide_drift(
        record: UUID,
        body: DriftDecision,
        request: Request,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Decide about each field that was changed at the destination: adopt, overwrite, or let both values stand.

        Adopting writes the destination's value to the source. When a record has moved since it was shown, or a field is left
        out, nothing is done, and the run skips the record as `moved`.
        """
        decided = [*body.adopt, *body.overwrite, *body.let_stand]
        if not decided or len(set(decided)) < len(decided) or access.hidden.intersection(decided):
            raise ProblemError(
                "invalid", "Name each field that was changed, and that you may see, in exactly one list."
            )
        chosen = await resolve(deps, access.company, Selection(record_ids=[record]))
        if not chosen:
            raise ProblemError("not-found", "There is no such record here.")

        async def act(tx: Tx) -> dict[str, Any]:
            run, actor = await new_run(deps, tx, access, chosen), access.person.actor
            command = DecideDrift.model_validate({"run_id": run, "record_id": record, **body.model_dump()})
            writes = bool(body.adopt or body.overwrite)
            if writes:
                await requests.add_command(tx, access.company, run, "sync", None, actor, 1)
            outgoing = Outgoing(command, access.company, lane=Lane.REAL_TIME, run_id=run, actor=actor)
            await deps.outbox.append(tx, [outgoing])
            return {"run_id": str(run) if writes else None}

        return await once(deps, request, access.company, key, act)

    return routes
