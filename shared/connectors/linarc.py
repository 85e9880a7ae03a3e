"""Linarc. It publishes no API, so the contract is ours (docs/linarc-api.md); everything about it stands in this file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import orjson
from pydantic import ValidationError

from shared.clock import Clock
from shared.connectors.client import Answer, Http, load_record, raw_record, read_json, was_created_by
from shared.connectors.limits import Gate
from shared.connectors.ports import Page, PreparedCall, RawRecord, Tenant, Unread, Write, Written
from shared.connectors.vault import Credential, Vault
from shared.contracts.capabilities import LINARC_FIELDS
from shared.contracts.countries import alpha_3
from shared.contracts.records import Account, Employee, Remote, System
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable

PAGE = 1000
_PATH = "/api/v1/employees"
_ADDRESS = {f"address_{n}": n for n in ("line1", "line2", "city", "state", "postal_code", "country")}
_TO_WIRE = {
    name: name for name in LINARC_FIELDS if name not in _ADDRESS and name not in ("active", "state")
} | {
    "number": "employee_number",
    "bill_rate": "hourly_rate",
}
_FROM_WIRE = {wire: name for name, wire in _TO_WIRE.items()} | {"state": "state"}
_NO_IDS = frozenset({"", ".", ".."})
"""They would be another address, however they are quoted."""
_INACTIVE = frozenset({"suspended", "terminated"})
_CODES = {
    "duplicate_number": ("duplicate_number", "number"),
    "duplicate_email": ("duplicate_email", "email"),
    "missing_name": ("missing_name", "last_name"),
    "too_long": ("text_too_long", None),
    "invalid_email": ("invalid_email", "email"),
    "invalid_date": ("invalid_value", None),
    "unknown_field": ("unsupported_field", None),
    "read_only_field": ("unsupported_field", None),
}
_REFUSED = "Linarc refused the API key"


class Linarc:
    """One Linarc company. Implements `ports.Connector`."""

    batch_size = 1
    parallel_calls = 8
    keys_hold_seconds = 24 * 3600.0
    settled_after_seconds = keys_hold_seconds
    """To look somebody up is to read everybody, so a call is repeated for as long as Linarc knows its key."""

    def __init__(
        self, http: Http, gate: Gate, vault: Vault, company: UUID, account: Account, clock: Clock
    ) -> None:
        self._http = http
        self._gate = gate
        self._vault = vault
        self._place = (company, account.account_id)
        self._clock = clock
        self._known: Credential | None = None

    async def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        bulk: bool = False,
        **more: Any,
    ) -> Answer:
        """The answer, whatever its status, unless the key is refused and no other has come since."""
        while True:
            if self._known is None:
                self._known = await self._vault.load(*self._place)
            known = self._known
            sent = {
                "Authorization": f"Bearer {known.api_key}",
                "Accept": "application/json",
                **(headers or {}),
            }
            async with self._gate.call(bulk=bulk):
                answer = await self._http.call(operation, method, path, headers=sent, **more)
                if answer.status == httpx.codes.TOO_MANY_REQUESTS:
                    raise RateLimited("linarc: 429", retry_after=answer.retry_after())
            if answer.status not in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                return answer
            self._known = None
            if await self._vault.end(*self._place, known, "reconnect", _REFUSED):
                raise Unauthorized(System.LINARC, _REFUSED)

    async def test(self) -> Tenant:
        """The tenant that Linarc reports."""
        company = _read(await self._ask("company", "GET", "/api/v1/company"))
        if not company.get("id"):
            raise Unavailable("linarc: an answer of another shape")
        return Tenant(str(company["id"]), str(company.get("name") or ""))

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        """The directory's next page, in the order of ids.

        `cursor` is how many people came before, then Linarc's own, which it alone understands. A whole list that ends
        before its `total` is a broken answer: who is missing from it must not count as removed.
        """
        before, _, theirs = (cursor or "0:").partition(":")
        params = {"limit": str(PAGE)}
        if theirs:
            params["cursor"] = theirs
        if since is not None:
            params["updated_since"] = since.isoformat()
        requested_at = self._clock.now()
        answer = _read(await self._ask("query", "GET", _PATH, params=params, bulk=since is None))
        try:
            records = [raw_record(wire, "id") for wire in answer["employees"]]
            as_of, following, total = _instant(answer["as_of"]), answer["next_cursor"], int(answer["total"])
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("linarc: an answer of another shape") from error
        read = int(before) + len(records)
        if following is None and since is None and read < total:
            raise Unavailable("linarc: the directory ends before its total")
        after = f"{read}:{following}" if following is not None else None
        return Page(records, after, requested_at, self._clock.now(), as_of)

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """A key that is present was said, null included; one that is absent was not."""
        try:
            wire = load_record(raw.payload)
            values: dict[str, Any] = {name: wire[key] for key, name in _FROM_WIRE.items() if key in wire}
            if "address" in wire:
                address = wire["address"] or {}
                values |= {name: address.get(key) for name, key in _ADDRESS.items()}
            if "state" in wire:
                values["active"] = wire["state"] not in _INACTIVE
            updated_at = _instant(wire["updated_at"]) if wire.get("updated_at") else None
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
        for start in range(0, len(remote_ids), self.parallel_calls):
            some = remote_ids[start : start + self.parallel_calls]
            for one in await asyncio.gather(*map(self._read_one, some), return_exceptions=True):
                if isinstance(one, BaseException):
                    raise one
                if one is not None:
                    found[one.remote_id] = one
        return found

    async def _read_one(self, remote_id: str) -> Remote | Unread | None:
        """None as well when something else than this employee answers: an id comes from outside."""
        if remote_id in _NO_IDS:
            return None
        answer = await self._ask("read", "GET", f"{_PATH}/{quote(remote_id, safe='')}")
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        wire = _read(answer)
        return self.parse(raw_record(wire, "id")) if wire.get("id") == remote_id else None

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        """One creation (as Draft) or one update of the fields that differ, guarded by the tag just read."""
        (write,) = writes
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        fields = dict(write.fields)
        active = fields.pop("active", None)
        body = orjson.dumps(_wire(fields, write.current)).decode()
        if write.current is None:
            return PreparedCall(key, "POST", _PATH, body, headers, [write.item_id])
        headers["If-Match"] = f'"{write.current.version}"'
        path = f"{_PATH}/{quote(write.current.remote_id, safe='')}"
        if active is None:
            return PreparedCall(key, "PATCH", path, body, headers, [write.item_id])
        if fields.keys() - {"end_date"}:
            raise ValueError("Linarc activates and deactivates in a call of its own")
        path += "/reactivate" if active else "/deactivate"
        return PreparedCall(key, "POST", path, body, headers, [write.item_id])

    async def send(self, call: PreparedCall) -> Sequence[Written]:
        """Send it. A refusal is the member's outcome; anything else is raised."""
        (member,) = call.members
        update = call.path != _PATH
        operation = "update" if update else "create"
        answer = await self._ask(
            operation, call.method, call.path, writes=True, headers=call.headers, content=call.body.encode()
        )
        if answer.status == httpx.codes.NOT_FOUND and update:
            return [Written(member, error=Rejected("deleted_at_destination"))]
        try:
            parsed = self.parse(raw_record(_read(answer, writes=True), "id"))
        except (Rejected, Conflict) as error:
            return [Written(member, error=error)]
        except ValueError:
            parsed = Unread("", "unreadable")
        if isinstance(parsed, Unread):
            raise Unavailable("linarc: an answer that cannot be read", outcome_unknown=True)
        return [Written(member, remote=parsed)]

    async def find_created(self, write: Write) -> Remote | None:
        """The one with that number and e-mail, looked for in the whole directory: Linarc cannot be asked for them."""
        if not (write.fields.get("number") or write.fields.get("email")):
            return None
        cursor: str | None = None
        while True:
            page = await self.read_page(cursor)
            for one in map(self.parse, page.records):
                if isinstance(one, Remote) and was_created_by(write, one):
                    return one
            if (cursor := page.cursor) is None:
                return None

    async def close(self) -> None:
        """Give the connections back."""
        await self._gate.close()
        await self._http.close()


