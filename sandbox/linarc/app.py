"""The HTTP side of the Linarc stand-in."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from sandbox import faults as trouble
from sandbox.admin import make_admin
from sandbox.box import Sandbox
from sandbox.faults import Rule
from sandbox.linarc import employee
from sandbox.linarc.employee import LinarcWire, Problem, stamp
from sandbox.store import Answer, Entry, Row, Store

MAX_PAGE = 1000
DEFAULT_PAGE = 100
KEY_LENGTH = 255


def problem(refused: Problem) -> Response:
    return Response(refused.body(), refused.status, media_type="application/problem+json")


def shown(row: Row, status: int = 200) -> Response:
    tag = f'"{employee.etag(row.num, row.version)}"'
    return Response(row.data, status, {"ETag": tag}, "application/json")


def _cursor(after: int, as_of: int, since: int | None) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([after, as_of, since])).decode().rstrip("=")


def _uncursor(text: str) -> tuple[int, int, int | None]:
    try:
        after, as_of, since = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return int(after), int(as_of), None if since is None else int(since)
    except (ValueError, TypeError, binascii.Error) as wrong:
        raise Problem(
            422, "invalid_cursor", "The cursor is not valid", "start again without one", "cursor"
        ) from wrong


def _instant(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as wrong:
        detail = "updated_since must be an ISO 8601 time"
        raise Problem(422, "invalid_value", "The request is not valid", detail, "updated_since") from wrong
    return round(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1_000_000)


class Tenant:
    """Answers the calls of one tenant from the store."""

    def __init__(self, box: Sandbox, tenant: str) -> None:
        self._store = box.store
        self._tenant = tenant

    def row(self, employee_id: str) -> Row:
        num = employee.number_of(employee_id)
        row = self._store.get(self._tenant, num) if num is not None else None
        if row is None:
            raise Problem(404, "not_found", "No such employee", f"there is no employee {employee_id}")
        return row

    def page(self, asked: Mapping[str, str]) -> Response:
        """Employees by id; `as_of` stays that of the first page, so it is the next `updated_since`."""
        try:
            limit = int(asked.get("limit", DEFAULT_PAGE))
        except ValueError:
            limit = 0
        if not 1 <= limit <= MAX_PAGE:
            raise Problem(
                422, "invalid_value", "The request is not valid", f"limit must be 1 to {MAX_PAGE}", "limit"
            )
        if asked.get("cursor"):
            after, as_of, since = _uncursor(asked["cursor"])
        else:
            given = asked.get("updated_since")
            after, as_of, since = 0, self._store.now(), _instant(given) if given else None
        rows = self._store.after(self._tenant, after, limit + 1, since)
        more = len(rows) > limit
        rows = rows[:limit]
        content = {
            "employees": [orjson.Fragment(row.data) for row in rows],
            "next_cursor": _cursor(rows[-1].num, as_of, since) if more else None,
            "as_of": stamp(as_of),
        }
        return Response(orjson.dumps(content), media_type="application/json")

    def create(self, body: dict[str, Any]) -> Row:
        row = employee.created(self._store, self._tenant, body)
        self._store.insert(self._tenant, row)
        return row

    def patch(self, employee_id: str, body: dict[str, Any], match: str | None) -> Row:
        row = self.row(employee_id)
        if match is None:
            detail = "send If-Match with the etag last read"
            raise Problem(428, "precondition_required", "If-Match is missing", detail)
        _agree(row, match)
        changed = employee.patched(self._store, self._tenant, row, body)
        self._store.update(self._tenant, changed)
        return changed

    def move(self, employee_id: str, body: dict[str, Any], match: str | None, state: str) -> Row:
        row = self.row(employee_id)
        if match is not None:
            _agree(row, match)
        day = body.get("end_date") or stamp(self._store.now())[:10] if state == "terminated" else None
        changed = employee.moved(row, state, day, self._store.now())
        self._store.update(self._tenant, changed)
        return changed

    def once(
        self,
        operation: str,
        employee_id: str | None,
        key: str | None,
        raw: bytes,
        path: str,
        work: Callable[[], tuple[Row, int]],
    ) -> Response:
        """Run a write in one transaction, or answer what this idempotency key got before."""
        fingerprint = hashlib.sha256(path.encode() + b"\n" + raw).hexdigest()
        body = raw if raw and _is_json(raw) else b"null"
        with self._store.transaction():
            known = self._store.recall(self._tenant, key) if key else None
            if known is not None:
                return self._again(operation, employee_id, key, known, fingerprint)
            try:
                row, status = work()
                response = shown(row, status)
                entry = Entry(operation, "applied", employee.remote_id(row.num), key, body=body)
            except Problem as refused:
                response = problem(refused)
                entry = Entry(operation, "refused", employee_id, key, code=refused.code, body=body)
            self._store.record(self._tenant, entry)
            if key:
                kept = {
                    name: response.headers[name]
                    for name in ("etag", "content-type")
                    if name in response.headers
                }
                answer = Answer(response.status_code, bytes(response.body), kept, fingerprint)
                self._store.remember(self._tenant, key, answer)
        return response

    def _again(
        self, operation: str, employee_id: str | None, key: str | None, known: Answer, fingerprint: str
    ) -> Response:
        if known.fingerprint != fingerprint:
            self._store.record(
                self._tenant, Entry(operation, "refused", employee_id, key, code="idempotency_key_reused")
            )
            detail = "this Idempotency-Key was sent with another request before"
            return problem(Problem(422, "idempotency_key_reused", "The key was used before", detail))
        self._store.record(self._tenant, Entry(operation, "replayed", employee_id, key))
        return Response(known.body, known.status, {**known.headers, "Idempotency-Replayed": "true"})


def _agree(row: Row, match: str) -> None:
    current = employee.etag(row.num, row.version)
    if match.strip().removeprefix("W/").strip('"') not in (current, "*"):
        detail = f"the employee changed; its etag is now {current}"
        raise Problem(412, "stale_etag", "The employee changed meanwhile", detail)


def _is_json(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as wrong:
        raise Problem(400, "invalid_json", "The body is not JSON", str(wrong)) from wrong
    if not isinstance(found, dict):
        raise Problem(400, "invalid_json", "The body is not an object", "send one employee as a JSON object")
    return found


def _fault(rule: Rule) -> Problem:
    message = rule.message or "The request was refused"
    return Problem(rule.status or 422, rule.code, message, message)


def make_app(store: Store, tenants: Mapping[str, str], admin_token: str = "") -> tuple[FastAPI, Sandbox]:
    """The application for `tenants` (id -> API key), and what its calls share."""
    box = Sandbox(store, tuple(tenants), LinarcWire())
    by_key = {key: tenant for tenant, key in tenants.items()}
    app = FastAPI(title="Linarc sandbox", docs_url=None, redoc_url=None, openapi_url=None)

    def tenant_of(request: Request) -> str:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        tenant = by_key.get(key) if scheme.lower() == "bearer" else None
        if tenant is None:
            raise Problem(
                401, "invalid_api_key", "The API key is missing or unknown", "send Authorization: Bearer KEY"
            )
        return tenant

    async def answered(request: Request, operation: str, work: Callable[[str], Response]) -> Response:
        """Answer a call that only reads."""
        try:
            tenant = tenant_of(request)
            box.calls[operation] += 1
            rule = box.faults.find(operation, tenant, request.url.path)
            early = await trouble.before(rule)
            if early is not None:
                return early
            if rule is not None and rule.action == "fault":
                raise _fault(rule)
            return await trouble.after(rule, work(tenant))
        except Problem as refused:
            return problem(refused)

    async def written(
        request: Request,
        operation: str,
        employee_id: str | None,
        work: Callable[[Tenant, dict[str, Any]], tuple[Row, int]],
    ) -> Response:
        raw, key = await request.body(), request.headers.get("idempotency-key")
        try:
            scope = tenant_of(request)
            body = _json_object(raw)
            if key and len(key) > KEY_LENGTH:
                raise Problem(
                    422, "too_long", "The Idempotency-Key is too long", f"at most {KEY_LENGTH} characters"
                )
        except Problem as refused:
            return problem(refused)
        box.calls[operation] += 1
        name = " ".join(str(body.get(part) or "") for part in ("first_name", "last_name"))
        rule = box.faults.find(operation, scope, name)
        early = await trouble.before(rule)
        if early is not None:
            with store.transaction():
                store.record(scope, Entry(operation, "faulted", employee_id, key, body=raw or b"null"))
            return early
        tenant = Tenant(box, scope)

        def worked() -> tuple[Row, int]:
            if rule is not None and rule.action == "fault":
                raise _fault(rule)
            return work(tenant, body)

        path = f"{request.method} {request.url.path}"
        return await trouble.after(rule, tenant.once(operation, employee_id, key, raw, path, worked))

    async def company(request: Request) -> Response:
        def work(tenant: str) -> Response:
            content = {"id": tenant, "name": f"Sandbox Company {tenant}"}
            return Response(orjson.dumps(content), media_type="application/json")

        return await answered(request, "company", work)

    async def page(request: Request) -> Response:
        return await answered(request, "query", lambda tenant: Tenant(box, tenant).page(request.query_params))

    async def read(request: Request, employee_id: str) -> Response:
        return await answered(request, "read", lambda tenant: shown(Tenant(box, tenant).row(employee_id)))

    async def create(request: Request) -> Response:
        return await written(request, "create", None, lambda tenant, body: (tenant.create(body), 201))

    async def patch(request: Request, employee_id: str) -> Response:
        match = request.headers.get("if-match")
        return await written(
            request, "update", employee_id, lambda t, body: (t.patch(employee_id, body, match), 200)
        )

    async def deactivate(request: Request, employee_id: str) -> Response:
        match = request.headers.get("if-match")
        return await written(
            request,
            "deactivate",
            employee_id,
            lambda t, body: (t.move(employee_id, body, match, "terminated"), 200),
        )

    async def reactivate(request: Request, employee_id: str) -> Response:
        match = request.headers.get("if-match")
        return await written(
            request,
            "reactivate",
            employee_id,
            lambda t, body: (t.move(employee_id, body, match, "active"), 200),
        )

    routes: tuple[tuple[str, str, Callable[..., Awaitable[Response]]], ...] = (
        ("GET", "/company", company),
        ("GET", "/employees", page),
        ("POST", "/employees", create),
        ("GET", "/employees/{employee_id}", read),
        ("PATCH", "/employees/{employee_id}", patch),
        ("POST", "/employees/{employee_id}/deactivate", deactivate),
        ("POST", "/employees/{employee_id}/reactivate", reactivate),
    )
    for method, path, call in routes:
        app.add_api_route("/api/v1" + path, call, methods=[method], response_model=None)
    app.include_router(make_admin(box, admin_token))
    return app, box
