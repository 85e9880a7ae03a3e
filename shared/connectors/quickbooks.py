"""QuickBooks Online, Accounting API v3. Facts: Intuit's Employee, query, batch and error-code pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import orjson
from pydantic import ValidationError

from shared.clock import Clock
from shared.connectors.client import Answer, Http, load_record, raw_record, read_json, was_created_by
from shared.connectors.oauth import Tokens
from shared.connectors.ports import Page, PreparedCall, RawRecord, Unread, Write, Written
from shared.contracts.records import Employee, Remote, System
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable

PAGE = 1000
IDS_AT_ONCE = 100
MINOR_VERSION = "75"
_SCALARS = {
    "number": "EmployeeNumber",
    "first_name": "GivenName",
    "middle_name": "MiddleName",
    "last_name": "FamilyName",
    "suffix": "Suffix",
    "honorific": "Title",
    "display_name": "DisplayName",
    "bill_rate": "BillRate",
    "cost_rate": "CostRate",
    "billable": "BillableTime",
    "hire_date": "HiredDate",
    "end_date": "ReleasedDate",
    "birth_date": "BirthDate",
    "gender": "Gender",
    "active": "Active",
}
_NESTED = {
    "email": ("PrimaryEmailAddr", "Address"),
    "phone": ("PrimaryPhone", "FreeFormNumber"),
    "mobile": ("Mobile", "FreeFormNumber"),
    "address_line1": ("PrimaryAddr", "Line1"),
    "address_line2": ("PrimaryAddr", "Line2"),
    "address_city": ("PrimaryAddr", "City"),
    "address_state": ("PrimaryAddr", "CountrySubDivisionCode"),
    "address_postal_code": ("PrimaryAddr", "PostalCode"),
    "address_country": ("PrimaryAddr", "Country"),
}
_FIELDS = {
    **{wire: name for name, wire in _SCALARS.items()},
    **{f"{outer}.{inner}": name for name, (outer, inner) in _NESTED.items()},
    **{outer: name for name, (outer, _) in _NESTED.items() if outer != "PrimaryAddr"},
}
_FIELD_IN_TEXT = re.compile(rf"\b({'|'.join(map(re.escape, sorted(_FIELDS, key=len, reverse=True)))})\b")
_READ_ONLY = ("MetaData", "domain", "sparse", "V4IDPseudonym", "time")
_ADDRESS_READ_ONLY = ("Lat", "Long")
_NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_REJECTED = {
    "610": ("deleted_at_destination", None),
    "2010": ("unsupported_field", None),
    "2020": ("missing_value", None),
    "2050": ("text_too_long", None),
    "2170": ("invalid_value", None),
    "2210": ("invalid_email", "email"),
    "2040": ("invalid_name", None),
    "2090": ("invalid_value", None),
    "2500": ("invalid_value", None),
    "5020": ("not_permitted", None),
    "6080": ("missing_name", "last_name"),
    "6190": ("subscription_lapsed", None),
    "6240": ("duplicate_name", "display_name"),
}
_AUTHENTICATION = frozenset({"100", "120", "3100", "3200"})
_THROTTLED = frozenset({"3001"})
_STALE = "5010"
_ANYBODY = "Active in (true,false)"
_UNCERTAIN = frozenset({"600", "10000"})
_CODE_IN_TEXT = re.compile(rb"errorCode=(\d+)|code=\"(\d+)\"")


def literal(text: str) -> str:
    """A string in the query language: backslash escapes quote and backslash; doubling the quote does not (§2.3)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class QuickBooks:
    """One QuickBooks company (realm). Implements `ports.Connector`."""

    batch_size = 30
    parallel_calls = 4

    def __init__(self, http: Http, tokens: Tokens, realm: str, clock: Clock) -> None:
        self._http = http
        self._tokens = tokens
        self._base = f"/v3/company/{quote(realm, safe='')}"
        self._realm = realm
        self._clock = clock

    async def _ask(self, operation: str, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The JSON of a good answer, tried again under another token when this one is refused; the request id stays.

        A token that we have just refreshed ourselves and that is refused too ends the connection.
        """
        token, fresh = await self._tokens.access(), False
        while True:
            try:
                return await self._once(token, operation, method, path, **more)
            except Unauthorized as error:
                if fresh:
                    await self._tokens.end(token, str(error))
                    raise
            token, fresh = await self._tokens.renew(token)

    async def _once(
        self,
        token: str,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        body: str | None = None,
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        more: dict[str, Any] = {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            more["content"] = body.encode()
        answer = await self._http.call(
            operation,
            method,
            path,
            writes=body is not None,
            headers=headers,
            params={"minorversion": MINOR_VERSION, **params},
            **more,
        )
        return _read(answer, writes=body is not None)

    async def _employees(self, condition: str) -> tuple[list[RawRecord], dict[str, Any]]:
        """The employees under a condition, inactive people included, and the whole answer."""
        statement = f"select * from Employee where {condition}"
        answer = await self._ask("query", "GET", f"{self._base}/query", params={"query": statement})
        try:
            return [raw_record(wire, "Id") for wire in answer["QueryResponse"].get("Employee") or ()], answer
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Unavailable("quickbooks: an answer of another shape") from error

    async def test(self) -> str:
        """The company id. QuickBooks does not repeat it, but refuses a token of another company (403, code 3100)."""
        await self._ask(
            "companyinfo", "GET", f"{self._base}/companyinfo/{quote(self._realm, safe='')}", params={}
        )
        return self._realm

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        """The directory's next page by Id, inactive people included; `cursor` is the next start position."""
        start = int(cursor or "1")
        changed = ""
        if since is not None:
            at = since.astimezone(UTC).isoformat(timespec="seconds")
            changed = f" and MetaData.LastUpdatedTime >= {literal(at)}"
        requested_at = self._clock.now()
        records, answer = await self._employees(
            f"{_ANYBODY}{changed} orderby Id startposition {start} maxresults {PAGE}"
        )
        return Page(
            records,
            str(start + PAGE) if len(records) == PAGE else None,
            requested_at,
            self._clock.now(),
            _instant(answer.get("time")) or requested_at,
        )

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """QuickBooks leaves empty fields out, so what it can carry and does not show is null."""
        try:
            wire = load_record(raw.payload)
            values: dict[str, Any] = {name: wire.get(key) for name, key in _SCALARS.items()}
            for name, (outer, inner) in _NESTED.items():
                values[name] = (wire.get(outer) or {}).get(inner)
            for rate in ("bill_rate", "cost_rate"):
                values[rate] = str(values[rate]) if values[rate] is not None else None
            values["active"] = values["active"] is not False
            meta = wire.get("MetaData") or {}
            updated_at = (
                datetime.fromisoformat(meta["LastUpdatedTime"]) if meta.get("LastUpdatedTime") else None
            )
            employee = Employee.model_validate(values)
        except ValidationError as error:
            return Unread(raw.remote_id, "unreadable", str(error.errors()[0]["loc"][0]), raw.payload.decode())
        except (ValueError, TypeError, AttributeError):
            return Unread(raw.remote_id, "unreadable")
        return Remote(
            remote_id=raw.remote_id,
            version=str(wire["SyncToken"]) if wire.get("SyncToken") is not None else None,
            updated_at=updated_at,
            employee=employee,
            payload=raw.payload.decode(),
        )

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | Unread]:
        """These employees by Id; one that does not exist is left out."""
        found: dict[str, Remote | Unread] = {}
        for start in range(0, len(remote_ids), IDS_AT_ONCE):
            ids = ",".join(map(literal, remote_ids[start : start + IDS_AT_ONCE]))
            records, _ = await self._employees(f"Id in ({ids}) and {_ANYBODY} maxresults {IDS_AT_ONCE}")
            found |= {raw.remote_id: self.parse(raw) for raw in records}
        return found

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        """One POST, or one batch; `requestid` makes a repetition answer what the first one did."""
        bodies = [_body(write) for write in writes]
        members = [write.item_id for write in writes]
        if len(writes) == 1:
            path = f"{self._base}/employee?requestid={key}"
            return PreparedCall(key, "POST", path, orjson.dumps(bodies[0]).decode(), {}, members)
        items = [
            {"bId": str(n), "operation": write.action, "Employee": body}
            for n, (write, body) in enumerate(zip(writes, bodies, strict=True), 1)
        ]
        body = orjson.dumps({"BatchItemRequest": items}).decode()
        return PreparedCall(key, "POST", f"{self._base}/batch?requestid={key}", body, {}, members)

    async def send(self, call: PreparedCall) -> Sequence[Written]:
        """Send it; batch answers are told apart by their bId only, in whatever order they come."""
        path, _, query = call.path.partition("?")
        params = {"requestid": query.removeprefix("requestid=")}
        if not path.endswith("/batch"):
            (member,) = call.members
            try:
                answer = await self._ask("write", call.method, path, params=params, body=call.body)
            except (Rejected, Conflict) as error:
                return [Written(member, error=error)]
            return [self._written(member, answer)]
        answer = await self._ask("batch", call.method, path, params=params, body=call.body)
        items = answer.get("BatchItemResponse")
        by_id = (
            {str(i.get("bId")): i for i in items if isinstance(i, dict)} if isinstance(items, list) else {}
        )
        if any(str(n) not in by_id for n in range(1, len(call.members) + 1)):
            raise Unavailable("quickbooks: a batch answer with items missing", outcome_unknown=True)
        return [self._written(member, by_id[str(n)]) for n, member in enumerate(call.members, 1)]

    def _written(self, member: str, item: Mapping[str, Any]) -> Written:
        if fault := item.get("Fault"):
            return Written(member, error=_code_error(*_code(fault), writes=True))
        try:
            parsed = self.parse(raw_record(item.get("Employee"), "Id"))
        except ValueError:
            parsed = Unread("", "unreadable")
        if isinstance(parsed, Unread):
            unknown = Unavailable("quickbooks: an answer that cannot be read", outcome_unknown=True)
            return Written(member, error=unknown)
        return Written(member, remote=parsed)

    async def find_created(self, write: Write) -> Remote | None:
        """The one of that name whose number or e-mail is what was to be created. Neither can be asked for directly."""
        body = _body(write)
        name = body.get("DisplayName") or _default_name(body)
        records, _ = await self._employees(f"DisplayName = {literal(name)} and {_ANYBODY}")
        found = [one for one in map(self.parse, records) if isinstance(one, Remote)]
        return next((one for one in found if was_created_by(write, one)), None)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()


