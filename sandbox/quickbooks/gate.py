"""What stands before every data call: the token, the limits, the meter; and how an answer goes out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import Request, Response

from sandbox import faults as trouble
from sandbox.faults import Rule
from sandbox.quickbooks import faults, xml
from sandbox.quickbooks.company import Company, thinned
from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.metering import Metering
from sandbox.quickbooks.tokens import ANY, Tokens
from sandbox.state import Sandbox
from sandbox.throttle import Throttle


class WrongCompany(Exception):
    """The token opens another company; how that is refused, and in which shape."""

    def __init__(self, refused: Refused, shape: str) -> None:
        super().__init__(shape)
        self.refused, self.shape = refused, shape


class Gate:
    """Lets calls of data in, one company at a time."""

    def __init__(
        self, sandbox: Sandbox, tokens: Tokens, company: Company, throttle: Throttle, metering: Metering
    ) -> None:
        self._sandbox = sandbox
        self._tokens = tokens
        self._company = company
        self._throttle = throttle
        self._metering = metering

    async def admit(
        self,
        request: Request,
        realm: str,
        work: Callable[[], Awaitable[Response]],
        *,
        batch: bool = False,
        reads: int = 0,
        writes: int = 0,
    ) -> Response:
        """Answer with `work`, unless the token, a limit or the month's budget keeps the call out."""
        try:
            self._check_token(request, realm)
            if self._throttle.admit(realm, batch=batch):
                return self.throttled()
            if reads and not self._metering.count(realm, "core_plus", reads):
                return self.throttled()
        except WrongCompany as wrong:
            return self.refusal(wrong.refused, wrong.shape)
        except Refused as refused:
            shape = "gateway" if refused.status == 401 else "json"
            return self.refusal(refused, shape)
        if writes:
            self._metering.count(realm, "core", writes)
        with self._throttle.running(realm):
            return self._as_asked(request, await work())

    def _check_token(self, request: Request, realm: str) -> None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        scope = self._tokens.scope(value, "access") if scheme.lower() == "bearer" else None
        if scope is None:
            raise faults.unauthenticated()
        if realm not in self._sandbox.companies or scope not in (ANY, realm):
            shape = str(self._sandbox.switches["wrong_company_shape"])
            raise WrongCompany(faults.forbidden(shape), {"403": "json"}.get(shape, shape))

    def _as_asked(self, request: Request, response: Response) -> Response:
        if not self._sandbox.on("xml_without_accept") or "json" in request.headers.get("accept", ""):
            return response
        if type(response) is not Response or response.headers.get("content-type") != faults.JSON:
            return response
        return reply(xml.from_json(bytes(response.body)), response.status_code, faults.XML)

    def throttled(self) -> Response:
        answer = self.refusal(faults.throttled(), str(self._sandbox.switches["throttle_shape"]))
        seconds = int(self._sandbox.number("throttle_retry_after"))
        if seconds:
            answer.headers["Retry-After"] = str(seconds)
        return answer

    def refusal(self, refused: Refused, shape: str = "json") -> Response:
        millis = self._sandbox.store.now() // 1000
        body, kind = faults.shaped(refused, shape, self._company.time(), millis)
        return reply(body, refused.status, kind)

    def shape(self, rule: Rule) -> tuple[bytes, str]:
        """The body of a fault rule's status."""
        millis = self._sandbox.store.now() // 1000
        return faults.shaped(faults.of_status(rule), rule.shape or "json", self._company.time(), millis)

    async def read(
        self, operation: str, realm: str, name: str, work: Callable[[], dict[str, Any]]
    ) -> Response:
        """Answer a call that only reads, with the trouble that a rule makes."""
        self._sandbox.calls[operation] += 1
        rule = self._sandbox.faults.find(operation, realm, name)
        early = await trouble.before(rule, self.shape)
        if early is not None:
            return early
        try:
            if rule is not None and rule.action == "fault":
                raise faults.ruled(rule)
            content = work()
        except Refused as refused:
            return self.refusal(refused, (rule and rule.shape) or "json")
        if rule is not None and rule.action in ("empty", "truncate"):
            content = thinned(content, rule.action)
        body = orjson.dumps({**content, "time": self._company.time()})
        return await trouble.after(rule, reply(body))


def reply(body: bytes, status: int = 200, kind: str = faults.JSON) -> Response:
    headers = {"intuit_tid": f"1-{time.time_ns():x}", "QBO-Version": "2026.11.sandbox"}
    return Response(body, status, headers, kind)
