"""Messages that a service could not handle: an operator looks, an administrator has them handled again or gives them up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import Field

from services.gateway.api.callers import admin, operator
from services.gateway.api.common import Access, Deps, Input, record
from shared.contracts.operations import DeadLetterDetail, DeadLetterList, DeadLetterView, Replayed
from shared.domain.visibility import without
from shared.http.internal import Internal
from shared.http.problems import ProblemError
from shared.http.upkeep import Letter, found

Service = Annotated[Literal["gateway", "importer", "mapper", "syncer", "history"], Path()]
_FOREIGN = "webhooks."
"""Topics of what other systems sent: how they name what a role does not see is not known."""


class Discard(Input):
    """Why a message is given up."""

    reason: str = Field(min_length=1, max_length=500)


def owners(deps: Deps) -> Mapping[str, Internal]:
    """The services that are asked over HTTP."""
    return {
        "importer": deps.importer,
        "mapper": deps.mapper,
        "syncer": deps.syncer,
        "history": deps.history,
    }


async def ask_all(deps: Deps, company: UUID, path: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What each service answers, by service, and the names of those that do not."""

    async def ask(service: Internal) -> Any:
        try:
            return await service.get(path, company=company)
        except ProblemError:
            return None

    asked = owners(deps)
    answers = dict(zip(asked, await asyncio.gather(*map(ask, asked.values())), strict=True))
    known = {name: answer for name, answer in answers.items() if answer is not None}
    return known, tuple(sorted(answers.keys() - known.keys()))


async def letters(deps: Deps, company: UUID) -> tuple[list[DeadLetterView], tuple[str, ...]]:
    """The company's dead letters of all services, newest first, and the names of the services that do not answer."""
    known, unanswered = await ask_all(deps, company, "/dead-letters")
    items = [DeadLetterView.model_validate(one) for answer in known.values() for one in answer]
    items += await deps.upkeep.list_dead_letters(company)
    return sorted(items, key=lambda one: one.at, reverse=True), unanswered


def make(deps: Deps) -> APIRouter:
    """Dead letters of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}/dead-letters", tags=["operations"])

    @routes.get("", response_model=DeadLetterList)
    async def dead_letters(access: Access = operator(deps)) -> DeadLetterList:
        """Messages about the company that a service could not handle, newest first."""
        items, unanswered = await letters(deps, access.company)
        return DeadLetterList(items=tuple(items), unanswered=unanswered)

    @routes.get("/{service}/{letter}", response_model=DeadLetterDetail)
    async def dead_letter(
        service: Service, letter: Letter, access: Access = operator(deps)
    ) -> dict[str, Any]:
        """Show a dead letter, without the fields that the role does not see."""
        if service == "gateway":
            mine = found(await deps.upkeep.show_dead_letter(access.company, letter.rsplit(":", 2)))
            return _shown(mine.model_dump(mode="json"), access)
        return _shown(
            await owners(deps)[service].get(f"/dead-letters/{letter}", company=access.company), access
        )

    @routes.post("/{service}/{letter}/replay", response_model=Replayed)
    async def replay_dead_letter(
        service: Service, letter: Letter, request: Request, access: Access = admin(deps)
    ) -> Replayed:
        """Replay a dead letter, now. Where that fails again, it stays, and `detail` says where it failed."""
        if service == "gateway":
            raise ProblemError(
                "conflict", "This delivery could not be read. A sweep finds what it was about; discard it."
            )
        answer = await owners(deps)[service].post(
            f"/dead-letters/{letter}/replay",
            company=access.company,
            json={},
            read=Replayed.model_validate_json,
        )
        await _note(access, request, service, letter, "dead_letter.replayed", answer.detail)
        return answer

    @routes.post("/{service}/{letter}/discard", status_code=204)
    async def discard_dead_letter(
        service: Service, letter: Letter, body: Discard, request: Request, access: Access = admin(deps)
    ) -> None:
        """Give it up. It is not handled any more, and nothing waits for it: see docs/operations.md for what that can mean."""
        if service == "gateway":
            found(
                await deps.upkeep.discard(
                    access.company, letter.rsplit(":", 2), access.person.actor, body.reason
                )
                or None
            )
        else:
            await owners(deps)[service].post(
                f"/dead-letters/{letter}/discard",
                company=access.company,
                json={"actor": access.person.actor, "reason": body.reason},
                read=bool,
            )
        await _note(access, request, service, letter, "dead_letter.discarded", body.reason)

    async def _note(
        access: Access,
        request: Request,
        service: str,
        letter: str,
        action: Literal["dead_letter.replayed", "dead_letter.discarded"],
        detail: str,
    ) -> None:
        async with deps.database.transaction([access.company]) as tx:
            await record(tx, access, request, action, f"{service}/{letter}", detail)

    return routes


def _shown(detail: dict[str, Any], access: Access) -> dict[str, Any]:
    """A message without what the role does not see; of what another system sent, nothing, unless the role sees all."""
    if not access.hidden or detail["body"] is None:
        return detail
    if detail["topic"].startswith(_FOREIGN):
        return {**detail, "body": None, "hidden": ["body"]}
    return {
        **detail,
        "body": without(detail["body"], access.hidden),
        "hidden": sorted(_named(detail["body"]) & access.hidden),
    }


def _named(value: Any) -> set[str]:
    """The names of all members, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*map(_named, value.values()))
    return set().union(*map(_named, value)) if isinstance(value, list) else set()
