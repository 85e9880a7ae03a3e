"""gateway's composition root."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from faststream.kafka import KafkaRouter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.api import make_routes
from services.gateway.api.common import Deps
from services.gateway.core import BadJsonError, check_json
from services.gateway.settings import Settings
from shared.connectors.vault import Vault
from shared.http.app import MAX_BODY_BYTES, Base, Parts, serve
from shared.http.internal import Internal
from shared.http.problems import problem

_HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}
_BODIED = frozenset({"POST", "PUT", "PATCH"})


class Edge:
    """The outermost layer: security headers on every answer, and bodies that only some readers understand refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(h for h in _HEADERS.items() if h[0] not in present),
                ]
            await send(message)

        if b"%00" in scope.get("query_string", b"") or b"\x00" in scope.get("raw_path", b""):
            await problem("invalid", "An address holds no NUL character.")(scope, receive, with_headers)
            return
        if scope["method"] not in _BODIED:
            await self._app(scope, receive, with_headers)
            return
        body = await _whole(receive)
        if body is None:
            await problem("too-large", f"A body has at most {MAX_BODY_BYTES} bytes.")(
                scope, receive, with_headers
            )
            return
        try:
            if body:
                check_json(body)
        except BadJsonError as error:
            kind = "malformed" if "not JSON" in str(error) else "invalid"
            await problem(kind, f"{str(error).capitalize()}.")(scope, receive, with_headers)
            return
        await self._app(scope, _again(body, receive), with_headers)


async def _whole(receive: Receive) -> bytes | None:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def once_more() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


def openapi_document(deps: Any = None) -> dict[str, Any]:
    """The public API's description; needs no database."""
    app = FastAPI(title="Muster", version="1")
    for routes in make_routes(deps):
        app.include_router(routes)
    return app.openapi()


async def main() -> None:
    """Run gateway until it is told to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        urls, token = settings.urls, settings.internal_token
        deps = Deps(
            base.database,
            base.outbox,
            base.clock,
            settings,
            Vault(base.database, settings.vault),
            Internal(urls.history, token, "history"),
            Internal(urls.mapper, token, "mapper"),
            Internal(urls.importer, token, "importer"),
        )

        def configure(app: FastAPI) -> None:
            document = openapi_document(deps)
            app.add_middleware(Edge)

            @app.get("/v1/openapi.json", include_in_schema=False)
            async def openapi() -> dict[str, Any]:
                return document

        return Parts(
            router=KafkaRouter(),
            routes=make_routes(deps),
            on_close=[deps.history.close, deps.mapper.close, deps.importer.close],
            configure=configure,
            max_body_bytes=None,
        )

    await serve("gateway", settings, build)
