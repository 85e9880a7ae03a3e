"""Companies, their route with its rules, and their API keys."""

from __future__ import annotations

import secrets
from typing import Any, Literal
from uuid import UUID, uuid5

from fastapi import APIRouter, Request
from pydantic import Field, StrictBool, StrictInt

from services.gateway.api.common import (
    Access,
    Deps,
    IdempotencyKey,
    Input,
    admin,
    change_settings,
    once,
    signed_in,
    tell_settings,
    viewer,
)
from services.gateway.core import Role, secret_hash
from services.gateway.store import api_keys
from services.gateway.store import companies as stored
from shared.contracts.records import CompanySettings, Route, Rules
from shared.contracts.views import CompanyView
from shared.db.tx import Tx
from shared.http.problems import ProblemError


class NewCompany(Input):
    """A company's name."""

    name: str = Field(min_length=1, max_length=200)


class NewRules(Input):
    """Rules of a route; in a change, those that are left out stay."""

    auto_create: StrictBool = False
    auto_update: StrictBool = False
    auto_sync: StrictBool = False
    create_missing: StrictBool = True
    confirm_matches: StrictBool = False
    directory_max_age_seconds: StrictInt = Field(default=900, ge=60, le=604_800)


class NewRoute(Input):
    """Which account is the source of truth, and the rules."""

    source: UUID
    destination: UUID
    rules: NewRules = NewRules()
    active: StrictBool = True


class NewKey(Input):
    """An API key for a service of the company's."""

    name: str = Field(min_length=1, max_length=100)
    role: Literal["viewer", "operator", "admin"]


def make(deps: Deps) -> APIRouter:
    """Settings of companies."""
    routes = APIRouter(prefix="/v1/companies", tags=["companies"])
    _companies(routes, deps)
    _keys(routes, deps)
    return routes


def _companies(routes: APIRouter, deps: Deps) -> None:
    @routes.get("", response_model=list[CompanyView])
    async def companies(request: Request) -> list[dict[str, Any]]:
        """The companies one may see."""
        _, roles = await signed_in(deps, request)
        async with deps.database.transaction(roles) as tx:
            found = await stored.load_companies(tx, list(roles))
        return [{**_shown(s), "role": roles[s.company_id].name.lower()} for s in found]

    @routes.post("", status_code=201)
    async def add_company(body: NewCompany, request: Request, key: IdempotencyKey = None) -> dict[str, Any]:
        """Make a company and become its administrator."""
        person, _ = await signed_in(deps, request)
        if not person.superuser or person.user_id is None:
            raise ProblemError("forbidden", "Only an administrator of this Muster makes companies.")
        owner = person.user_id
        # The answer is stored with the company, so a repetition must come to the same one.
        company = uuid5(owner, key) if key is not None else deps.clock.new_id()

        async def act(tx: Tx) -> dict[str, Any]:
            if not await stored.add_company(tx, company, body.name, owner):
                raise ProblemError("key-reused", "This Idempotency-Key has made a company. Take a new one.")
            settings = CompanySettings(company_id=company, version=1, name=body.name)
            await tell_settings(deps, tx, settings, person.actor)
            return _shown(settings)

        return await once(deps, request, company, key, act)

    @routes.get("/{company}", response_model=CompanyView)
    async def company_settings(company: UUID, access: Access = viewer(deps)) -> dict[str, Any]:
        """One company's settings."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await stored.load_companies(tx, [company])
        return {**_shown(settings), "role": access.role.name.lower()}

    @routes.put("/{company}/route")
    async def set_route(
        company: UUID,
        body: NewRoute,
        request: Request,
        access: Access = admin(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Say which account is the source of truth, and by what rules the other follows."""
        if body.source == body.destination:
            raise ProblemError("invalid", "Source and destination must be two accounts.")

        def change(settings: CompanySettings) -> CompanySettings:
            ends = [settings.account(body.source), settings.account(body.destination)]
            if None in ends or len({a.system for a in ends if a}) < len(ends):
                raise ProblemError(
                    "invalid", "Source and destination are accounts of this company, in different systems."
                )
            rules = Rules(**body.rules.model_dump())
            route = Route(source=body.source, destination=body.destination, rules=rules, active=body.active)
            return settings.model_copy(update={"route": route})

        async def act(tx: Tx) -> dict[str, Any]:
            return _shown(await change_settings(deps, tx, company, access.person.actor, change))

        return await once(deps, request, company, key, act)

    @routes.patch("/{company}/route/rules")
    async def set_rules(
        company: UUID, body: NewRules, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Change single rules."""
        changed = body.model_dump(exclude_unset=True)

        def change(settings: CompanySettings) -> CompanySettings:
            if settings.route is None:
                raise ProblemError("conflict", "Set the route first.")
            rules = settings.route.rules.model_copy(update=changed)
            return settings.model_copy(update={"route": settings.route.model_copy(update={"rules": rules})})

        async def act(tx: Tx) -> dict[str, Any]:
            return _shown(await change_settings(deps, tx, company, access.person.actor, change))

        return await once(deps, request, company, None, act)


def _keys(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/{company}/api-keys")
    async def keys(company: UUID, _: Access = admin(deps)) -> list[dict[str, Any]]:
        """The company's API keys, without their secrets."""
        async with deps.database.transaction([company]) as tx:
            return [dict(row.items()) for row in await api_keys.list_keys(tx, company)]

    @routes.post("/{company}/api-keys", status_code=201)
    async def add_key(company: UUID, body: NewKey, _: Access = admin(deps)) -> dict[str, Any]:
        """Make an API key. It is shown once."""
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        async with deps.database.transaction([company]) as tx:
            await api_keys.add_key(tx, company, key_id, body.name, Role.named(body.role), secret_hash(secret))
        return {"key_id": key_id, "key": f"mk_{key_id}_{secret}", "role": body.role}

    @routes.delete("/{company}/api-keys/{key_id}", status_code=204)
    async def drop_key(company: UUID, key_id: str, _: Access = admin(deps)) -> None:
        """Take an API key back."""
        async with deps.database.transaction([company]) as tx:
            if not await api_keys.drop_key(tx, company, key_id):
                raise ProblemError("not-found", "There is no such key here.")


def _shown(settings: CompanySettings) -> dict[str, Any]:
    return settings.model_dump(mode="json")