def _instant(text: str | None) -> datetime | None:
    """A time in UTC. One without an offset would be the company's own, which we do not know: none."""
    found = datetime.fromisoformat(text) if text else None
    return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None


def _default_name(wire: Mapping[str, Any]) -> str:
    """How QuickBooks makes DisplayName when it is left out."""
    return " ".join(str(wire[part]) for part in _NAME_PARTS if wire.get(part))


def _body(write: Write) -> dict[str, Any]:
    """A full update sends the whole record back, for what is left out is cleared; only our fields are laid over it."""
    wire: dict[str, Any] = orjson.loads(write.current.payload) if write.current else {}
    for key in _READ_ONLY:
        wire.pop(key, None)
    before = _default_name(wire)
    for name, value in write.fields.items():
        _set(wire, name, value)
    if address := wire.get("PrimaryAddr"):
        for key in _ADDRESS_READ_ONLY:
            address.pop(key, None)
        if not address.keys() - {"Id"}:
            del wire["PrimaryAddr"]
    if write.current is None:
        # A rate means nothing while the person is not billable; an existing record's flag is not ours to turn.
        if wire.get("BillRate") is not None:
            wire.setdefault("BillableTime", True)
    elif before and wire.get("DisplayName") == before and "display_name" not in write.fields:
        wire["DisplayName"] = _default_name(wire)
    return wire


