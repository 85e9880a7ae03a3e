"""API keys: a company's services come with them instead of a person's session."""

from __future__ import annotations

import secrets
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, StrictInt

from services.gateway.api.callers import admin
from services.gateway.api.common import Access, Deps, Input, record
from services.gateway.core import secret_hash
from services.gateway.store import api_keys
from services.gateway.store.api_keys import NewApiKey
from shared.contracts.keys import KeyMade, KeyView
from shared.domain.visibility import Role
from shared.http.problems import ProblemError


class NewKey(Input):
    """An API key for a service of the company's. It lasts 90 days unless the installation or `days` says otherwise."""

    name: str = Field(min_length=1, max_length=100)
    role: Literal["viewer", "operator", "admin"]
    days: StrictInt | None = Field(default=None, ge=1)


def make(deps: Deps) -> APIRouter:
    """API keys of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}/api-keys", tags=["companies"])

    @routes.get("", response_model=list[KeyView])
    async def keys(company: UUID, _: Access = admin(deps)) -> list[dict[str, Any]]:
        """The company's API keys, without their secrets."""
        async with deps.database.transaction([company]) as tx:
            return [dict(row.items()) for row in await api_keys.list_keys(tx, company)]

    @routes.post("", status_code=201, response_model=KeyMade)
    async def add_key(
        company: UUID, body: NewKey, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Make an API key. It is shown once, and ends with its maker's role, and with the key that made it."""
        settings, person = deps.settings, access.person
        days = settings.key_days if body.days is None else body.days
        if days > settings.key_days_most:
            raise ProblemError("invalid", f"A key lasts {settings.key_days_most} days at most.")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        made = NewApiKey(
            key_id=key_id,
            name=body.name,
            role=Role.named(body.role),
            secret_hash=secret_hash(secret),
            days=days,
            made_by=person.made_by,
            made_by_key=None if person.user_id else person.actor.removeprefix("key:"),
        )
        async with deps.database.transaction([company]) as tx:
            expires_at = await api_keys.add_key(tx, company, made)
            await record(tx, access, request, "key.created", f"key:{key_id}", body.role)
        return {
            "key_id": key_id,
            "key": f"mk_{key_id}_{secret}",
            "role": body.role,
            "expires_at": expires_at,
        }

    @routes.delete("/{key_id}", status_code=204)
    async def drop_key(company: UUID, key_id: str, request: Request, access: Access = admin(deps)) -> None:
        """Take an API key back, with all keys that it made."""
        async with deps.database.transaction([company]) as tx:
            gone = await api_keys.drop_key(tx, company, key_id)
            if not gone:
                raise ProblemError("not-found", "There is no such key here.")
            for one in gone:
                await record(tx, access, request, "key.deleted", f"key:{one}")
        deps.on_ended([f"key:{one}" for one in gone])

    return routes
