"""Signing in and out."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.gateway.api.common import COOKIE, Deps, Input, check_origin, signed_in
from services.gateway.core import secret_hash
from services.gateway.store import users
from shared.contracts.views import Me
from shared.http.problems import ProblemError

_NOBODY = users.HASHER.hash(secrets.token_urlsafe(16))
"""Compared with where there is no such user, so that the answer takes as long."""


class SignIn(Input):
    """An address and its password."""

    email: str = Field(min_length=3, max_length=254)
    password: str = Field(min_length=1, max_length=500)


def make(deps: Deps) -> APIRouter:
    """The session of a browser."""
    routes = APIRouter(prefix="/v1/session", tags=["session"])

    @routes.post("", status_code=201)
    async def sign_in(body: SignIn, request: Request, response: Response) -> dict[str, Any]:
        """Start a session; its cookie opens everything else."""
        check_origin(request)
        async with deps.database.system() as tx:
            if not await users.begin_try(tx, body.email, deps.settings.sign_in_tries):
                raise ProblemError("too-many", "Too many wrong passwords. Wait a minute.")
            user = await users.find_user(tx, body.email)
        hashed = user["password_hash"] if user else _NOBODY
        good = await asyncio.to_thread(users.is_password, hashed, body.password)
        if user is None or not good:
            raise ProblemError("unauthenticated", "The address or the password is wrong.")
        token = secrets.token_urlsafe(32)
        async with deps.database.system() as tx:
            await users.forgive_tries(tx, body.email)
            await users.start_session(tx, secret_hash(token), user["user_id"])
        secure = deps.settings.secure_cookies or request.url.scheme == "https"
        response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=secure, path="/")
        return {"name": user["name"], "email": user["email"]}

    @routes.get("", response_model=Me)
    async def who(request: Request) -> dict[str, Any]:
        """Who is signed in, and what they may do where."""
        person, roles = await signed_in(deps, request)
        return {
            "actor": person.actor,
            "name": person.name,
            "email": person.email,
            "superuser": person.superuser,
            "companies": [{"company_id": str(c), "role": r.name.lower()} for c, r in roles.items()],
        }

    @routes.delete("", status_code=204)
    async def sign_out(request: Request, response: Response) -> None:
        """End the session."""
        await signed_in(deps, request)
        token = request.cookies.get(COOKIE, "")
        async with deps.database.system() as tx:
            await users.end_session(tx, secret_hash(token))
        response.delete_cookie(COOKIE, path="/")

    return routes