def _set(wire: dict[str, Any], name: str, value: object) -> None:
    if name == "gender" and isinstance(value, str):
        value = value.capitalize()
    if name.endswith("_rate") and value is not None:
        value = float(str(value))
    if name in _SCALARS:
        target, key = wire, _SCALARS[name]
    else:
        outer, key = _NESTED[name]
        target = wire[outer] = wire.get(outer) or {}
    if value is not None:
        target[key] = value
        return
    target.pop(key, None)
    if name in _NESTED and not target:
        del wire[_NESTED[name][0]]


def _read(answer: Answer, *, writes: bool) -> dict[str, Any]:
    """The JSON of a good answer. The status decides first; a fault may stand in a 200, or be XML, HTML or nothing."""
    try:
        body = read_json(answer.content)
    except ValueError:
        body = None
    if isinstance(body, dict):
        fault = body.get("Fault") or body.get("fault")
        if answer.ok and not fault:
            return body
        code, field = _code(fault)
    else:
        found = _CODE_IN_TEXT.search(answer.content[:2000])
        code, field = (found[found.lastindex or 0].decode().lstrip("0") if found else ""), None
        if answer.ok and not code:
            raise Unavailable("quickbooks: an answer that is not JSON", outcome_unknown=writes)
    raise _status_error(answer, code, field, writes=writes)


