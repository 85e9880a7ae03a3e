"""Faults on demand: rules say which calls fail and how; the gate applies them around the work of a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Action = Literal[
    "status",
    "fault",
    "latency",
    "timeout_after_commit",
    "cut",
    "cut_body",
    "empty",
    "truncate",
    "lose",
    "duplicate",
    "reorder",
    "delay",
]
Shape = Literal["json", "gateway", "xml", "html"]
WEBHOOK = "webhook"
"""Events are struck only by rules that name them."""
HTML = (
    "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>The server could not answer.</p></body></html>"
)


class Match(BaseModel):
    """Which calls: all conditions given hold; `nth` and `every` count the calls that satisfy the others."""

    model_config = ConfigDict(extra="forbid")

    operation: str | list[str] | None = None
    scope: str | None = None
    name_contains: str | None = None
    nth: int | None = Field(None, ge=1)
    every: int | None = Field(None, ge=1)


class Rule(BaseModel):
    """One kind of trouble; it ends after `count` hits or `for_seconds`, and begins after `from_seconds`.

    `status` answers without doing the work, in a `shape` or with a `body`. `latency` waits, then does it. `fault`
    refuses with `code` in the system's own error shape (`status` 200: inside a good answer). `timeout_after_commit`
    does the work, waits `seconds` and drops the connection. `cut` drops it at once, before the work or, with
    `after_commit`, after it; `cut_body` in the middle of the answer. `empty` and `truncate` leave all or half of
    what was found out of an answer. Within a QuickBooks batch, `fault` and `status` of creates and updates become
    a fault of the item. Of the operation `webhook`, events are lost, doubled, sent after later ones, or delayed.
    """

    model_config = ConfigDict(extra="forbid")

    match: Match = Match()
    action: Action
    status: int | None = Field(None, ge=200, le=599)
    seconds: float = Field(0.0, ge=0)
    count: int | None = Field(None, ge=1)
    from_seconds: float = Field(0.0, ge=0)
    for_seconds: float | None = Field(None, ge=0)
    code: str | None = None
    message: str | None = None
    shape: Shape | None = None
    body: str | None = None
    content_type: str = "text/html"
    retry_after: int | None = None
    after_commit: bool = False


Shapes = Callable[[Rule], tuple[bytes, str]]


@dataclass
class _Armed:
    rule: Rule
    since: float
    seen: int = 0
    hits: int = 0


@dataclass
class Faults:
    """The rules in force, in order; the first that matches a call decides."""

    armed: list[_Armed] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic

    def set(self, rules: list[Rule]) -> None:
        self.armed = [_Armed(rule, self.clock()) for rule in rules]

    def show(self) -> list[dict[str, Any]]:
        return [{**a.rule.model_dump(exclude_none=True), "seen": a.seen, "hits": a.hits} for a in self.armed]

    def find(self, operation: str, scope: str = "", name: str = "") -> Rule | None:
        """The rule for this call, counting it; call it once per call, batch item or webhook event."""
        if not self.armed:
            return None
        now = self.clock()
        return next((a.rule for a in self.armed if _strikes(a, operation, scope, name, now)), None)


def _strikes(armed: _Armed, operation: str, scope: str, name: str, now: float) -> bool:
    rule = armed.rule
    begun = now - armed.since - rule.from_seconds
    if begun < 0 or (rule.for_seconds is not None and begun >= rule.for_seconds):
        return False
    if rule.count is not None and armed.hits >= rule.count:
        return False
    if not _fits(rule.match, operation, scope, name):
        return False
    armed.seen += 1
    if rule.match.nth is not None and armed.seen != rule.match.nth:
        return False
    if rule.match.every is not None and armed.seen % rule.match.every:
        return False
    armed.hits += 1
    return True


def _fits(match: Match, operation: str, scope: str, name: str) -> bool:
    wanted = [match.operation] if isinstance(match.operation, str) else match.operation
    if wanted is None and operation == WEBHOOK:
        return False
    return (
        (wanted is None or operation in wanted)
        and (match.scope is None or match.scope == scope)
        and (match.name_contains is None or match.name_contains.casefold() in name.casefold())
    )


class CutResponse(Response):
    """Closes the connection without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope.get("sandbox.transport")
        if transport is None:
            raise ConnectionResetError("connection cut by a fault rule")
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class HalfResponse(Response):
    """Promises a whole answer, sends half of its body and closes the connection."""

    def __init__(self, whole: Response) -> None:
        super().__init__(bytes(whole.body), whole.status_code)
        self.raw_headers = whole.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope.get("sandbox.transport")
        if transport is None:
            raise ConnectionResetError("connection cut by a fault rule")
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass


def with_cut(app: ASGIApp) -> ASGIApp:
    """The application, able to drop uvicorn's connection; a call still waiting at shutdown is dropped."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope["sandbox.transport"] = transport
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            if transport is None:
                raise
            transport.abort()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    return wrapped


def _plain(rule: Rule) -> tuple[bytes, str]:
    return HTML.format(f"{rule.status or 500} Error").encode(), "text/html"


async def before(rule: Rule | None, shapes: Shapes = _plain) -> Response | None:
    """The answer that replaces the work, if the rule has one; waits when the rule says so."""
    if rule is None:
        return None
    if rule.action in ("latency", "status"):
        await asyncio.sleep(rule.seconds)
    if rule.action == "cut" and not rule.after_commit:
        return CutResponse()
    if rule.action == "status":
        headers = {"Retry-After": str(rule.retry_after)} if rule.retry_after is not None else None
        content, kind = (rule.body or "").encode(), rule.content_type
        if rule.shape is not None and rule.body is None:
            content, kind = shapes(rule) if rule.shape != "html" else _plain(rule)
        return Response(content, rule.status or 500, headers, kind)
    return None


async def after(rule: Rule | None, response: Response) -> Response:
    """The answer after the work is committed."""
    if rule is None:
        return response
    if rule.action == "timeout_after_commit":
        await asyncio.sleep(rule.seconds)
        return CutResponse()
    if rule.action == "cut_body":
        return HalfResponse(response)
    return CutResponse() if rule.action == "cut" and rule.after_commit else response
