"""The application that stands in for QuickBooks Online, put together."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response

from sandbox import web
from sandbox.admin import make_admin
from sandbox.control import answer
from sandbox.lifespan import lifespan_of
from sandbox.pages import make_pages
from sandbox.quickbooks import employee
from sandbox.quickbooks.admin_ui import QuickBooksAdminUi
from sandbox.quickbooks.company import Company
from sandbox.quickbooks.consent import make_consent
from sandbox.quickbooks.data import make_data
from sandbox.quickbooks.employee import QuickBooksWire
from sandbox.quickbooks.gate import Gate
from sandbox.quickbooks.hooks import QuickBooksHooks
from sandbox.quickbooks.metering import Metering
from sandbox.quickbooks.oauth import make_oauth
from sandbox.quickbooks.switches import REAL, SWITCHES
from sandbox.quickbooks.tokens import Client, Tokens
from sandbox.state import Sandbox
from sandbox.store import Store
from sandbox.throttle import Throttle


def make_app(
    store: Store, realms: Sequence[str], client: Client, admin_token: str = ""
) -> tuple[FastAPI, Sandbox]:
    """The application and what its calls share."""
    wire, shape = QuickBooksWire(store), QuickBooksHooks()
    sandbox = Sandbox(
        store,
        tuple(realms),
        wire,
        shape,
        switches=dict(SWITCHES),
        lists=employee.OTHER_LISTS,
        company_defaults=dict(employee.COMPANY),
    )
    wire.sandbox = shape.sandbox = sandbox
    tokens, company = Tokens(sandbox), Company(sandbox)
    throttle, metering = Throttle(sandbox, REAL), Metering(sandbox)
    app = FastAPI(
        title="QuickBooks Online sandbox",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan_of(sandbox),
    )
    app.include_router(make_data(sandbox, company, Gate(sandbox, tokens, company, throttle, metering)))
    app.include_router(make_consent(sandbox, client, tokens))
    app.include_router(make_oauth(sandbox, client, tokens))
    own = make_own_admin(tokens, throttle, metering)
    app.include_router(make_usage(sandbox, throttle, metering, admin_token))
    app.include_router(make_pages(sandbox, QuickBooksAdminUi(sandbox), admin_token))
    app.include_router(make_admin(sandbox, admin_token, own=[own], after_reset=throttle.reset))
    return app, sandbox


def make_own_admin(tokens: Tokens, throttle: Throttle, metering: Metering) -> APIRouter:
    """The admin calls that only this sandbox has."""
    router = APIRouter()

    async def expire(request: Request) -> Response:
        asked = request.query_params
        kinds = asked.get("kind", "access")
        if kinds not in ("access", "refresh", "all"):
            raise HTTPException(422, "kind must be access, refresh or all")
        tokens.end(kinds, asked.get("scope"))
        return answer({"expired": kinds})

    async def limits(request: Request) -> Response:
        return answer(throttle.show())

    async def metered(request: Request) -> Response:
        return answer({"metered": metering.show()})

    router.add_api_route("/tokens/expire", expire, methods=["POST"], response_model=None)
    router.add_api_route("/limits", limits, methods=["GET"], response_model=None)
    router.add_api_route("/metering", metered, methods=["GET"], response_model=None)
    return router


def make_usage(sandbox: Sandbox, throttle: Throttle, metering: Metering, token: str) -> APIRouter:
    """A page of what the calls cost and how near they came to the limits."""
    router = APIRouter()

    async def usage(request: Request) -> Response:
        web.admit(request, token)
        return web.page(
            "usage.html",
            brand=QuickBooksAdminUi.brand,
            metered=metering.show(),
            cap=int(sandbox.number("core_plus_per_month")),
            limits=[(name, int(sandbox.number(name))) for name in REAL],
            seen=throttle.show(),
        )

    router.add_api_route("/usage", usage, methods=["GET"], response_model=None)
    return router
