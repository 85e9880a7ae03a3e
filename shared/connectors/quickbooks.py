"""QuickBooks Online, Accounting API v3. Facts: Intuit's Employee, query, batch and error-code pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
import orjson
from pydantic import ValidationError

from shared.clock import Clock
from shared.connectors.client import Http
from shared.connectors.oauth import Tokens
from shared.connectors.ports import Page, PreparedCall, RawRecord, Unread, Write, Written
from shared.contracts.capabilities import QUICKBOOKS_FIELDS
from shared.contracts.records import Employee, Remote, System
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable

PAGE = 1000
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
_NAMES = {wire: name for name, wire in _SCALARS.items()} | {path[0]: name for name, path in _NESTED.items()}
_READ_ONLY = ("MetaData", "domain", "sparse", "V4IDPseudonym", "SSN", "time")
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
_AUTHENTICATION = frozenset({"100", "120", "3100", "3200", "003100", "003200"})
_THROTTLED = frozenset({"3001", "003001"})
_CODE_IN_TEXT = re.compile(r"errorCode=(\d+)|code=\"(\d+)\"")
_SSN = re.compile(r"ssn", re.IGNORECASE)


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
        self._base = f"/v3/company/{realm}"
        self._realm = realm
        self._clock = clock

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        writes: bool = False,
        **more: Any,
    ) -> httpx.Response:
        """With one more try under another token when this one is refused; the request id stays the same."""
        token = await self._tokens.access()
        response = await self._once(operation, method, path, token, params, writes=writes, **more)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            token = await self._tokens.renew(token)
            response = await self._once(operation, method, path, token, params, writes=writes, **more)
        return response

    async def _once(
        self,
        operation: str,
        method: str,
        path: str,
        token: str,
        params: Mapping[str, str],
        *,
        writes: bool,
        **more: Any,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if "content" in more:
            headers["Content-Type"] = "application/json"
        params = {"minorversion": MINOR_VERSION, **params}
        return await self._http.call(
            operation, method, path, writes=writes, headers=headers, params=params, **more
        )

    async def _query(self, statement: str) -> dict[str, Any]:
        response = await self._call("query", "GET", f"{self._base}/query", params={"query": statement})
        answer = _answer(response, writes=False)
        return dict(answer)

    async def test(self) -> str:
        """The company id that QuickBooks reports."""
        response = await self._call(
            "companyinfo", "GET", f"{self._base}/companyinfo/{self._realm}", params={}
        )
        _answer(response, writes=False)
        return self._realm

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        """The directory's next page by Id, inactive people included; `cursor` is the next start position."""
        start = int(cursor or "1")
        changed = (
            f" and MetaData.LastUpdatedTime >= {literal(since.isoformat(timespec='seconds'))}"
            if since
            else ""
        )
        requested_at = self._clock.now()
        answer = await self._query(
            f"select * from Employee where Active in (true,false){changed}"
            f" orderby Id startposition {start} maxresults {PAGE}"
        )
        employees = answer["QueryResponse"].get("Employee", [])
        return Page(
            [_raw(employee) for employee in employees],
            str(start + PAGE) if len(employees) == PAGE else None,
            requested_at,
            self._clock.now(),
            datetime.fromisoformat(answer["time"]),
        )

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """QuickBooks leaves empty fields out, so what it can carry and does not show is null."""
        try:
            wire = orjson.loads(raw.payload)
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
        for start in range(0, len(remote_ids), 100):
            ids = ",".join(literal(i) for i in remote_ids[start : start + 100])
            answer = await self._query(
                f"select * from Employee where Id in ({ids}) and Active in (true,false) maxresults 100"
            )
            for employee in answer["QueryResponse"].get("Employee", []):
                raw = _raw(employee)
                found[raw.remote_id] = self.parse(raw)
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
        batch = path.endswith("/batch")
        response = await self._call(
            "batch" if batch else "write",
            call.method,
            path,
            params={"requestid": query.removeprefix("requestid=")},
            writes=True,
            content=call.body.encode(),
        )
        try:
            answer = _answer(response, writes=True)
        except (Rejected, Conflict) as error:
            if batch:
                raise
            return [Written(call.members[0], error=error)]
        if not batch:
            return [self._written(call.members[0], answer)]
        by_id = {str(item.get("bId")): item for item in answer.get("BatchItemResponse", [])}
        if len(by_id) < len(call.members):
            raise Unavailable("quickbooks: a batch answer with items missing", outcome_unknown=True)
        return [self._written(member, by_id[str(n)]) for n, member in enumerate(call.members, 1)]

    def _written(self, member: str, item: Mapping[str, Any]) -> Written:
        if "Fault" in item:
            return Written(member, error=_fault_error(item["Fault"]))
        parsed = self.parse(_raw(item["Employee"]))
        if isinstance(parsed, Unread):
            return Written(
                member, error=Unavailable("quickbooks: an unreadable answer", outcome_unknown=True)
            )
        return Written(member, remote=parsed)

    async def find_created(self, write: Write) -> Remote | None:
        """The employee whose number or e-mail is the one that was to be created, among those of that name."""
        name = literal(_default_name(_body(write)))
        answer = await self._query(
            f"select * from Employee where DisplayName = {name} and Active in (true,false)"
        )
        for employee in answer["QueryResponse"].get("Employee", []):
            parsed = self.parse(_raw(employee))
            if isinstance(parsed, Remote) and parsed.employee.number == write.fields.get("number"):
                return parsed
        return None

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()