def _status_error(answer: Answer, code: str, field: str | None, *, writes: bool) -> MusterError:
    message = f"quickbooks: {answer.status}, code {code or 'none'}"
    match answer.status:
        case httpx.codes.TOO_MANY_REQUESTS:
            return RateLimited(message, retry_after=answer.retry_after())
        case httpx.codes.FORBIDDEN if code in _THROTTLED:
            return RateLimited(message, retry_after=answer.retry_after())
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            return Unauthorized(System.QUICKBOOKS, message)
        case httpx.codes.NOT_FOUND:
            # The address is wrong; an employee that does not exist is a 400 with code 610.
            return Unavailable(message)
        case httpx.codes.REQUEST_TIMEOUT:
            return Unavailable(message, outcome_unknown=writes)
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR or httpx.codes.is_redirect(status):
            return Unavailable(message, outcome_unknown=writes)
        case _:
            return _code_error(code, field, writes=writes, retry_after=answer.retry_after())


def _code(fault: Any) -> tuple[str, str | None]:
    """The first error's code and the field that it is about, in either envelope; any part may be missing."""
    errors = (fault.get("Error") or fault.get("error")) if isinstance(fault, dict) else None
    error = errors[0] if isinstance(errors, list) and errors else errors
    if not isinstance(error, dict):
        return "", None
    element = str(error.get("element") or "")
    named = _FIELD_IN_TEXT.search(element or str(error.get("Detail") or error.get("detail") or ""))
    return str(error.get("code") or "").lstrip("0"), _FIELDS[named[1]] if named else None


def _code_error(code: str, field: str | None, *, writes: bool, retry_after: float = 60.0) -> MusterError:
    message = f"quickbooks: code {code or 'none'}"
    if code in _THROTTLED:
        return RateLimited(message, retry_after=retry_after)
    if code in _AUTHENTICATION:
        return Unauthorized(System.QUICKBOOKS, message)
    if code == _STALE:
        return Conflict(message)
    if code in _UNCERTAIN:
        return Unavailable(message, outcome_unknown=writes)
    reason, known = _REJECTED.get(code, ("refused", None))
    return Rejected(reason, field=known or field, message=message)
