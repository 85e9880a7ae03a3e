"""The pages of people without rights: opening an invitation, and logging in."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Request, Response

from sandbox import web
from sandbox.linarc.accounts import SHORTEST_PASSWORD, Accounts, Refusal
from sandbox.state import Sandbox
from sandbox.store import Row


def _name(row: Row) -> str:
    person = orjson.loads(row.data)
    return " ".join(person[part] for part in ("first_name", "last_name") if person[part])


def make_login(sandbox: Sandbox, accounts: Accounts) -> APIRouter:
    """/accept and /login. Refusals answer 403, so that a test sees them as well as a person does."""
    router = APIRouter()

    def accept_page(token: str, wrong: str | None = None) -> Response:
        found = accounts.invited(token)
        if found is None:
            wrong = "This invitation is not valid any more. Ask your administrator for another."
        return web.page(
            "accept.html",
            403 if wrong else 200,
            token=token if found else None,
            name=_name(found[1]) if found else "",
            shortest=SHORTEST_PASSWORD,
            wrong=wrong,
        )

    async def invitation(request: Request) -> Response:
        return accept_page(request.query_params.get("token", ""))

    async def accept(request: Request) -> Response:
        given = await web.form(request)
        token = given.get("token", "")
        try:
            row = accounts.accept(token, given.get("password", ""))
        except Refusal as refused:
            return accept_page(token, str(refused))
        return login_page("", "", message=f"Welcome, {_name(row)}. Your account is active: log in.")

    def login_page(scope: str, email: str, wrong: str | None = None, message: str | None = None) -> Response:
        return web.page(
            "login.html",
            403 if wrong else 200,
            scopes=sandbox.scopes,
            scope=scope,
            email=email,
            wrong=wrong,
            message=message,
        )

    async def door(request: Request) -> Response:
        return login_page("", "")

    async def log_in(request: Request) -> Response:
        given = await web.form(request)
        scope, email = given.get("scope", ""), given.get("email", "")
        try:
            if scope not in sandbox.scopes:
                raise Refusal("Choose a company.")
            row = accounts.log_in(scope, email, given.get("password", ""))
        except Refusal as refused:
            return login_page(scope, email, str(refused))
        return web.page("inside.html", name=_name(row), scope=scope)

    for method, path, call in (
        ("GET", "/accept", invitation),
        ("POST", "/accept", accept),
        ("GET", "/login", door),
        ("POST", "/login", log_in),
    ):
        router.add_api_route(path, call, methods=[method], response_model=None)
    return router
