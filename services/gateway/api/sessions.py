"""Signing in and out."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.gateway.api import second_factor, sso
from services.gateway.api.callers import (
    OwnAccount,
    SignedIn,
    account,
    anyone,
    check_origin,
    cookie_name,
    must_wait,
)
from services.gateway.api.common import Deps, Input, source_of
from services.gateway.api.needs import open_to_all
from services.gateway.core import Bucket, bucket
from services.gateway.store import attempts, users
from services.gateway.store.audit import INSTALLATION, Entry, add_entry
from shared.contracts.views import Me
from shared.http.problems import ProblemError

_NOBODY = users.HASHER.hash(secrets.token_urlsafe(16))
"""Compared with where there is no such user, so that the answer takes as long."""


class SignIn(Input):
    """An address and its password."""

    email: str = Field(min_length=3, max_length=254)
    password: str = Field(min_length=1, max_length=500)
    code: str | None = Field(default=None, min_length=6, max_length=30)
    """Of the second factor, or a recovery code."""


def make(deps: Deps) -> APIRouter:
    """The session of a browser."""
    routes = APIRouter(prefix="/v1/session", tags=["session"])

    @routes.post("", status_code=201, dependencies=[open_to_all])
    async def sign_in(body: SignIn, request: Request, response: Response) -> dict[str, Any]:
        """Start a session; its cookie opens everything else."""
        check_origin(request)
        source, settings = source_of(request), deps.settings
        mine = bucket(settings.sign_in_tries, "address", body.email.lower(), source.address)
        shared = bucket(settings.client_tries, "client", source.address)
        async with deps.database.system() as tx:
            if seconds := await attempts.begin_attempt(tx, [mine, shared]):
                raise must_wait(seconds)
            user = await users.find_user(tx, body.email)
            roles = await users.memberships(tx, user["user_id"]) if user else {}
        hashed = user["password_hash"] if user else _NOBODY
        good = await asyncio.to_thread(users.is_password, hashed, body.password)
        actor, seen_by = f"user:{user['user_id']}" if user else "unknown", [INSTALLATION, *roles]
        if user is None or not good:
            async with deps.database.system() as tx:
                await add_entry(tx, seen_by, Entry("session.refused", "unknown", source, actor))
            raise ProblemError("unauthenticated", "The address or the password is wrong.")
        if not settings.sso.lets_in("password", body.email):
            await _note_refusal(deps, seen_by, Entry("session.refused", actor, source, detail="not by sso"))
            raise ProblemError(
                "forbidden", f"Sign in with {settings.sso.name}; signing in with a password is turned off."
            )
        if await second_factor.has_factor(deps, user["user_id"]):
            refusal = Entry("session.refused", actor, source, detail="second factor")
            await _second_factor(deps, user["user_id"], body.code, shared, seen_by, refusal)
        async with deps.database.system() as tx:
            if await users.password_of(tx, user["user_id"]) != hashed:  # changed while it was judged
                raise ProblemError("unauthenticated", "The address or the password is wrong.")
            await attempts.forgive_attempts(tx, mine, [shared])
            await sso.start_session(deps, request, response, user["user_id"], "password", tx)
        return {"name": user["name"], "email": user["email"]}

    @routes.get("", response_model=Me)
    async def who(found: SignedIn = anyone(deps)) -> dict[str, Any]:
        """Who is signed in, and what they may do where."""
        person, roles = found
        return {
            "actor": person.actor,
            "name": person.name,
            "email": person.email,
            "installation": person.installation.name.lower() if person.installation else None,
            "time_zone": person.time_zone,
            "language": person.language,
            "must_enrol": deps.settings.second_factor and person.must_enrol,
            "companies": [{"company_id": str(c), "role": r.name.lower()} for c, r in roles.items()],
        }

    @routes.delete("", status_code=204)
    async def sign_out(request: Request, response: Response, mine: OwnAccount = account(deps)) -> None:
        """End the session."""
        person, user, session = mine
        async with deps.database.system() as tx:
            roles = await users.memberships(tx, user)
            await users.end_session(tx, session)
            entry = Entry("session.ended", person.actor, source_of(request))
            await add_entry(tx, [INSTALLATION, *roles], entry)
        deps.on_ended([person.credential])
        response.delete_cookie(
            cookie_name(deps), httponly=True, samesite="lax", secure=deps.settings.https, path="/"
        )

    return routes


async def _note_refusal(deps: Deps, seen_by: Collection[UUID], entry: Entry) -> None:
    async with deps.database.system() as tx:
        await add_entry(tx, seen_by, entry)


async def _second_factor(
    deps: Deps, user: UUID, code: str | None, shared: Bucket, seen_by: Collection[UUID], refusal: Entry
) -> None:
    """Ask for the code, or use it up. Raises `unauthenticated` with `second_factor`, or `too-many`."""
    if code is None:
        async with deps.database.system() as tx:
            await attempts.discount_attempts(tx, [shared])
        raise ProblemError(
            "unauthenticated", "Give the code that your authenticator shows.", second_factor=True
        )
    try:
        await second_factor.check_code(deps, user, code)
    except ProblemError as wrong:
        await _note_refusal(deps, seen_by, refusal)
        if wrong.kind == "too-many":
            raise
        raise ProblemError("unauthenticated", wrong.detail, second_factor=True) from None
