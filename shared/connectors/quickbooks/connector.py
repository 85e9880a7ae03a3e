"""One QuickBooks company: its calls, its pages, its batches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from shared.clock import Clock
from shared.connectors.client import Http, raw_record, was_created_by
from shared.connectors.limits import Gate
from shared.connectors.oauth import Tokens
from shared.connectors.ports import Browsed, NamesPage, Page, PreparedCall, RawRecord, Tenant, Write, Written
from shared.connectors.quickbooks import answers, batches, names, wire
from shared.connectors.quickbooks.paging import PAGE, Place
from shared.connectors.quickbooks.session import ANYBODY, Exchange, Session, other_shape, rows_of, stamp
from shared.connectors.quickbooks.wire import literal
from shared.connectors.vault import Vault
from shared.domain.employee import Remote, Unread
from shared.domain.settings import Account
from shared.domain.values import Holder
from shared.errors import Conflict, MusterError, Rejected, Unavailable
from shared.systems.quickbooks import PAYROLL, SYSTEM

IDS_AT_ONCE = SYSTEM.read_size
_BETWEEN = re.compile(r"[\s'`\u00b4\u2018\u2019\u02bc]+")


class QuickBooks:
    """One QuickBooks company (realm). Implements `ports.Connector`."""

    batch_size = SYSTEM.batch_size
    parallel_calls = 4
    settled_after_seconds = 120.0
    """Intuit ends a request by then."""
    keys_hold_seconds = 3600.0
    """Intuit does not say for how long it knows a key."""

    def __init__(self, session: Session, account: Account, clock: Clock) -> None:
        self._session = session
        self._realm = account.tenant_id
        self._payroll = PAYROLL in account.features
        self._clock = clock

    async def _employees(
        self, condition: str, *, bulk: bool = False
    ) -> tuple[list[RawRecord], dict[str, Any]]:
        """The employees under a condition, and the whole answer."""
        answer = await self._session.query(f"select * from Employee where {condition}", bulk=bulk)
        try:
            return [raw_record(one, "Id") for one in rows_of("Employee", answer)], answer
        except ValueError as error:
            raise other_shape() from error

    async def test(self) -> Tenant:
        """The company. QuickBooks does not repeat the id, but refuses a token of another company (403, code 3100)."""
        path = f"{self._session.base}/companyinfo/{quote(self._realm, safe='')}"
        answer = await self._session.ask("companyinfo", "GET", path, params={})
        try:
            info = answer["CompanyInfo"]
            preferences = {str(one["Name"]): str(one.get("Value")) for one in info.get("NameValue") or ()}
            name = str(info.get("CompanyName") or "")
        except (KeyError, TypeError, AttributeError) as error:
            raise other_shape() from error
        payroll = preferences.get("PayrollFeature", "").lower() == "true"
        return Tenant(self._realm, name, (PAYROLL,) if payroll else ())

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        """The directory's next page in the order of creation, inactive people included.

        Changes come by change data capture while that reaches far enough back and holds them all; else by a query. A full
        read ends where the count of everybody says: a short or empty page alone may be a broken answer, and anyone missing
        from a complete read counts as removed.
        """
        if since is not None and cursor is None:
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
                raise other_shape() from error
            if not new and (after.since, after.start) == (place.since, place.start):
                raise Unavailable("quickbooks: the directory ends before its count")
        cursor = after.cursor() if after else None
        return Page(new, cursor, requested_at, self._clock.now(), as_of or requested_at)

    async def _page(self, place: Place, since: datetime | None) -> tuple[list[RawRecord], datetime | None]:
        """The rows at a place, and QuickBooks' own time."""
        condition = ANYBODY
        if since:
            condition += f" and MetaData.LastUpdatedTime >= {literal(stamp(since))}"
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
        condition = ANYBODY + (f" and DisplayName LIKE {near}" if text else "")
        requested_at = self._clock.now()
        order = f"orderby DisplayName startposition {start} maxresults {limit}"
        records, _ = await self._employees(f"{condition} {order}")
        total = await self._count(condition, bulk=False)
        following = start + len(records)
        more = bool(records) and following <= total
        return Browsed(records, str(following) if more else None, total, requested_at, self._clock.now())

    async def _count(self, condition: str = ANYBODY, *, bulk: bool = True) -> int:
        answer = await self._session.query(f"select count(*) from Employee where {condition}", bulk=bulk)
        try:
            return int(answer["QueryResponse"]["totalCount"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise other_shape() from error

    async def _changes(self, since: datetime) -> Page | None:
        """The directory's changes; None when they must be read by a query."""
        requested_at = self._clock.now()
        found = await self._session.changed("Employee", since)
        if found is None:
            return None
        try:
            records = [raw_record(one, "Id") for one in found.there]
        except ValueError as error:
            raise other_shape() from error
        return Page(records, None, requested_at, self._clock.now(), found.as_of or requested_at, found.gone)

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """QuickBooks leaves empty fields out, so what it can carry and does not show is null."""
        return wire.parse(raw)

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | Unread]:
        """These employees by Id, inactive ones too; one that does not exist is left out."""
        found: dict[str, Remote | Unread] = {}
        for start in range(0, len(remote_ids), IDS_AT_ONCE):
            ids = ",".join(map(literal, remote_ids[start : start + IDS_AT_ONCE]))
            records, _ = await self._employees(f"Id in ({ids}) and {ANYBODY} maxresults {IDS_AT_ONCE}")
            found |= {raw.remote_id: self.parse(raw) for raw in records}
        return found

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        """One POST, or one batch; `requestid` makes a repetition answer what the first one did."""
        return batches.prepared(self._session.base, key, writes, payroll=self._payroll)

    async def send(self, call: PreparedCall, *, again: bool = False) -> Sequence[Written]:
        """Send it. A batch answer that misses an item is asked for once more; then that item's outcome is unknown."""
        if not call.path.partition("?")[0].endswith("/batch"):
            (member,) = call.members
            try:
                item, answer = await self._send(call, "write", again=again)
                return [batches.written(member, item, answer, again=again)]
            except (Rejected, Conflict) as error:
                return [Written(member, error=error)]
        try:
            body, answer = await self._send(call, "batch", again=again)
        except answers.TooLarge as error:
            if len(call.members) == 1:
                return [Written(call.members[0], error=error)]
            return await self._send_halves(call, again=again)
        items = batches.by_number(body)
        written = {
            n: batches.written(m, items[n], answer, again=again)
            for n, m in batches.numbered(call)
            if n in items
        }
        if len(written) < len(call.members):
            with suppress(MusterError):
                body, answer = await self._send(call, "batch", again=True)
                items = batches.by_number(body)
            missing = [(n, m) for n, m in batches.numbered(call) if n not in written]
            written |= {n: batches.written(m, items.get(n), answer, again=True) for n, m in missing}
        return [written[n] for n, _ in batches.numbered(call)]

    async def _send_halves(self, call: PreparedCall, *, again: bool) -> list[Written]:
        written: list[Written] = []
        for half in batches.halves(self._session.base, call):
            try:
                written += await self.send(half, again=again)
            except MusterError as error:
                written += [Written(member, error=error) for member in half.members]
        return written

    async def _send(self, call: PreparedCall, operation: str, *, again: bool) -> Exchange:
        path, _, query = call.path.partition("?")
        params = {"requestid": query.removeprefix("requestid=")}
        return await self._session.exchange(
            operation, call.method, path, params=params, body=call.body, again=again
        )

    async def find_created(self, write: Write) -> Remote | None:
        """The one of that name whose number or e-mail is what was to be created. Neither can be asked for directly."""
        body = wire.body_of(write, payroll=self._payroll)
        name = body.get("DisplayName") or wire.default_name(body)
        records, _ = await self._employees(f"DisplayName = {literal(name)} and {ANYBODY}")
        found = [one for one in map(self.parse, records) if isinstance(one, Remote)]
        return next((one for one in found if was_created_by(write, one)), None)

    async def find_holders(self, field: str, value: str) -> Sequence[Holder]:
        """The vendor or customer of this display name, inactive ones too."""
        return await names.find_holders(self._session, value) if field == "display_name" else ()

    async def read_names(
        self, kind: str, cursor: str | None, *, since: datetime | None = None
    ) -> NamesPage | None:
        """Customers or vendors: all by a query for their names alone, changes by a call of their own."""
        if since is not None:
            return await names.changed(self._session, kind, since)
        return await names.read_page(self._session, kind, cursor)

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()


def open_connector(
    account: Account, company: UUID, http: Http, gate: Gate, vault: Vault, clock: Clock
) -> QuickBooks:
    """A connector for one account."""
    tokens = Tokens(vault, company, account.account_id, clock, http)
    return QuickBooks(Session(http, gate, tokens, account, clock), account, clock)
