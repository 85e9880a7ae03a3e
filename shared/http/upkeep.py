"""The internal routes by which gateway shows a service's messages to people, and settles those that were dead-lettered."""

from __future__ import annotations

import re
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, SecretStr

from shared.contracts.operations import DeadLetterDetail, DeadLetterView, Hop, Replayed
from shared.http.auth import internal_only
from shared.http.problems import ProblemError
from shared.messaging.upkeep import Upkeep

T = TypeVar("T")
LETTER = re.compile(r"[a-z0-9._-]{1,200}:[0-9]{1,10}:[0-9]{1,19}")
GONE = "There is no such dead letter here, or it was settled already."
Letter = Annotated[str, Path(pattern=f"^{LETTER.pattern}$")]


class Discard(BaseModel):
    """Who gives a message up, and why."""

    actor: str
    reason: str


def make_routes(token: SecretStr, upkeep: Upkeep) -> APIRouter:
    """Of one service."""
    routes = APIRouter(prefix="/internal/{company}", dependencies=[Depends(internal_only(token))])

    @routes.get("/consuming")
    async def consuming(company: UUID) -> list[Hop]:  # noqa: ARG001  (of the path)
        """The topics that this process consumes, with what waits."""
        return upkeep.hops()

    @routes.get("/dead-letter-counts")
    async def counts(company: UUID) -> dict[str, int]:  # noqa: ARG001  (of the path)
        """Of every company; the empty name: of none that could be read."""
        return {str(company or ""): count for company, count in (await upkeep.counts()).items()}

    @routes.get("/dead-letters")
    async def list_dead_letters(company: UUID) -> list[DeadLetterView]:
        """The company's dead letters that wait for somebody."""
        return await upkeep.list_dead_letters(company)

    @routes.get("/dead-letters/{letter}")
    async def show_dead_letter(company: UUID, letter: Letter) -> DeadLetterDetail:
        """One as it came."""
        return found(await upkeep.show_dead_letter(company, letter.rsplit(":", 2)))

    @routes.post("/dead-letters/{letter}/replay")
    async def replay(company: UUID, letter: Letter) -> Replayed:
        """Handle it again."""
        return found(await upkeep.replay(company, letter.rsplit(":", 2)))

    @routes.post("/dead-letters/{letter}/discard", status_code=204)
    async def discard(company: UUID, letter: Letter, body: Discard) -> None:
        """Give it up."""
        found(await upkeep.discard(company, letter.rsplit(":", 2), body.actor, body.reason) or None)

    return routes


def found(value: T | None) -> T:
    """Raises `not-found`."""
    if value is None:
        raise ProblemError("not-found", GONE)
    return value
