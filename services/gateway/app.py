"""gateway's composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import cache, partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from faststream.kafka import KafkaRouter
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway import stream
from services.gateway.api import make_routes, schedules
from services.gateway.api.callers import COOKIE, allowed, signed_in
from services.gateway.api.common import Access, Deps
from services.gateway.api.dead_letters import owners
from services.gateway.api.document import PROBLEM_TYPES, describe
from services.gateway.api.needs import Need, is_open, needs_of
from services.gateway.console import Console
from services.gateway.core import BadRequestError, check_json, check_target
from services.gateway.settings import Settings
from services.gateway.store import users
from services.gateway.webhooks import Entrance, Known, Receiver
from services.gateway.worker import Deliveries, Notifier, Scheduler, Watcher
from shared.connectors.limits import Limits
from shared.connectors.vault import Vault
from shared.db.work import Wakeup, keep_working
from shared.domain.visibility import Role
from shared.errors import Unavailable
from shared.http.app import MAX_BODY_BYTES, Base, Parts, serve
from shared.http.body import whole_body
from shared.http.internal import Internal
from shared.http.oidc import Provider
from shared.http.problems import TYPES, ProblemError, answer_of, problem
from shared.messaging.upkeep import Upkeep

_HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}
_BODIED = frozenset({"POST", "PUT", "PATCH", "DELETE"})
OPEN_BODY_BYTES = 16_384
"""Of a body by somebody who is not signed in: a password and a name are shorter."""
_TEXT = {"type": "string"}
_PROBLEM = {
    "title": "Problem",
    "description": "An error (RFC 9457). docs/problems.md says when each type is answered, and what to do.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "enum": [f"urn:muster:problem:{kind}" for kind in TYPES],
            "description": PROBLEM_TYPES,
        },
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "retry_after": {
            "type": "integer",
            "description": "Seconds to wait, as `Retry-After` says (`too-many`).",
        },
        "linked_to": {**_TEXT, "description": "The record that a person is linked to already (`conflict`)."},
        "second_factor": {
            "type": "boolean",
            "description": "The password is good; sign in with the code of the second factor too (`unauthenticated`).",
        },
        "must_enrol": {
            "type": "boolean",
            "description": "A second factor must be set up before anything else (`forbidden`).",
        },
        "state": {**_TEXT, "description": "How the connection is that was refused (`conflict`)."},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"where": _TEXT, "why": _TEXT}},
        },
    },
}
_ANSWER = {
    "description": "A problem",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_SCHEMES = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": (
            "From POST /v1/session; over https its name begins with `__Host-`. "
            "Every change also needs the header `X-Muster: 1`."
        ),
    },
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, `mk_…`."},
}


class Edge:
    """The outermost layer: security headers on every answer, and what only some readers understand is refused.

    Who asks is known before a body is read: a stranger learns nothing about it.
    """

    def __init__(
        self, app: ASGIApp, known: Callable[[Request], Awaitable[object]], opened: Sequence[APIRoute]
    ) -> None:
        """`known` raises a problem for a stranger; the routes that are `opened` judge by themselves who may ask."""
        self._app, self._known, self._opened = app, known, opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _guarded(send)
        try:
            check_target(scope.get("raw_path") or scope["path"].encode(), scope.get("query_string", b""))
            if scope["method"] in _BODIED:
                most = OPEN_BODY_BYTES
                if scope["path"].startswith("/v1/") and not is_open(self._opened, scope):
                    await self._known(Request(scope))
                    most = MAX_BODY_BYTES
                async with whole_body(scope, receive, most) as body:
                    _check_body(scope, body)
                receive = _again(body, receive)
        except BadRequestError as error:
            await problem(error.kind, str(error))(scope, receive, guarded)
        except (ProblemError, Unavailable) as error:
            await answer_of(error)(scope, receive, guarded)
        except ClientDisconnect:
            return
        else:
            await self._app(scope, receive, guarded)


def _guarded(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            more = [header for header in _HEADERS.items() if header[0] not in present]
            message["headers"] = [*message["headers"], *more]
        await send(message)

    return with_headers


def _check_body(scope: Scope, body: bytes) -> None:
    if not body:
        return
    kind: bytes = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if kind.partition(b";")[0].strip().lower() != b"application/json":
        raise BadRequestError("unsupported-media-type", "Send a body as application/json.")
    check_json(body)


def _again(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def once_more() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


def _routes(deps: Any, live: Any) -> list[APIRouter]:
    viewing: Any = Depends(allowed(deps, Role.VIEWER, active=False))

    async def seeing(access: Access = viewing) -> str:
        return access.person.credential

    history: Any = deps.history if deps is not None else None
    return [*make_routes(deps), *stream.make_routes(live, history, Depends(seeing))]


@cache
def openapi_document() -> dict[str, Any]:
    """The public API's description; needs no database. It takes a second to make, so it is made when first asked for."""
    app = FastAPI(title="Muster", version="1", generate_unique_id_function=lambda route: route.name)
    routers = _routes(None, None)
    for router in routers:
        app.include_router(router)
    document = app.openapi()
    parts = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name)
    parts["schemas"]["Problem"] = _PROBLEM
    parts["responses"] = {"Problem": _ANSWER}
    parts["securitySchemes"] = _SCHEMES
    document["security"] = [{name: []} for name in _SCHEMES]
    for route, need in needs_of(routers):
        for method in route.methods or ():
            operation = document["paths"][route.path][method.lower()]
            operation["x-needs"] = need.label
            if need is Need.NOTHING:
                operation["security"] = []
    for operation in (o for path in document["paths"].values() for o in path.values()):
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    describe(document)
    return document


