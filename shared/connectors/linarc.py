"""Linarc. It publishes no API, so the contract is ours (docs/linarc-api.md); everything about it stands in this file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import orjson
from pydantic import ValidationError

from shared.clock import Clock
from shared.connectors.client import Http
from shared.connectors.ports import Page, PreparedCall, RawRecord, Unread, Write, Written
from shared.connectors.vault import Vault
from shared.contracts.records import Account, Employee, Remote, System
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable

PAGE = 1000
_PATH = "/api/v1/employees"
_TO_WIRE = {
    "number": "employee_number",
    "bill_rate": "hourly_rate",
    **{
        n: n
        for n in (
            "first_name",
            "middle_name",
            "last_name",
            "suffix",
            "email",
            "phone",
            "mobile",
            "title",
            "gender",
        )
    },
    **{
        n: n
        for n in (
            "department",
            "permission_level",
            "pay_type",
            "cost_rate",
            "hire_date",
            "end_date",
            "birth_date",
        )
    },
}
_ADDRESS = {f"address_{n}": n for n in ("line1", "line2", "city", "state", "postal_code", "country")}
_FROM_WIRE = {wire: name for name, wire in _TO_WIRE.items()} | {"state": "state"}
_INACTIVE = frozenset({"suspended", "terminated"})
_CODES = {
    "duplicate_number": ("duplicate_number", "number"),
    "duplicate_email": ("duplicate_email", "email"),
    "missing_name": ("missing_name", "last_name"),
    "unknown_field": ("unsupported_field", None),
    "read_only_field": ("unsupported_field", None),
}
_REMOVED = frozenset({"ssn"})


class Linarc:
    """One Linarc company. Implements `ports.Connector`."""

    batch_size = 1
    parallel_calls = 8

    def __init__(self, http: Http, vault: Vault, company: UUID, account: Account, clock: Clock) -> None:
        self._http = http
        self._vault = vault
        self._company = company
        self._account = account
        self._clock = clock
        self._key: str | None = None

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        writes: bool = False,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        if self._key is None:
            self._key = (await self._vault.load(self._company, self._account.account_id)).api_key
        sent = {"Authorization": f"Bearer {self._key}", "Accept": "application/json", **(headers or {})}
        response = await self._http.call(operation, method, path, writes=writes, headers=sent, **more)
        if response.status_code in (401, 403):
            self._key = None
            problem = "Linarc refused the API key"
            await self._vault.mark(self._company, self._account.account_id, "reconnect", problem)
            raise Unauthorized(System.LINARC, problem)
        return response

    async def test(self) -> str:
        """The tenant id that Linarc reports."""
        response = await self._call("company", "GET", "/api/v1/company")
        _raise_for(response, writes=False)
        return str(response.json()["id"])

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        """The directory's next page, in the order of ids."""
        params = {"limit": str(PAGE)}
        if cursor is not None:
            params["cursor"] = cursor
        if since is not None:
            params["updated_since"] = since.isoformat()
        requested_at = self._clock.now()
        response = await self._call("query", "GET", _PATH, params=params)
        _raise_for(response, writes=False)
        answer = orjson.loads(response.content)
        return Page(
            [_raw(employee) for employee in answer["employees"]],
            answer["next_cursor"],
            requested_at,
            self._clock.now(),
            datetime.fromisoformat(answer["as_of"]),
        )

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """A key that is present was said, null included; one that is absent was not."""
        try:
            wire = orjson.loads(raw.payload)
            values: dict[str, Any] = {name: wire[key] for key, name in _FROM_WIRE.items() if key in wire}
            if "address" in wire:
                address = wire["address"] or {}
                values |= {name: address.get(key) for name, key in _ADDRESS.items()}
            if "state" in wire:
                values["active"] = wire["state"] not in _INACTIVE
            updated_at = datetime.fromisoformat(wire["updated_at"]) if wire.get("updated_at") else None
            employee = Employee.model_validate(values)
        except ValidationError as error:
            return Unread(raw.remote_id, "unreadable", str(error.errors()[0]["loc"][0]), raw.payload.decode())
        except (ValueError, TypeError, AttributeError):
            return Unread(raw.remote_id, "unreadable")
        return Remote(
            remote_id=raw.remote_id,
            version=str(wire["etag"]) if wire.get("etag") is not None else None,
            updated_at=updated_at,
            employee=employee,
            payload=raw.payload.decode(),
        )

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | Unread]:
        """These employees, one call each; one that does not exist is left out."""
        found: dict[str, Remote | Unread] = {}
        for remote_id in remote_ids:
            response = await self._call("read", "GET", f"{_PATH}/{remote_id}")
            if response.status_code == httpx.codes.NOT_FOUND:
                continue
            _raise_for(response, writes=False)
            found[remote_id] = self.parse(_raw(orjson.loads(response.content)))
        return found

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        """One creation (as Draft) or one update of the fields that differ, guarded by the tag just read."""
        (write,) = writes
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        body = _wire(write.fields)
        if write.current is None:
            return PreparedCall(key, "POST", _PATH, orjson.dumps(body).decode(), headers, [write.item_id])
        headers["If-Match"] = f'"{write.current.version}"'
        path = f"{_PATH}/{write.current.remote_id}"
        return PreparedCall(key, "PATCH", path, orjson.dumps(body).decode(), headers, [write.item_id])

    async def send(self, call: PreparedCall) -> Sequence[Written]:
        """Send it. A refusal is the member's outcome; anything else is raised."""
        operation = "create" if call.method == "POST" else "update"
        response = await self._call(
            operation, call.method, call.path, writes=True, headers=call.headers, content=call.body.encode()
        )
        try:
            _raise_for(response, writes=True)
        except (Rejected, Conflict) as error:
            return [Written(call.members[0], error=error)]
        parsed = self.parse(_raw(orjson.loads(response.content)))
        if isinstance(parsed, Unread):
            raise Unavailable("linarc: an answer that cannot be read", outcome_unknown=True)
        return [Written(call.members[0], remote=parsed)]

    async def find_created(self, write: Write) -> Remote | None:  # noqa: ARG002  (the port's)
        """Linarc keeps keys for a day, so the same call answers; nothing to look up."""
        return None

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()