def _instant(text: str) -> datetime:
    """A time in UTC. Raises ValueError when it does not say its offset."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without an offset")
    return found.astimezone(UTC)


def _wire(fields: Mapping[str, object], current: Remote | None) -> dict[str, Any]:
    """The fields that differ. An address goes whole, with what we do not change in it: Linarc replaces it as one value."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _ADDRESS:
            country = name == "address_country" and isinstance(value, str)
            part = alpha_3(str(value)) if country else value
            body.setdefault("address", _address(current))[_ADDRESS[name]] = part
        else:
            amount = name.endswith("_rate") and value is not None
            body[_TO_WIRE[name]] = float(str(value)) if amount else value
    return body


def _address(current: Remote | None) -> dict[str, Any]:
    known = orjson.loads(current.payload).get("address") if current else None
    return dict(known or {})


def _read(answer: Answer, *, writes: bool = False) -> dict[str, Any]:
    """The JSON of a good answer. Raises what the answer means; a 5xx on a write may have been carried out."""
    try:
        body = read_json(answer.content)
    except ValueError:
        body = None
    if not answer.ok:
        raise _error(answer, body if isinstance(body, dict) else {}, writes=writes)
    if not isinstance(body, dict):
        raise Unavailable("linarc: an answer that is not JSON", outcome_unknown=writes)
    return body


def _error(answer: Answer, problem: Mapping[str, Any], *, writes: bool) -> MusterError:
    message = f"linarc: {answer.status} {problem.get('code', '')}".rstrip()
    match answer.status:
        case httpx.codes.TOO_MANY_REQUESTS:
            return RateLimited(message, retry_after=answer.retry_after())
        case httpx.codes.PRECONDITION_FAILED:
            return Conflict(message)
        case httpx.codes.NOT_FOUND:
            return Unavailable(message)
        case httpx.codes.REQUEST_TIMEOUT:
            return Unavailable(message, outcome_unknown=writes)
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR or httpx.codes.is_redirect(status):
            return Unavailable(message, outcome_unknown=writes)
        case _:
            return _refusal(problem, message)


def _refusal(problem: Mapping[str, Any], message: str) -> Rejected:
    field = _FROM_WIRE.get(str(problem.get("field")))
    reason, known = _CODES.get(str(problem.get("code")), ("invalid_value" if field else "refused", None))
    return Rejected(reason, field=known or field, message=message)
