"""The application that stands in for Linarc, put together."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response

from sandbox.admin import make_admin
from sandbox.box import Sandbox, Setting
from sandbox.control import answer, scope_of
from sandbox.lifespan import lifespan_of
from sandbox.linarc import employee
from sandbox.linarc.accounts import Accounts, Refusal
from sandbox.linarc.api import make_api
from sandbox.linarc.contract import document
from sandbox.linarc.desk import LinarcDesk
from sandbox.linarc.doors import make_doors
from sandbox.linarc.employee import LinarcWire
from sandbox.linarc.hooks import LinarcHooks
from sandbox.pages import make_pages
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
    box = Sandbox(
        store,
        tuple(tenants),
        LinarcWire(),
        LinarcHooks(),
        switches=dict(SWITCHES),
        company_defaults={"name": ""},
    )
    accounts, throttle = Accounts(box), Throttle(box, REAL)
    app = FastAPI(
        title="Linarc sandbox", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan_of(box)
    )
    app.include_router(make_api(box, tenants, throttle))
    app.include_router(make_doors(box, accounts))
    app.include_router(make_pages(box, LinarcDesk(box, accounts), admin_token))
    own = make_own_admin(box, accounts, throttle)
    app.include_router(make_admin(box, admin_token, own=[own], after_reset=throttle.reset))

    async def openapi(request: Request) -> Response:
        return answer(document())

    app.add_api_route("/api/v1/openapi.json", openapi, methods=["GET"], response_model=None)
    return app, box


def make_own_admin(box: Sandbox, accounts: Accounts, throttle: Throttle) -> APIRouter:
    """The admin calls that only this sandbox has."""
    router = APIRouter()

    async def invite(request: Request, remote_id: str) -> Response:
        scope, num = scope_of(box, request), employee.number_of(remote_id)
        row = box.store.get(scope, num) if num is not None else None
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
