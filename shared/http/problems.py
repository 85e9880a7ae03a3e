"""Errors as problem+json (RFC 9457). Every `type` is documented in docs/problems.md; no answer holds a value from the request."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.errors import Unavailable
from shared.telemetry.logs import log

TYPES: dict[str, tuple[int, str]] = {
    "malformed": (400, "The request could not be read"),
    "unauthenticated": (401, "Sign in first"),
    "forbidden": (403, "Your role does not allow this"),
    "not-found": (404, "There is no such thing here"),
    "method-not-allowed": (405, "This address does not take that method"),
    "conflict": (409, "This is not possible in the present state"),
    "gone": (410, "This has expired"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "The body must be JSON"),
    "invalid": (422, "Something in the request is not allowed"),
    "key-reused": (422, "The idempotency key was used for another request"),
    "too-many": (429, "Too many requests"),
    "internal": (500, "Something went wrong on our side"),
    "unavailable": (503, "A part of Muster does not answer now"),
}
"""By last part of the type: the HTTP status and the title."""

_BY_STATUS = {
    400: "malformed", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
    409: "conflict", 410: "gone", 413: "too-large", 415: "unsupported-media-type", 422: "invalid", 429: "too-many",
    503: "unavailable",
}  # fmt: skip


class ProblemError(Exception):
    """An answer that is an error. `detail` says what to do, in words for people."""

    def __init__(self, kind: str, detail: str, **more: Any) -> None:
        """`kind` is a key of `TYPES`; `more` becomes members of the answer."""
        super().__init__(detail)
        self.kind, self.detail, self.more = kind, detail, more


def problem(kind: str, detail: str, **more: Any) -> JSONResponse:
    """The answer itself."""
    status, title = TYPES[kind]
    body = {"type": f"urn:muster:problem:{kind}", "title": title, "status": status, "detail": detail, **more}
    seconds = more.get("retry_after", 5 if kind == "unavailable" else None)
    headers = {"Retry-After": str(seconds)} if seconds is not None else None
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def answer_of(error: ProblemError | Unavailable) -> JSONResponse:
    """The answer that an error of ours is."""
    if isinstance(error, ProblemError):
        return problem(error.kind, error.detail, **error.more)
    log.warning("http.unavailable", outcome=str(error))
    return problem("unavailable", "Try again in a few seconds.")


def _methods(request: Request) -> list[str]:
    """The methods that the request's address takes, over all routes of the application."""
    return [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    @app.exception_handler(ProblemError)
    async def on_problem(_: Request, error: ProblemError) -> JSONResponse:
        return answer_of(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        errors = [{"where": ".".join(map(str, e["loc"])), "why": e["type"]} for e in found[:20]]
        if any(e["why"] == "json_invalid" for e in errors):
            return problem("malformed", "The body is not JSON.", errors=errors)
        # What our own checks say is for people, and never holds a value.
        said = (str(e["ctx"]["error"]) for e in found if e["type"] == "value_error")
        text = next(said, "see `errors`: where, and why").rstrip(".")
        return problem("invalid", f"{text[0].upper()}{text[1:]}.", errors=errors)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        kind = _BY_STATUS.get(error.status_code, "internal")
        answer = problem(kind, TYPES[kind][1] + ".")
        if kind == "method-not-allowed":
            answer.headers["Allow"] = ", ".join(_methods(request))
        return answer

    @app.exception_handler(Unavailable)
    async def on_unavailable(_: Request, error: Unavailable) -> JSONResponse:
        return answer_of(error)

    @app.exception_handler(Exception)
    async def on_bug(_: Request, error: Exception) -> JSONResponse:
        log.error("http.failed", outcome=type(error).__name__)
        return problem("internal", "Try again; if it happens again, tell the Company Administrator.")
