"""One QuickBooks company: its calls, its pages, its batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from shared.clock import Clock
from shared.connectors.client import Http, raw_record, was_created_by
from shared.connectors.limits import Gate
from shared.connectors.oauth import Tokens
from shared.connectors.ports import Page, PreparedCall, RawRecord, Tenant, Unread, Write, Written
from shared.connectors.quickbooks import answers, wire
from shared.connectors.quickbooks.wire import literal
from shared.contracts.capabilities import PAYROLL
from shared.contracts.records import Account, Remote
from shared.errors import Conflict, MusterError, Rejected, Unauthorized, Unavailable

PAGE = 1000
IDS_AT_ONCE = 200
MINOR_VERSION = "75"
CHANGES_AT_MOST = 1000
_CHANGES_WITHIN = timedelta(days=29, hours=12)
"""Intuit gives 30 days; ours and its clock may differ, and a call may wait."""
_ANYBODY = "Active in (true,false)"


class QuickBooks:
    """One QuickBooks company (realm). Implements `ports.Connector`."""

    batch_size = 30
    parallel_calls = 4
    settled_after_seconds = 120.0
    """Intuit ends a request by then."""
    keys_hold_seconds = 3600.0
    """Intuit does not say for how long it knows a key."""

    def __init__(self, http: Http, gate: Gate, tokens: Tokens, account: Account, clock: Clock) -> None:
        self._http = http
        self._gate = gate
        self._tokens = tokens
        self._realm = account.tenant_id
        self._base = f"/v3/company/{quote(self._realm, safe='')}"
        self._payroll = PAYROLL in account.features
        self._clock = clock

    async def _ask(self, operation: str, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The JSON of a good answer, tried again under another token when this one is refused; the request id stays.

        A token that we have just refreshed ourselves and that is refused too ends the connection, and so does a
        refusal that no other token would cure.
        """
        token, fresh = await self._tokens.access(), False
        while True:
            try:
                return await self._once(token, operation, method, path, **more)
            except Unauthorized as error:
                if error.state == "reconnect" and not fresh:
                    token, fresh = await self._tokens.renew(token)
                    continue
                if await self._tokens.end(token, error.state, str(error)):
                    raise
            token, fresh = await self._tokens.access(), False

    async def _once(
        self,
        token: str,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        body: str | None = None,
        bulk: bool = False,
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        more: dict[str, Any] = {}
        writes = body is not None
        if body is not None:
            headers["Content-Type"] = "application/json"
            more["content"] = body.encode()
        params = {"minorversion": MINOR_VERSION, **params}
        async with self._gate.call(batch=operation == "batch", bulk=bulk, metered=not writes):
            answer = await self._http.call(
                operation, method, path, writes=writes, headers=headers, params=params, **more
            )
            return answers.read(answer, writes=writes)

    async def _query(self, statement: str, *, bulk: bool = False) -> dict[str, Any]:
        return await self._ask("query", "GET", f"{self._base}/query", params={"query": statement}, bulk=bulk)

    async def _employees(
        self, condition: str, *, bulk: bool = False
    ) -> tuple[list[RawRecord], dict[str, Any]]:
        """The employees under a condition, and the whole answer."""
        answer = await self._query(f"select * from Employee where {condition}", bulk=bulk)
        try:
            return [raw_record(one, "Id") for one in answer["QueryResponse"].get("Employee") or ()], answer
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise _other_shape() from error

    async def test(self) -> Tenant:
        """The company. QuickBooks does not repeat the id, but refuses a token of another company (403, code 3100)."""
        path = f"{self._base}/companyinfo/{quote(self._realm, safe='')}"
        answer = await self._ask("companyinfo", "GET", path, params={})
        try:
            info = answer["CompanyInfo"]
            told = {str(one["Name"]): str(one.get("Value")) for one in info.get("NameValue") or ()}
            name = str(info.get("CompanyName") or "")
        except (KeyError, TypeError, AttributeError) as error:
            raise _other_shape() from error
        payroll = told.get("PayrollFeature", "").lower() == "true"
        return Tenant(self._realm, name, (PAYROLL,) if payroll else ())

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        """The directory's next page by Id, inactive people included; `cursor` is a position and who stands there.

        Changes come by change data capture while that reaches far enough back and holds them all; else by a query.
        """
        if since is not None and cursor is None and since > self._clock.now() - _CHANGES_WITHIN:
            page = await self._changes(since)
            if page is not None:
                return page
        start, _, expected = (cursor or "1:").partition(":")
        requested_at = self._clock.now()
        page = await self._page(int(start), since, requested_at)
        if expected and (not page.records or page.records[0].remote_id != expected):
            # Somebody before this place is gone, by a merge: go back, rather than skip who moved up.
            expected, start = "", str(max(1, int(start) - PAGE))
            page = await self._page(int(start), since, requested_at)
        return await self._placed(page, int(start), since, overlap=bool(expected))

    async def _page(self, start: int, since: datetime | None, requested_at: datetime) -> Page:
        changed = f" and MetaData.LastUpdatedTime >= {literal(_stamp(since))}" if since else ""
        records, answer = await self._employees(
            f"{_ANYBODY}{changed} orderby Id startposition {start} maxresults {PAGE}", bulk=since is None
        )
        as_of = wire.instant(answer.get("time")) or requested_at
        return Page(records, None, requested_at, self._clock.now(), as_of)

    async def _placed(self, page: Page, start: int, since: datetime | None, *, overlap: bool) -> Page:
        """The page with its cursor, and without the one who was on the page before.

        A full read ends where the count of everybody says: a short or empty page alone may be a broken answer, and
        who is missing from a complete read counts as removed.
        """
        rows = page.records
        reached = start + len(rows) - 1
        more = len(rows) >= PAGE
        if not more and since is None and await self._count() > reached:
            if len(rows) <= overlap:
                raise Unavailable("quickbooks: the directory ends before its count")
            more = True
        cursor = f"{reached}:{rows[-1].remote_id}" if more else None
        return Page(rows[overlap:], cursor, page.requested_at, page.answered_at, page.as_of)

    async def _count(self) -> int:
        answer = await self._query(f"select count(*) from Employee where {_ANYBODY}", bulk=True)
        try:
            return int(answer["QueryResponse"]["totalCount"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise _other_shape() from error

    async def _changes(self, since: datetime) -> Page | None:
        """What changed, in one answer; None when it holds as many as it can, for there is no second page (§2.7)."""
        requested_at = self._clock.now()
        params = {"entities": "Employee", "changedSince": _stamp(since)}
        answer = await self._ask("cdc", "GET", f"{self._base}/cdc", params=params)
        try:
            (found,) = answer["CDCResponse"][0]["QueryResponse"]
            changed = found.get("Employee") or []
            # A stub of one who is gone says so, and nothing else: it must not be read as a record.
            gone = [str(one["Id"]) for one in changed if one.get("status") == "Deleted"]
            records = [raw_record(one, "Id") for one in changed if one.get("status") != "Deleted"]
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise _other_shape() from error
        if len(changed) >= CHANGES_AT_MOST:
            return None
        as_of = wire.instant(answer.get("time")) or requested_at
        return Page(records, None, requested_at, self._clock.now(), as_of, gone)

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """QuickBooks leaves empty fields out, so what it can carry and does not show is null."""
        return wire.parse(raw)

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | Unread]:
        """These employees by Id, inactive ones too; one that does not exist is left out."""
        found: dict[str, Remote | Unread] = {}
        for start in range(0, len(remote_ids), IDS_AT_ONCE):
            ids = ",".join(map(literal, remote_ids[start : start + IDS_AT_ONCE]))
            records, _ = await self._employees(f"Id in ({ids}) and {_ANYBODY} maxresults {IDS_AT_ONCE}")
            found |= {raw.remote_id: self.parse(raw) for raw in records}
        return found

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        """One POST, or one batch; `requestid` makes a repetition answer what the first one did."""
        bodies = [wire.body_of(write, payroll=self._payroll) for write in writes]
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
        """Send it. A batch answer that misses an item is asked for once more; then that item's outcome is unknown."""
        if not call.path.partition("?")[0].endswith("/batch"):
            (member,) = call.members
            try:
                return [_written(member, await self._send(call, "write"))]
            except (Rejected, Conflict) as error:
                return [Written(member, error=error)]
        numbers = [str(n) for n in range(1, len(call.members) + 1)]
        items = _by_number(await self._send(call, "batch"))
        if not items.keys() >= set(numbers):
            with suppress(MusterError):
                items = _by_number(await self._send(call, "batch")) | items
        return [_written(member, items.get(n)) for n, member in zip(numbers, call.members, strict=True)]

    async def _send(self, call: PreparedCall, operation: str) -> dict[str, Any]:
        path, _, query = call.path.partition("?")
        params = {"requestid": query.removeprefix("requestid=")}
        return await self._ask(operation, call.method, path, params=params, body=call.body)

    async def find_created(self, write: Write) -> Remote | None:
        """The one of that name whose number or e-mail is what was to be created. Neither can be asked for directly."""
        body = wire.body_of(write, payroll=self._payroll)
        name = body.get("DisplayName") or wire.default_name(body)
        records, _ = await self._employees(f"DisplayName = {literal(name)} and {_ANYBODY}")
        found = [one for one in map(self.parse, records) if isinstance(one, Remote)]
        return next((one for one in found if was_created_by(write, one)), None)

    async def close(self) -> None:
        """Give the connections back."""
        await self._tokens.close()
        await self._gate.close()
        await self._http.close()


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _other_shape() -> Unavailable:
    return Unavailable("quickbooks: an answer of another shape")


def _by_number(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The items of a batch answer, told apart by their bId only, in whatever order they come."""
    items = answer.get("BatchItemResponse")
    return {str(i.get("bId")): i for i in items if isinstance(i, dict)} if isinstance(items, list) else {}


def _written(member: str, item: Mapping[str, Any] | None) -> Written:
    if item is None:
        missing = Unavailable("quickbooks: a batch answer without this item", outcome_unknown=True)
        return Written(member, error=missing)
    if fault := item.get("Fault"):
        code, field = answers.fault_code(fault)
        message = f"quickbooks: code {code or 'none'}"
        return Written(member, error=answers.code_error(code, field, message, writes=True))
    try:
        parsed = wire.parse(raw_record(item.get("Employee"), "Id"))
    except ValueError:
        parsed = Unread("", "unreadable")
    if isinstance(parsed, Unread):
        unknown = Unavailable("quickbooks: an answer that cannot be read", outcome_unknown=True)
        return Written(member, error=unknown)
    return Written(member, remote=parsed)
