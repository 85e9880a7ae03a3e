"""Every request: one span, one line, one count. By the route's pattern, never by the address, which may hold a name."""

from __future__ import annotations

import time

from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry import traces
from shared.telemetry.logs import log
from shared.telemetry.metrics import REQUESTS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAILED = 500


class Observed:
    """The outermost layer of a service's HTTP side."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        parent = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"traceparent"), None)
        started, status = time.monotonic(), _FAILED

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with traces.span(method, SpanKind.SERVER, parent=parent) as span:
            try:
                await self._app(scope, receive, watching)
            finally:
                route = getattr(scope.get("route"), "path", "none")
                REQUESTS.labels(route=route, method=method, status=str(status)).inc()
                took = round((time.monotonic() - started) * 1000, 1)
                log.info("http.request", method=method, route=route, status=status, duration_ms=took)
                if span is not None:
                    span.update_name(f"{method} {route}")
                    span.set_attributes({"http.route": route, "http.response.status_code": status})