def _raw(wire: dict[str, Any]) -> RawRecord:
    for key in _REMOVED & wire.keys():
        del wire[key]
    payload = orjson.dumps(wire)
    return RawRecord(str(wire["id"]), payload, hashlib.blake2b(payload, digest_size=16).digest())


def _wire(fields: Mapping[str, object]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _ADDRESS:
            body.setdefault("address", {})[_ADDRESS[name]] = value
        else:
            number = name.endswith("_rate") and value is not None
            body[_TO_WIRE[name]] = float(str(value)) if number else value
    return body


def _raise_for(response: httpx.Response, *, writes: bool) -> None:
    """The error that an answer means. A 5xx on a write may have been carried out."""
    status = response.status_code
    if response.is_success:
        return
    raise _error(response, status, writes=writes)


def _error(response: httpx.Response, status: int, *, writes: bool) -> MusterError:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited("linarc: 429", retry_after=float(response.headers.get("Retry-After", "60")))
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"linarc: {status}", outcome_unknown=writes)
    if status == httpx.codes.PRECONDITION_FAILED:
        return Conflict("linarc: the employee moved since it was read")
    if status == httpx.codes.NOT_FOUND:
        return Rejected("deleted_at_destination")
    try:
        problem = response.json()
    except ValueError:
        return Rejected("refused", message=f"linarc: {status}")
    field = _FROM_WIRE.get(str(problem.get("field")))
    reason, known = _CODES.get(str(problem.get("code")), ("invalid_value" if field else "refused", field))
    return Rejected(reason, field=known or field, message=f"linarc: {status} {problem.get('code')}")