def make_parts(base: Base, settings: Settings) -> Parts:
    """What makes gateway itself. It hears only the live stream, so its router has no subscriptions."""
    urls, tokens = settings.urls, settings.internal_tokens

    async def good(credentials: Collection[str]) -> set[tuple[str, UUID]]:
        async with base.database.system() as tx:
            return await users.good_credentials(
                tx, credentials, settings.session_idle_minutes, settings.session_hours
            )

    history = Internal(urls.history, tokens.history, "history")
    deliveries = Deliveries(base.database, history, settings, base.clock)
    notifier = Notifier(base.database, settings, base.clock)
    live = stream.Live(
        settings.kafka, settings.stream_beat_seconds, settings.stream_check_seconds, good, deliveries.moved
    )
    known = Known(base.database, settings)
    receiver = Receiver(base.database, base.outbox, base.clock, settings, known)
    deps = Deps(
        base.database,
        base.outbox,
        base.clock,
        settings,
        Vault(base.database, settings.vault),
        Limits(base.database, settings.limits, base.clock),
        history,
        Internal(urls.mapper, tokens.mapper, "mapper"),
        Internal(urls.importer, tokens.importer, "importer"),
        Internal(urls.syncer, tokens.syncer, "syncer"),
        Provider(settings.sso),
        Upkeep(base.database, base.consume, settings),
        live.end,
        deliveries.wake,
        notifier.wakeup.notify,
        known.refresh,
    )
    watcher = Watcher(
        base.database,
        owners(deps),
        deps.vault,
        deps.limits,
        deps.upkeep,
        settings,
        base.clock,
        notifier.wakeup,
    )

    routes = _routes(deps, live)
    watch = partial(keep_working, "notices.look", watcher.step, Wakeup())
    scheduler = Scheduler(base.database, base.clock, partial(schedules.prepare, deps))

    def configure(app: FastAPI) -> None:
        opened = [route for route, need in needs_of(routes) if need is Need.NOTHING]
        app.add_middleware(GZipMiddleware, minimum_size=4_000, compresslevel=3)
        app.add_middleware(Edge, known=partial(signed_in, deps), opened=opened)
        app.add_middleware(Entrance, receiver=receiver)
        app.router.default = Console()

        @app.get("/v1/openapi.json", include_in_schema=False)
        async def openapi() -> dict[str, Any]:
            return await asyncio.to_thread(openapi_document)

    return Parts(
        router=KafkaRouter(),
        workers=[
            live.run,
            live.watch,
            receiver.run,
            scheduler.run,
            *deliveries.loops,
            *notifier.loops,
            watch,
        ],
        routes=routes,
        on_stop=[live.stop],
        on_close=[
            deliveries.close,
            notifier.close,
            deps.provider.close,
            deps.history.close,
            deps.mapper.close,
            deps.importer.close,
            deps.syncer.close,
        ],
        configure=configure,
        max_body_bytes=None,
    )


async def main() -> None:
    """Run gateway until it is asked to stop."""
    settings = Settings()
    await serve("gateway", settings, lambda base: make_parts(base, settings))
