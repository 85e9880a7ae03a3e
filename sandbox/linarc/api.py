"""Linarc's REST calls. `contract.py` describes them; a test holds the two together."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from sandbox import faults as trouble
from sandbox.faults import Rule
from sandbox.linarc.problem import CODES, Problem, problem
from sandbox.linarc.tenant import Tenant, shown
from sandbox.state import Sandbox
from sandbox.store import Entry, Row
from sandbox.throttle import Throttle

KEY_LENGTH = 255
BASE = "/api/v1"
Work = Callable[[Tenant, dict[str, Any]], tuple[Row, int]]


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as wrong:
        raise Problem(400, "invalid_json", "The body is not JSON", str(wrong)) from wrong
    if not isinstance(found, dict):
        raise Problem(400, "invalid_json", "The body is not an object", "send one employee as a JSON object")
    return found


def _fault(rule: Rule) -> Problem:
    code = rule.code or "invalid_value"
    message = rule.message or CODES.get(code, "The request was refused")
    return Problem(rule.status or 422, code, message, message)


def _shape(rule: Rule) -> tuple[bytes, str]:
    status = rule.status or 500
    code = {429: "rate_limited", 401: "invalid_api_key"}.get(status, "server_error")
    title = CODES.get(code, "The server could not answer")
    return Problem(status, code, title, title).body(), "application/problem+json"


def make_api(sandbox: Sandbox, keys: Mapping[str, str], throttle: Throttle) -> APIRouter:
    """Every route below /api/v1; `keys` are the API keys by tenant."""
    router = APIRouter(prefix=BASE)
    by_key = {key: tenant for tenant, key in keys.items()}
    store = sandbox.store

    async def admit(request: Request, work: Callable[[str], Awaitable[Response]]) -> Response:
        """Answer with `work`, unless the key or a limit keeps the call out."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        tenant = by_key.get(key) if scheme.lower() == "bearer" else None
        if tenant is None:
            title = "The API key is missing or unknown"
            return problem(Problem(401, "invalid_api_key", title, "send Authorization: Bearer KEY"))
        if wait := throttle.admit(tenant):
            seconds = str(math.ceil(wait))
            refused = Problem(429, "rate_limited", "Too many calls", f"come again in {seconds} s")
            return problem(refused, {"Retry-After": seconds})
        with throttle.running(tenant):
            try:
                return await work(tenant)
            except Problem as refused:
                return problem(refused)

    async def answered(
        request: Request, operation: str, work: Callable[[Tenant, str | None], Response]
    ) -> Response:
        """Answer a call that only reads; `work` is told when a rule wants the answer thin."""

        async def ruled(tenant: str) -> Response:
            sandbox.calls[operation] += 1
            rule = sandbox.faults.find(operation, tenant, request.url.path)
            early = await trouble.before(rule, _shape)
            if early is not None:
                return early
            if rule is not None and rule.action == "fault":
                raise _fault(rule)
            thin = rule.action if rule is not None and rule.action in ("empty", "truncate") else None
            return await trouble.after(rule, work(Tenant(sandbox, tenant), thin))

        return await admit(request, ruled)

    async def written(request: Request, operation: str, employee_id: str | None, work: Work) -> Response:
        raw, key = await request.body(), request.headers.get("idempotency-key")

        async def ruled(scope: str) -> Response:
            body = _json_object(raw)
            if key and len(key) > KEY_LENGTH:
                detail = f"at most {KEY_LENGTH} characters"
                raise Problem(422, "too_long", "The Idempotency-Key is too long", detail)
            sandbox.calls[operation] += 1
            name = " ".join(str(body.get(part) or "") for part in ("first_name", "last_name"))
            rule = sandbox.faults.find(operation, scope, name)
            early = await trouble.before(rule, _shape)
            if early is not None:
                with store.transaction():
                    store.record(scope, Entry(operation, "faulted", employee_id, key, body=raw or b"null"))
                return early
            tenant = Tenant(sandbox, scope)

            def worked() -> tuple[Row, int]:
                if rule is not None and rule.action == "fault":
                    raise _fault(rule)
                return work(tenant, body)

            path = f"{request.method} {request.url.path}"
            return await trouble.after(rule, tenant.once(operation, employee_id, key, raw, path, worked))

        return await admit(request, ruled)

    async def company(request: Request) -> Response:
        return await answered(request, "company", lambda tenant, _: tenant.company())

    async def page(request: Request) -> Response:
        return await answered(request, "query", lambda tenant, thin: tenant.page(request.query_params, thin))

    async def read(request: Request, employee_id: str) -> Response:
        return await answered(request, "read", lambda tenant, _: shown(tenant.row(employee_id)))

    async def create(request: Request) -> Response:
        return await written(request, "create", None, lambda tenant, body: (tenant.create(body), 201))

    async def update(request: Request, employee_id: str) -> Response:
        match = request.headers.get("if-match")
        return await written(
            request, "update", employee_id, lambda t, body: (t.patch(employee_id, body, match), 200)
        )

    async def deactivate(request: Request, employee_id: str) -> Response:
        match = request.headers.get("if-match")
        return await written(
            request, "deactivate", employee_id, lambda t, body: (t.deactivate(employee_id, body, match), 200)
        )

    async def reactivate(request: Request, employee_id: str) -> Response:
        match = request.headers.get("if-match")
        return await written(
            request, "reactivate", employee_id, lambda t, _: (t.reactivate(employee_id, match), 200)
        )

    async def invite(request: Request, employee_id: str) -> Response:
        def refuse(tenant: Tenant, body: dict[str, Any]) -> tuple[Row, int]:
            tenant.row(employee_id)
            detail = "an administrator sends the invitation from the company directory"
            raise Problem(403, "administrators_only", "An API key may not invite", detail)

        return await written(request, "invite", employee_id, refuse)

    for method, path, call in (
        ("GET", "/company", company),
        ("GET", "/employees", page),
        ("POST", "/employees", create),
        ("GET", "/employees/{employee_id}", read),
        ("PATCH", "/employees/{employee_id}", update),
        ("POST", "/employees/{employee_id}/deactivate", deactivate),
        ("POST", "/employees/{employee_id}/reactivate", reactivate),
        ("POST", "/employees/{employee_id}/invite", invite),
    ):
        router.add_api_route(path, call, methods=[method], response_model=None)
    return router
