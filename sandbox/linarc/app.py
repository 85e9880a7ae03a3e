"""The application that stands in for Linarc, put together."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from starlette.middleware.base import RequestResponseEndpoint
from starlette.routing import Match

from sandbox.admin import make_admin
from sandbox.control import answer, scope_of
from sandbox.lifespan import lifespan_of
from sandbox.linarc import employee
from sandbox.linarc.accounts import Accounts, Refusal
from sandbox.linarc.admin_ui import LinarcAdminUi
from sandbox.linarc.api import make_api
from sandbox.linarc.contract import document
from sandbox.linarc.employee import LinarcWire
from sandbox.linarc.hooks import LinarcHooks
from sandbox.linarc.login import make_login
from sandbox.linarc.problem import Problem, problem
from sandbox.pages import make_pages
from sandbox.state import Sandbox, Setting
from sandbox.store import Store
from sandbox.throttle import Throttle

REAL: dict[str, Setting] = {
    "requests_per_second": 20,
    "requests_per_minute": 600,
    "concurrent_requests": 10,
}
OFF: dict[str, Setting] = dict.fromkeys(REAL, 0)
SWITCHES: dict[str, Setting] = {
    # Limits for each company; 0 is none. `--limits real` sets the contract's.
    **OFF,
    # How many times faster the clock of limits and of webhooks' retries runs.
    "time_scale": 1.0,
    # Later webhooks wait until an earlier one is accepted.
    "hold_back": False,
}


def make_app(store: Store, tenants: Mapping[str, str], admin_token: str = "") -> tuple[FastAPI, Sandbox]:
    """The application for `tenants` (id -> API key), and what its calls share."""
    sandbox = Sandbox(
        store,
        tuple(tenants),
        LinarcWire(),
        LinarcHooks(),
        switches=dict(SWITCHES),
        company_defaults={"name": ""},
    )
    accounts, throttle = Accounts(sandbox), Throttle(sandbox, REAL)
    app = FastAPI(
        title="Linarc sandbox", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan_of(sandbox)
    )
    app.include_router(make_api(sandbox, tenants, throttle))
    app.include_router(make_login(sandbox, accounts))
    app.include_router(make_pages(sandbox, LinarcAdminUi(sandbox, accounts), admin_token))
    own = make_own_admin(sandbox, accounts, throttle)
    app.include_router(make_admin(sandbox, admin_token, own=[own], after_reset=throttle.reset))

    @app.middleware("http")
    async def named(request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Every answer names its exchange."""
        response = await call_next(request)
        response.headers["X-Request-Id"] = f"lin-{time.time_ns():x}"
        return response

    @app.exception_handler(405)
    async def on_method(request: Request, _: Exception) -> Response:
        """A path has a route for each method, so all of them are asked."""
        names = ("DELETE", "GET", "PATCH", "POST", "PUT")
        scopes = ((name, {**request.scope, "method": name}) for name in names)
        allowed = [n for n, s in scopes if any(r.matches(s)[0] is Match.FULL for r in request.app.routes)]
        detail = f"{request.url.path} takes {', '.join(allowed)}"
        refused = Problem(405, "method_not_allowed", "The method is not allowed", detail)
        return problem(refused, {"Allow": ", ".join(allowed)})

    async def openapi(request: Request) -> Response:
        return answer(document())

    app.add_api_route("/api/v1/openapi.json", openapi, methods=["GET"], response_model=None)
    return app, sandbox


def make_own_admin(sandbox: Sandbox, accounts: Accounts, throttle: Throttle) -> APIRouter:
    """The admin calls that only this sandbox has."""
    router = APIRouter()

    async def invite(request: Request, remote_id: str) -> Response:
        scope, num = scope_of(sandbox, request), employee.number_of(remote_id)
        row = sandbox.store.get(scope, num) if num is not None else None
        if row is None:
            raise HTTPException(404, "no such employee")
        try:
            row, token = accounts.invite(scope, row)
        except Refusal as refused:
            raise HTTPException(409, str(refused)) from refused
        return answer({"state": employee.state_of(row), "link": f"/accept?token={token}"})

    async def limits(request: Request) -> Response:
        return answer(throttle.show())

    router.add_api_route("/employees/{remote_id}/invite", invite, methods=["POST"], response_model=None)
    router.add_api_route("/limits", limits, methods=["GET"], response_model=None)
    return router
