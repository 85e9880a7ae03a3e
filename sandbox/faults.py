"""Faults on demand: rules say which calls fail and how; the gate applies them around the work of a call."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Action = Literal["status", "timeout_after_commit", "cut", "latency", "fault"]


class Match(BaseModel):
    """Which calls: all conditions given hold; `nth` and `every` count the calls that satisfy the others."""

    model_config = ConfigDict(extra="forbid")

    operation: str | None = None
    scope: str | None = None
    name_contains: str | None = None
    nth: int | None = None
    every: int | None = None


class Rule(BaseModel):
    """One kind of trouble; it ends after `count` hits.

    `status` answers without doing the work. `latency` waits, then does it. `fault` refuses with `code` in the
    system's own error shape. `timeout_after_commit` does the work, waits `seconds` and drops the connection.
    `cut` drops it at once, before the work or, with `after_commit`, after it. Within a QuickBooks batch,
    `fault` and `status` of creates and updates become a fault of the item.
    """

    model_config = ConfigDict(extra="forbid")

    match: Match = Match()
    action: Action
    status: int = 500
    seconds: float = 0.0
    count: int | None = None
    code: str = "6000"
    message: str = "A business validation error has occurred while processing your request"
    body: str | None = None
    content_type: str = "text/html"
    retry_after: int | None = None
    after_commit: bool = False


@dataclass
class _Armed:
    rule: Rule
    seen: int = 0
    hits: int = 0


@dataclass
class Faults:
    """The rules in force, in order; the first that matches a call decides."""

    armed: list[_Armed] = field(default_factory=list)

    def set(self, rules: list[Rule]) -> None:
        self.armed = [_Armed(rule) for rule in rules]

    def show(self) -> list[dict[str, Any]]:
        return [{**a.rule.model_dump(exclude_none=True), "seen": a.seen, "hits": a.hits} for a in self.armed]

    def find(self, operation: str, scope: str = "", name: str = "") -> Rule | None:
        """The rule for this call, counting it; call it once per call or batch item."""
        if not self.armed:
            return None
        return next((a.rule for a in self.armed if _strikes(a, operation, scope, name)), None)


def _strikes(armed: _Armed, operation: str, scope: str, name: str) -> bool:
    rule, match = armed.rule, armed.rule.match
    if rule.count is not None and armed.hits >= rule.count:
        return False
    if match.operation is not None and match.operation != operation:
        return False
    if match.scope is not None and match.scope != scope:
        return False
    if match.name_contains is not None and match.name_contains.casefold() not in name.casefold():
        return False
    armed.seen += 1
    if match.nth is not None and armed.seen != match.nth:
        return False
    if match.every is not None and armed.seen % match.every:
        return False
    armed.hits += 1
    return True


class CutResponse(Response):
    """Closes the connection without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cut = scope.get("sandbox.cut")
        if cut is None:
            raise ConnectionResetError("connection cut by a fault rule")
        cut()
        while (await receive())["type"] != "http.disconnect":
            pass


def with_cut(app: ASGIApp) -> ASGIApp:
    """The application, able to drop uvicorn's connection; a call still waiting at shutdown is dropped."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope["sandbox.cut"] = transport.abort
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            if transport is None:
                raise
            transport.abort()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    return wrapped


async def before(rule: Rule | None) -> Response | None:
    """The answer that replaces the work, if the rule has one; waits when the rule says so."""
    if rule is None:
        return None
    if rule.action == "latency":
        await asyncio.sleep(rule.seconds)
    if rule.action == "cut" and not rule.after_commit:
        return CutResponse()
    if rule.action == "status":
        headers = {"Retry-After": str(rule.retry_after)} if rule.retry_after is not None else None
        return Response(rule.body or "", rule.status, headers, rule.content_type)
    return None


async def after(rule: Rule | None, response: Response) -> Response:
    """The answer after the work is committed."""
    if rule is not None and rule.action == "timeout_after_commit":
        await asyncio.sleep(rule.seconds)
        return CutResponse()
    if rule is not None and rule.action == "cut" and rule.after_commit:
        return CutResponse()
    return response
