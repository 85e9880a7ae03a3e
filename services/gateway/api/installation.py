"""The whole installation: all companies as counts, for its operators, and who works for it, for its administrators."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from pydantic import Field

from services.gateway.api.callers import installation
from services.gateway.api.common import Deps, Input, page_address, source_of
from services.gateway.api.dead_letters import ask_all
from services.gateway.api.members import Email
from services.gateway.core import secret_hash
from services.gateway.store import companies, password_resets, users
from services.gateway.store import installation as stored
from services.gateway.store.audit import INSTALLATION, Entry, add_entry
from services.gateway.store.users import Person
from shared.contracts.operations import CompanyHealth, InstallationView
from shared.contracts.people import InstallationPeople, InstallationPersonMade
from shared.db.tx import Tx
from shared.domain.visibility import Role
from shared.http.problems import ProblemError

_NOBODY = UUID(int=0)
"""Asks the internal APIs for what belongs to no one company."""
_LAST = "This is the last administrator of this Muster. Make somebody else one first."


class NewPerson(Input):
    """Who, and as what. `name` is for one who has no account yet."""

    email: Email
    role: Literal["operator", "admin"]
    name: str = Field(default="", max_length=200)


def make(deps: Deps) -> APIRouter:
    """What concerns all companies, and opens none of them."""
    routes = APIRouter(prefix="/v1/installation", tags=["installation"])

    @routes.get("", response_model=InstallationView)
    async def show_installation(_: Person = installation(deps, Role.OPERATOR)) -> InstallationView:
        """All companies, as counts and states without anything of their people. For an operator of this Muster."""
        async with deps.database.system() as tx:
            ids = await users.companies_with_members(tx)
        async with deps.database.transaction(ids or [_NOBODY]) as tx:
            known = await companies.load_companies(tx, ids)
        states = await deps.vault.states(ids)
        summaries = await _summaries(deps, ids)
        dead, silent = await ask_all(deps, _NOBODY, "/dead-letter-counts")
        mine = {str(company): count for company, count in (await deps.upkeep.counts()).items()}
        return InstallationView(
            companies=tuple(
                CompanyHealth(
                    company_id=one.company_id,
                    name=one.name,
                    counts=_of(summaries, one.company_id, "counts", {}),
                    running=_of(summaries, one.company_id, "running", 0),
                    dead_letters=sum(counts.get(str(one.company_id), 0) for counts in (*dead.values(), mine)),
                    connections=states.get(one.company_id, {}),
                )
                for one in sorted(known, key=lambda one: one.name)
            ),
            unanswered=silent if summaries is not None else tuple(sorted({*silent, "history"})),
        )

    _people(routes, deps)
    return routes


def _people(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/people", response_model=InstallationPeople)
    async def list_installation_people(_: Person = installation(deps, Role.ADMIN)) -> dict[str, Any]:
        """Who works for this Muster, and as what. For its administrators."""
        async with deps.database.system() as tx:
            return {"items": [dict(row.items()) for row in await stored.list_people(tx)]}

    @routes.post("/people", status_code=201, response_model=InstallationPersonMade)
    async def set_installation_role(
        body: NewPerson, request: Request, person: Person = installation(deps, Role.ADMIN)
    ) -> dict[str, Any]:
        """Let a person see all companies as counts (operator), or run this Muster (admin). For its administrators.

        One who has no account gets one, and a link by which they set its password, shown this once.
        """
        role, token = Role.named(body.role), secrets.token_urlsafe(32)
        # A password that nobody knows, until the link is used.
        hashed = await asyncio.to_thread(users.HASHER.hash, secrets.token_urlsafe(32))
        async with deps.database.system() as tx:
            user = deps.clock.new_id()
            new = await users.add_user(tx, user, body.email, body.name.strip() or body.email, hashed)
            if new:
                await password_resets.add_reset(tx, secret_hash(token), user, deps.settings.reset_hours)
            else:
                known = await users.find_user(tx, body.email)
                assert known is not None
                user = known["user_id"]
                if role < Role.ADMIN:
                    await _not_the_last(tx, user)
            row = await stored.set_role(tx, user, role)
            assert row is not None
            await _note(tx, person, request, user, body.role)
        link = page_address(deps, request, f"/reset/{token}") if new else None
        return {**dict(row.items()), "link": link}

    @routes.delete("/people/{user}", status_code=204)
    async def drop_installation_role(
        user: UUID, request: Request, person: Person = installation(deps, Role.ADMIN)
    ) -> None:
        """Take a person's role in this Muster away; what they are in companies stays. For its administrators."""
        async with deps.database.system() as tx:
            await _not_the_last(tx, user)
            if await stored.set_role(tx, user, None) is None:
                raise ProblemError("not-found", "There is nobody like that who works for this Muster.")
            await _note(tx, person, request, user, "none")


async def _not_the_last(tx: Tx, user: UUID) -> None:
    if await stored.lock_admins(tx) == {user}:
        raise ProblemError("conflict", _LAST)


async def _note(tx: Tx, person: Person, request: Request, user: UUID, role: str) -> None:
    entry = Entry("role.changed", person.actor, source_of(request), f"user:{user}", role)
    await add_entry(tx, [INSTALLATION], entry)


async def _summaries(deps: Deps, ids: list[UUID]) -> Any:
    """What history counts in each company; None where it does not answer."""
    try:
        return await deps.history.post(
            "/summaries", company=_NOBODY, json=list(map(str, ids)), read=orjson.loads
        )
    except ProblemError:
        return None


def _of(summaries: Any, company: UUID, name: str, missing: Any) -> Any:
    return summaries[str(company)][name] if summaries else missing
