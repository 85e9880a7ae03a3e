"""One QuickBooks company: its calls, its pages, its batches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson

from shared.clock import Clock
from shared.connectors.client import Http, HttpResponse, raw_record, was_created_by
from shared.connectors.limits import Gate
from shared.connectors.oauth import Tokens
from shared.connectors.ports import Browsed, NamesPage, Page, PreparedCall, RawRecord, Tenant, Write, Written
from shared.connectors.quickbooks import answers, wire
from shared.connectors.quickbooks.paging import PAGE, Place
from shared.connectors.quickbooks.wire import literal
from shared.connectors.vault import Vault
from shared.domain.employee import Remote, Unread
from shared.domain.settings import Account
from shared.domain.values import Holder
from shared.errors import Conflict, MusterError, Rejected, Unauthorized, Unavailable
from shared.systems.quickbooks import PAYROLL, SYSTEM

IDS_AT_ONCE = SYSTEM.read_size
MINOR_VERSION = "75"
CHANGES_AT_MOST = 1000
_CHANGES_WITHIN = timedelta(days=29, hours=12)
"""Intuit gives 30 days; ours and its clock may differ, and a call may wait."""
_BETWEEN = re.compile(r"[\s'`\u00b4\u2018\u2019\u02bc]+")
_ANYBODY = "Active in (true,false)"


_Exchange = tuple[dict[str, Any], HttpResponse]
"""The JSON of a good answer, and the answer."""


class QuickBooks:
    """One QuickBooks company (realm). Implements `ports.Connector`."""

    batch_size = SYSTEM.batch_size
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
        """The JSON of a good answer."""
        body, _ = await self._exchange(operation, method, path, **more)
        return body

    async def _exchange(self, operation: str, method: str, path: str, **more: Any) -> _Exchange:
        """A good answer with its JSON, tried again under another token when this one is refused; the request id stays.

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
        again: bool = False,
    ) -> _Exchange:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        more: dict[str, Any] = {}
        writes = body is not None
        if body is not None:
            headers["Content-Type"] = "application/json"
            more["content"] = body.encode()
        params = {"minorversion": MINOR_VERSION, **params}
        async with self._gate.call(batch=operation == "batch", bulk=bulk, metered=not writes):
            answer = await self._http.call(
                operation,
                method,
                path,
                writes=writes,
                headers=headers,
                params=params,
                **more,
            )
            return answers.read(answer, writes=writes, again=again), answer

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
            preferences = {str(one["Name"]): str(one.get("Value")) for one in info.get("NameValue") or ()}
            name = str(info.get("CompanyName") or "")
        except (KeyError, TypeError, AttributeError) as error:
            raise _other_shape() from error
        payroll = preferences.get("PayrollFeature", "").lower() == "true"
        return Tenant(self._realm, name, (PAYROLL,) if payroll else ())

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        """The directory's next page in the order of creation, inactive people included.

        Changes come by change data capture while that reaches far enough back and holds them all; else by a query. A full
        read ends where the count of everybody says: a short or empty page alone may be a broken answer, and anyone missing
        from a complete read counts as removed.
        """
        if since is not None and cursor is None and since > self._clock.now() - _CHANGES_WITHIN:
            page = await self._changes(since)
            if page is not None:
                return page
        requested_at = self._clock.now()
        place = Place.at(cursor)
        rows, as_of = await self._page(place, since)
        if place.moved(rows):
            place = place.back()
            rows, as_of = await self._page(place, since)
        new, after = place.new(rows), None
        if len(rows) >= PAGE or (since is None and await self._count() > place.read + len(new)):
            try:
                after = place.after(rows)
            except ValueError as error:
                raise _other_shape() from error
            if not new and (after.since, after.start) == (place.since, place.start):
                raise Unavailable("quickbooks: the directory ends before its count")
        cursor = after.cursor() if after else None
        return Page(new, cursor, requested_at, self._clock.now(), as_of or requested_at)

    async def _page(self, place: Place, since: datetime | None) -> tuple[list[RawRecord], datetime | None]:
        """The rows at a place, and QuickBooks' own time."""
        condition = _ANYBODY
        if since:
            condition += f" and MetaData.LastUpdatedTime >= {literal(_stamp(since))}"
        if place.since:
            condition += f" and MetaData.CreateTime >= {literal(place.since)}"
        order = f"orderby MetaData.CreateTime startposition {place.start} maxresults {PAGE}"
        records, answer = await self._employees(f"{condition} {order}", bulk=since is None)
        return records[:PAGE], wire.instant(answer.get("time"))

    async def browse(self, text: str, cursor: str | None, limit: int) -> Browsed:
        """People in the order of their names; only a name can be looked for, and `%` in it stands for anything.

        So does a blank or an apostrophe: there are several, and middle names.
        """
        start = int(cursor or 1)
        if start < 1:
            raise ValueError("a place before the first")
        near = literal(_BETWEEN.sub("%", f" {text} "))
        condition = _ANYBODY + (f" and DisplayName LIKE {near}" if text else "")
        requested_at = self._clock.now()
        order = f"orderby DisplayName startposition {start} maxresults {limit}"
        records, _ = await self._employees(f"{condition} {order}")
        total = await self._count(condition, bulk=False)
        following = start + len(records)
        more = bool(records) and following <= total
        return Browsed(records, str(following) if more else None, total, requested_at, self._clock.now())

    async def _count(self, condition: str = _ANYBODY, *, bulk: bool = True) -> int:
        answer = await self._query(f"select count(*) from Employee where {condition}", bulk=bulk)
        try:
            return int(answer["QueryResponse"]["totalCount"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise _other_shape() from error

    async def _changes(self, since: datetime) -> Page | None:
        """What changed, in one answer; None when that was too long ago, or the answer holds as many as it can.

        There is no second page.
        """
        requested_at = self._clock.now()
        params = {"entities": "Employee", "changedSince": _stamp(since)}
        try:
            answer = await self._ask("cdc", "GET", f"{self._base}/cdc", params=params)
        except answers.TooOld:
            return None
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
        members = [write.push_id for write in writes]
        if len(writes) == 1:
            path = f"{self._base}/employee?requestid={key}"
            return PreparedCall(key, "POST", path, orjson.dumps(bodies[0]).decode(), {}, members)
        items = [
            {"bId": str(n), "operation": write.action, "Employee": body}
            for n, (write, body) in enumerate(zip(writes, bodies, strict=True), 1)
        ]
        body = orjson.dumps({"BatchItemRequest": items}).decode()
        return PreparedCall(key, "POST", f"{self._base}/batch?requestid={key}", body, {}, members)

    async def send(self, call: PreparedCall, *, again: bool = False) -> Sequence[Written]:
        """Send it. A batch answer that misses an item is asked for once more; then that item's outcome is unknown."""
        if not call.path.partition("?")[0].endswith("/batch"):
            (member,) = call.members
            try:
                item, answer = await self._send(call, "write", again=again)
                return [_written(member, item, answer, again=again)]
            except (Rejected, Conflict) as error:
                return [Written(member, error=error)]
        try:
            body, answer = await self._send(call, "batch", again=again)
        except answers.TooLarge as error:
            if len(call.members) == 1:
                return [Written(call.members[0], error=error)]
            return await self._send_halves(call, again=again)
        items = _by_number(body)
        written = {n: _written(m, items[n], answer, again=again) for n, m in _numbered(call) if n in items}
        if len(written) < len(call.members):
            with suppress(MusterError):
                body, answer = await self._send(call, "batch", again=True)
                items = _by_number(body)
            missing = [(n, m) for n, m in _numbered(call) if n not in written]
            written |= {n: _written(m, items.get(n), answer, again=True) for n, m in missing}
        return [written[n] for n, _ in _numbered(call)]

    async def _send_halves(self, call: PreparedCall, *, again: bool) -> list[Written]:
        """The same items in two calls, whose keys follow from the call's: a repetition is halved in the same way."""
        items = orjson.loads(call.body)["BatchItemRequest"]
        middle, written = len(items) // 2, list[Written]()
        for part in (slice(None, middle), slice(middle, None)):
            numbered = [{**item, "bId": str(n)} for n, item in enumerate(items[part], 1)]
            key = str(uuid5(NAMESPACE_OID, f"{call.key}/{part.start}:{part.stop}"))
            half = replace(
                call,
                key=key,
                path=f"{self._base}/batch?requestid={key}",
                body=orjson.dumps({"BatchItemRequest": numbered}).decode(),
                members=call.members[part],
            )
            try:
                written += await self.send(half, again=again)
            except MusterError as error:
                written += [Written(member, error=error) for member in half.members]
        return written

    async def _send(self, call: PreparedCall, operation: str, *, again: bool) -> _Exchange:
        path, _, query = call.path.partition("?")
        params = {"requestid": query.removeprefix("requestid=")}
        return await self._exchange(operation, call.method, path, params=params, body=call.body, again=again)

    async def find_created(self, write: Write) -> Remote | None:
        """The one of that name whose number or e-mail is what was to be created. Neither can be asked for directly."""
        body = wire.body_of(write, payroll=self._payroll)
        name = body.get("DisplayName") or wire.default_name(body)
        records, _ = await self._employees(f"DisplayName = {literal(name)} and {_ANYBODY}")
        found = [one for one in map(self.parse, records) if isinstance(one, Remote)]
        return next((one for one in found if was_created_by(write, one)), None)

    async def find_holders(self, field: str, value: str) -> Sequence[Holder]:
        """The vendor or customer of this display name, inactive ones too."""
        found = []
        for kind in ("Vendor", "Customer") if field == "display_name" else ():
            answer = await self._query(
                f"select * from {kind} where DisplayName in ({literal(value)}, {literal(f'{value} (deleted)')}) and {_ANYBODY}"
            )
            found += _holders(kind, answer)
        return found

    async def read_names(
        self, kind: str, cursor: str | None, *, since: datetime | None = None
    ) -> NamesPage | None:
        """Customers or vendors: all by a query for their names alone, changes by a call of their own."""
        entity = kind.capitalize()
        if since is not None:
            return await self._changed_names(entity, since)
        start = int(cursor or 1)
        answer = await self._query(
            f"select Id, DisplayName, Active from {entity} where {_ANYBODY} "
            f"orderby MetaData.CreateTime startposition {start} maxresults {PAGE}",
            bulk=True,
        )
        found = _holders(entity, answer)
        following = str(start + len(found)) if len(found) >= PAGE else None
        return NamesPage(found, following, wire.instant(answer.get("time")) or self._clock.now())

    async def _changed_names(self, entity: str, since: datetime) -> NamesPage | None:
        if since <= self._clock.now() - _CHANGES_WITHIN:
            return None
        params = {"entities": entity, "changedSince": _stamp(since)}
        try:
            answer = await self._ask("cdc", "GET", f"{self._base}/cdc", params=params)
        except answers.TooOld:
            return None
        try:
            (found,) = answer["CDCResponse"][0]["QueryResponse"]
            changed = found.get(entity) or []
            gone = [str(one["Id"]) for one in changed if one.get("status") == "Deleted"]
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise _other_shape() from error
        if len(changed) >= CHANGES_AT_MOST:
            return None
        names = _holders(
            entity, {"QueryResponse": {entity: [o for o in changed if str(o["Id"]) not in gone]}}
        )
        return NamesPage(names, None, wire.instant(answer.get("time")) or self._clock.now(), gone)

    async def close(self) -> None:
        """Give the connections back."""
        await self._tokens.close()
        await self._gate.close()
        await self._http.close()


def open_connector(
    account: Account, company: UUID, http: Http, gate: Gate, vault: Vault, clock: Clock
) -> QuickBooks:
    """A connector for one account."""
    tokens = Tokens(vault, company, account.account_id, clock, http)
    return QuickBooks(http, gate, tokens, account, clock)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _holders(entity: str, answer: Mapping[str, Any]) -> list[Holder]:
    """The customers or vendors of an answer."""
    try:
        return [
            Holder(
                kind=entity.lower(),
                remote_id=str(one["Id"]),
                name=str(one["DisplayName"]),
                active=one.get("Active") is not False,
            )
            for one in answer["QueryResponse"].get(entity) or ()
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise _other_shape() from error


def _other_shape() -> Unavailable:
    return Unavailable("quickbooks: an answer of another shape")


def _by_number(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The items of a batch answer, distinguished by their bId only, in whatever order they come."""
    items = answer.get("BatchItemResponse")
    return {str(i.get("bId")): i for i in items if isinstance(i, dict)} if isinstance(items, list) else {}


def _numbered(call: PreparedCall) -> list[tuple[str, str]]:
    """Each member of a batch with its bId."""
    return [(str(n), member) for n, member in enumerate(call.members, 1)]


def _written(member: str, item: dict[str, Any] | None, answer: HttpResponse, *, again: bool) -> Written:
    if item is None:
        missing = Unavailable("quickbooks: a batch answer without this item", outcome_unknown=True)
        return Written(member, error=missing)
    if fault := item.get("Fault"):
        code, field = answers.fault_code(fault)
        message = f"quickbooks: code {code or 'none'}"
        error = answers.code_error(code, field, message, writes=True, again=again)
        error.received = answers.kept_answer(answer, item, fault)
        return Written(member, error=error)
    try:
        parsed = wire.parse(raw_record(item.get("Employee"), "Id"))
    except ValueError:
        parsed = Unread("", "unreadable")
    if isinstance(parsed, Unread):
        unknown = Unavailable("quickbooks: an answer that cannot be read", outcome_unknown=True)
        unknown.received = answers.kept_answer(answer, item)
        return Written(member, error=unknown)
    return Written(member, remote=parsed, received=answers.kept_answer(answer, item))
