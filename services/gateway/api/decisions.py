"""What people decide about who is who: one record, or many cases at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from pydantic import Field, StrictBool, model_validator

from services.gateway.api.callers import operator
from services.gateway.api.common import Access, Deps, Input
from services.gateway.api.idempotency import IdempotencyKey, answered, once
from services.gateway.core.mapping import holder, refused_decision
from shared.contracts.cases import (
    Decision,
    DecisionsTaken,
    DecisionTaken,
)
from shared.contracts.commands import (
    MAX_IDS,
    CreateRecord,
    ExcludeRecord,
    IncludeRecord,
    LinkRecord,
    PostponeRecord,
    RefuseMatch,
    UndoDecision,
    UnlinkRecord,
)
from shared.contracts.events import Body
from shared.db.tx import Tx
from shared.domain.values import Lane
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing

FEW = 50
"""More decisions at once than this travel in bulk."""
NAMING = ("link", "not_same")
"""The decisions that name a destination record."""


class Chosen(Input):
    """A source record; where the decision names one, a destination record; and the version of the match that was seen."""

    record_id: UUID
    destination_record_id: UUID | None = None
    link_rev: int | None = None


class DecisionBase(Input):
    """A decision; `reason` goes with `exclude`, `then_push` with `link` and `create`."""

    decision: Decision
    reason: str | None = Field(default=None, min_length=1, max_length=300, pattern=r"\S")
    then_push: StrictBool = False

    @model_validator(mode="after")
    def _fits(self) -> DecisionBase:
        if (self.reason is not None) != (self.decision == "exclude"):
            msg = "reason goes with the decision exclude, and only with it"
            raise ValueError(msg)
        if self.then_push and self.decision not in ("link", "create"):
            msg = "then_push goes with the decisions link and create"
            raise ValueError(msg)
        return self


class DecisionInput(DecisionBase):
    """What a person decides about one record; `link` and `not_same` name a destination record."""

    destination_record_id: UUID | None = None
    link_rev: int | None = None

    @model_validator(mode="after")
    def _named(self) -> DecisionInput:
        _check_named(self.decision, [self.destination_record_id])
        return self


class DecisionsInput(DecisionBase):
    """The same decision about up to 500 records, each named after a look at it."""

    pairs: list[Chosen] = Field(min_length=1, max_length=MAX_IDS)

    @model_validator(mode="after")
    def _named(self) -> DecisionsInput:
        _check_named(self.decision, [p.destination_record_id for p in self.pairs])
        if len({p.record_id for p in self.pairs}) < len(self.pairs):
            msg = "each record is named once"
            raise ValueError(msg)
        return self


def _check_named(decision: Decision, named: Sequence[UUID | None]) -> None:
    if any((there is not None) != (decision in NAMING) for there in named):
        msg = "destination_record_id goes with the decisions link and not_same, and only with them"
        raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a decision cannot be taken."""

    record_id: UUID
    problem: tuple[str, str]
    more: Mapping[str, str]


def _command(asked: DecisionBase, pair: Chosen) -> Body:
    record, there = pair.record_id, pair.destination_record_id
    match asked.decision:
        case "link":
            assert there is not None
            return LinkRecord(record_id=record, destination_record_id=there, then_push=asked.then_push)
        case "not_same":
            assert there is not None
            return RefuseMatch(record_id=record, destination_record_id=there)
        case "create":
            return CreateRecord(record_id=record, then_push=asked.then_push)
        case "exclude":
            return ExcludeRecord(record_id=record, reason=(asked.reason or "").strip())
        case "unlink":
            return UnlinkRecord(record_id=record)
        case "include":
            return IncludeRecord(record_id=record)
        case "later":
            return PostponeRecord(record_id=record)
        case "undo":
            return UndoDecision(record_id=record)


async def _refused(
    deps: Deps, company: UUID, decision: Decision, pairs: Sequence[Chosen]
) -> dict[UUID, Refused]:
    """The decisions that cannot be taken as things stand now, by record."""
    asked = [
        {
            "record": str(p.record_id),
            "destination": str(p.destination_record_id) if p.destination_record_id else None,
        }
        for p in pairs
    ]
    standing = await deps.mapper.post("/pairs", company=company, json=asked, read=orjson.loads)
    found: dict[UUID, Refused] = {}
    taken: set[UUID] = set()
    for pair, now in zip(pairs, standing, strict=True):
        there = now["destination"]
        wrong = refused_decision(decision, now["record"], there, pair.record_id, pair.link_rev)
        if wrong is None and decision == "link" and pair.destination_record_id in taken:
            wrong = "conflict", "Another record of this list is to be linked to the same person."
        if wrong is not None:
            found[pair.record_id] = Refused(pair.record_id, wrong, holder(there, pair.record_id))
        elif pair.destination_record_id is not None:
            taken.add(pair.destination_record_id)
    return found


def add_decisions(routes: APIRouter, deps: Deps) -> None:
    """The routes on which people decide."""

    async def publish(tx: Tx, access: Access, asked: DecisionBase, pairs: Sequence[Chosen]) -> None:
        lane = Lane.REAL_TIME if len(pairs) <= FEW else Lane.BULK
        actor = access.person.actor
        await deps.outbox.append(
            tx, [Outgoing(_command(asked, p), access.company, lane=lane, actor=actor) for p in pairs]
        )

    @routes.post("/records/{record}/decision", status_code=202, response_model=DecisionTaken)
    async def decide(
        record: UUID,
        body: DecisionInput,
        request: Request,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Decide who this is, or that it is left out. It stands until somebody decides again, or takes it back with `undo`.

        One that cannot be carried out as things stand is a conflict; one that loses a race becomes a case.
        """
        known = await answered(deps, request, access.company, key)
        if known is not None:
            return known
        pair = Chosen(
            record_id=record, destination_record_id=body.destination_record_id, link_rev=body.link_rev
        )
        wrong = (await _refused(deps, access.company, body.decision, [pair])).get(record)
        if wrong is not None:
            raise ProblemError(*wrong.problem, **wrong.more)

        async def act(tx: Tx) -> dict[str, Any]:
            await publish(tx, access, body, [pair])
            return {"accepted": True}

        return await once(deps, request, access.company, key, act)

    @routes.post("/cases/decide", status_code=202, response_model=DecisionsTaken)
    async def decide_many(
        body: DecisionsInput, request: Request, access: Access = operator(deps), key: IdempotencyKey = None
    ) -> dict[str, Any]:
        """The same decision about each of these records. Those that cannot be decided are named, and nothing of them changes."""
        known = await answered(deps, request, access.company, key)
        if known is not None:
            return known
        wrong = await _refused(deps, access.company, body.decision, body.pairs)
        good = [p for p in body.pairs if p.record_id not in wrong]
        conflicts = [
            {"record_id": str(r.record_id), "detail": r.problem[1], **r.more} for r in wrong.values()
        ]

        async def act(tx: Tx) -> dict[str, Any]:
            await publish(tx, access, body, good)
            return {"accepted": len(good), "conflicts": conflicts}

        return await once(deps, request, access.company, key, act)