def _raw(wire: dict[str, Any]) -> RawRecord:
    """Social security numbers, masked or not, go before anything is hashed or kept."""
    for key in [key for key in wire if _SSN.search(key)]:
        del wire[key]
    payload = orjson.dumps(wire)
    return RawRecord(str(wire["Id"]), payload, hashlib.blake2b(payload, digest_size=16).digest())


def _default_name(wire: Mapping[str, Any]) -> str:
    """How QuickBooks makes DisplayName when it is left out."""
    return " ".join(str(wire[part]) for part in _NAME_PARTS if wire.get(part))


def _body(write: Write) -> dict[str, Any]:
    """A full update sends the whole record back, for what is left out is cleared; only our fields are laid over it."""
    wire: dict[str, Any] = orjson.loads(write.current.payload) if write.current else {}
    for key in _READ_ONLY:
        wire.pop(key, None)
    follows = bool(write.current) and wire.get("DisplayName") == _default_name(wire)
    for name, value in write.fields.items():
        _set(wire, name, value)
    if isinstance(address := wire.get("PrimaryAddr"), dict):
        for key in ("Lat", "Long"):
            address.pop(key, None)
    if follows:
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
        target = wire.setdefault(outer, {})
    if value is None:
        target.pop(key, None)
        if name in _NESTED and not target:
            wire.pop(_NESTED[name][0], None)
    else:
        target[key] = value
    if name == "bill_rate" and value is not None:
        wire["BillableTime"] = True


def _answer(response: httpx.Response, *, writes: bool) -> Mapping[str, Any]:
    """The JSON of a good answer. The status decides first; a Fault may stand in a 200, or be XML, HTML or nothing."""
    status = response.status_code
    body: Any = None
    if "json" in response.headers.get("content-type", ""):
        try:
            body = orjson.loads(response.content)
        except ValueError:
            body = None
    if response.is_success and isinstance(body, dict) and "Fault" not in body and "fault" not in body:
        return body
    if response.is_success and body is None:
        raise Unavailable("quickbooks: an answer that is not JSON", outcome_unknown=writes)
    raise _status_error(response, status, body, writes=writes)


def _status_error(response: httpx.Response, status: int, body: Any, *, writes: bool) -> MusterError:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        after = response.headers.get("Retry-After", "")
        return RateLimited("quickbooks: 429", retry_after=float(after) if after.isdigit() else 60.0)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return Unauthorized(System.QUICKBOOKS, f"quickbooks: {status}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"quickbooks: {status}", outcome_unknown=writes)
    fault = (body.get("Fault") or body.get("fault")) if isinstance(body, dict) else None
    if fault:
        return _fault_error(fault)
    found = _CODE_IN_TEXT.search(response.text[:2000])
    code = next((group for group in found.groups() if group), "") if found else ""
    return _code_error(code, None, f"quickbooks: {status} {code}")


def _fault_error(fault: Mapping[str, Any]) -> MusterError:
    errors = fault.get("Error") or fault.get("error") or [{}]
    error = errors[0] or {}
    code = str(error.get("code") or "")
    return _code_error(code, error.get("element"), f"quickbooks: code {code or 'none'}")


def _code_error(code: str, element: str | None, message: str) -> MusterError:
    if code in _THROTTLED:
        return RateLimited(message, retry_after=60.0)
    if code in _AUTHENTICATION:
        return Unauthorized(System.QUICKBOOKS, message)
    if code == "5010":
        return Conflict(message)
    if code == "10000":
        return Unavailable(message, outcome_unknown=True)
    field = _NAMES.get(element or "")
    field = field if field in QUICKBOOKS_FIELDS else None
    reason, known = _REJECTED.get(code, ("refused", None))
    return Rejected(reason, field=known or field, message=message)
