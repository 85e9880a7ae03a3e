"""What Linarc's calls answer for one company."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Response

from sandbox.linarc import employee
from sandbox.linarc.employee import stamp
from sandbox.linarc.problem import Problem, problem
from sandbox.state import Sandbox
from sandbox.store import Entry, Row, StoredResponse, holding

MAX_PAGE = 1000
DEFAULT_PAGE = 100
_SEARCHED = ("first_name", "last_name", "employee_number", "email")
KEPT_HEADERS = ("etag", "content-type")


def shown(row: Row, status: int = 200) -> Response:
    tag = f'"{employee.etag(row.num, row.version)}"'
    return Response(row.data, status, {"ETag": tag}, "application/json")


def _cursor(after: int, as_of: int, since: int | None, wanted: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([after, as_of, since, wanted])).decode().rstrip("=")


def _uncursor(text: str) -> tuple[int, int, int | None, str]:
    try:
        after, as_of, since, wanted = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return int(after), int(as_of), None if since is None else int(since), str(wanted)
    except (ValueError, TypeError, binascii.Error) as wrong:
        raise Problem(
            422, "invalid_cursor", "The cursor is not valid", "start again without one", "cursor"
        ) from wrong


def _instant(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
        return round(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1_000_000)
    except (ValueError, OverflowError) as wrong:
        detail = "updated_since must be an ISO 8601 time"
        raise Problem(422, "invalid_value", "The request is not valid", detail, "updated_since") from wrong


def _where(since: int | None, wanted: str) -> tuple[str, list[object]]:
    """SQL of fixed parts, and its values."""
    found, values = holding(_SEARCHED, wanted)
    return (found, values) if since is None else (f" AND updated_at >= ?{found}", [since, *values])


class Tenant:
    """Answers the calls of one tenant from the store."""

    def __init__(self, sandbox: Sandbox, tenant: str) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._tenant = tenant

    def company(self) -> Response:
        name = self._sandbox.company(self._tenant)["name"] or f"Sandbox Company {self._tenant}"
        return Response(orjson.dumps({"id": self._tenant, "name": name}), media_type="application/json")

    def row(self, employee_id: str) -> Row:
        num = employee.number_of(employee_id)
        row = self._store.get(self._tenant, num) if num is not None else None
        if row is None:
            raise Problem(404, "not_found", "No such employee", f"there is no employee {employee_id[:40]}")
        return row

    def page(self, asked: Mapping[str, str], thin: str | None = None) -> Response:
        """Employees by id; `as_of` stays that of the first page, so it is the next `updated_since`.

        `thin` leaves all of a page out (`empty`), or half of it and all that follow (`truncate`).
        """
        limit = self._limit(asked.get("limit", str(DEFAULT_PAGE)))
        if asked.get("cursor"):
            after, as_of, since, wanted = _uncursor(asked["cursor"])
        else:
            given = asked.get("updated_since")
            after, as_of, since = 0, self._store.now(), None if given is None else _instant(given)
            wanted = asked.get("q", "").strip()
        where = _where(since, wanted)
        rows = self._store.after(self._tenant, after, limit + 1, *where)
        more = len(rows) > limit
        rows = rows[:limit]
        following = _cursor(rows[-1].num, as_of, since, wanted) if more else None
        if thin is not None:
            rows = [] if thin == "empty" else rows[: len(rows) // 2]
            following = following if thin == "empty" else None
        content = {
            "employees": [orjson.Fragment(row.data) for row in rows],
            "next_cursor": following,
            "as_of": stamp(as_of),
            "total": self._store.count(self._tenant, *where),
        }
        return Response(orjson.dumps(content), media_type="application/json")

    def _limit(self, text: str) -> int:
        limit = int(text) if text.isdecimal() and len(text) <= len(str(MAX_PAGE)) else 0
        if 1 <= limit <= MAX_PAGE:
            return limit
        detail = f"limit must be 1 to {MAX_PAGE}"
        raise Problem(422, "invalid_value", "The request is not valid", detail, "limit")

    def create(self, body: dict[str, Any]) -> Row:
        row = employee.created(self._store, self._tenant, body)
        self._store.insert(self._tenant, row)
        self._sandbox.changed(self._tenant, None, row)
        return row

    def patch(self, employee_id: str, body: dict[str, Any], match: str | None) -> Row:
        row = self.row(employee_id)
        if match is None:
            detail = "send If-Match with the etag last read"
            raise Problem(428, "precondition_required", "If-Match is missing", detail)
        _agree(row, match)
        return self._save(row, employee.patched(self._store, self._tenant, row, body))

    def deactivate(self, employee_id: str, body: dict[str, Any], match: str | None) -> Row:
        row = self.row(employee_id)
        if match is not None:
            _agree(row, match)
        if unknown := sorted(body.keys() - {"end_date"}):
            detail = "only end_date may be given"
            raise Problem(422, "unknown_field", "The request is not valid", detail, unknown[0])
        given = body.get("end_date")
        if given is None and employee.state_of(row) == "terminated":
            return row
        day = (
            stamp(self._store.now())[:10]
            if given is None
            else employee.checked({"end_date": given})["end_date"]
        )
        return self._save(row, employee.deactivated(row, day, self._store.now()))

    def reactivate(self, employee_id: str, match: str | None) -> Row:
        row = self.row(employee_id)
        if match is not None:
            _agree(row, match)
        if employee.state_of(row) not in employee.INACTIVE:
            return row
        return self._save(row, employee.reactivated(row, self._store.now()))

    def _save(self, before: Row, row: Row) -> Row:
        self._store.update(self._tenant, row)
        self._sandbox.changed(self._tenant, before, row)
        return row

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
        with self._store.transaction():
            known = self._store.recall(self._tenant, key) if key else None
            if known is not None:
                return self._again(operation, employee_id, key, known, fingerprint)
            try:
                row, status = work()
                response = shown(row, status)
                entry = Entry(operation, "applied", employee.remote_id(row.num), key, body=raw or b"null")
            except Problem as refused:
                response = problem(refused)
                entry = Entry(operation, "refused", employee_id, key, code=refused.code, body=raw or b"null")
            self._store.record(self._tenant, entry)
            if key:
                kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
                answer = StoredResponse(response.status_code, bytes(response.body), kept, fingerprint)
                self._store.remember(self._tenant, key, answer)
        return response

    def _again(
        self,
        operation: str,
        employee_id: str | None,
        key: str | None,
        known: StoredResponse,
        fingerprint: str,
    ) -> Response:
        if known.fingerprint != fingerprint:
            code = "idempotency_key_reused"
            self._store.record(self._tenant, Entry(operation, "refused", employee_id, key, code=code))
            detail = "this Idempotency-Key was sent with another request before"
            return problem(Problem(422, code, "The key was used before", detail))
        self._store.record(self._tenant, Entry(operation, "replayed", employee_id, key))
        return Response(known.body, known.status, {**known.headers, "Idempotency-Replayed": "true"})


def _agree(row: Row, match: str) -> None:
    current = employee.etag(row.num, row.version)
    if match.strip().removeprefix("W/").strip('"') not in (current, "*"):
        detail = f"the employee changed; its etag is now {current}"
        raise Problem(412, "stale_etag", "The employee changed meanwhile", detail)
