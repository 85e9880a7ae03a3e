"""One Linarc company: its calls and its pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import orjson

from shared.clock import Clock
from shared.connectors.client import Http, HttpResponse, raw_record, was_created_by
from shared.connectors.limits import Gate
from shared.connectors.linarc import answers, wire
from shared.connectors.ports import Browsed, NamesPage, Page, PreparedCall, RawRecord, Tenant, Write, Written
from shared.connectors.vault import Credential, Vault
from shared.domain.employee import Remote, Unread
from shared.domain.settings import Account
from shared.domain.values import Holder
from shared.errors import Conflict, RateLimited, Rejected, Unauthorized, Unavailable
from shared.systems.linarc import SYSTEM

PAGE = 1000
_PATH = "/api/v1/employees"
_NO_IDS = frozenset({"", ".", ".."})
"""They would be another address, however they are quoted."""
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
    ) -> HttpResponse:
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
                raise Unauthorized(SYSTEM.id, _REFUSED)

    async def test(self) -> Tenant:
        """The tenant that Linarc reports."""
        company = answers.read(await self._ask("company", "GET", "/api/v1/company"))
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
        answer = answers.read(await self._ask("query", "GET", _PATH, params=params, bulk=since is None))
        try:
            records = [raw_record(one, "id") for one in answer["employees"]]
            as_of, following, total = (
                wire.instant(answer["as_of"]),
                answer["next_cursor"],
                int(answer["total"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("linarc: an answer of another shape") from error
        read = int(before) + len(records)
        if following is None and since is None and read < total:
            raise Unavailable("linarc: the directory ends before its total")
        after = f"{read}:{following}" if following is not None else None
        return Page(records, after, requested_at, self._clock.now(), as_of)

    async def browse(self, text: str, cursor: str | None, limit: int) -> Browsed:
        """People in the order of ids; `text` is looked for in names, numbers and e-mail addresses."""
        params = (
            {"limit": str(limit)} | ({"q": text} if text else {}) | ({"cursor": cursor} if cursor else {})
        )
        requested_at = self._clock.now()
        answer = await self._ask("browse", "GET", _PATH, params=params)
        if cursor and answer.status == httpx.codes.UNPROCESSABLE_ENTITY:
            raise ValueError("a cursor that Linarc does not know")
        found = answers.read(answer)
        try:
            records = [raw_record(one, "id") for one in found["employees"]]
            following, total = found["next_cursor"], int(found["total"])
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("linarc: an answer of another shape") from error
        return Browsed(records, following, total, requested_at, self._clock.now())

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """A raw record in canonical words."""
        return wire.parse(raw)

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
        found = answers.read(answer)
        return self.parse(raw_record(found, "id")) if found.get("id") == remote_id else None

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        """One creation (as Draft) or one update of the fields that differ, guarded by the tag just read."""
        (write,) = writes
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        fields = dict(write.fields)
        active = fields.pop("active", None)
        body = orjson.dumps(wire.body_of(fields, write.current)).decode()
        if write.current is None:
            return PreparedCall(key, "POST", _PATH, body, headers, [write.push_id])
        headers["If-Match"] = f'"{write.current.version}"'
        path = f"{_PATH}/{quote(write.current.remote_id, safe='')}"
        if active is None:
            return PreparedCall(key, "PATCH", path, body, headers, [write.push_id])
        if fields.keys() - {"end_date"}:
            raise ValueError("Linarc activates and deactivates in a call of its own")
        path += "/reactivate" if active else "/deactivate"
        return PreparedCall(key, "POST", path, body, headers, [write.push_id])

    async def send(
        self,
        call: PreparedCall,
        *,
        again: bool = False,  # noqa: ARG002  (a refusal of Linarc always means what it says)
    ) -> Sequence[Written]:
        """Send it. A refusal is the member's outcome; anything else is raised."""
        (member,) = call.members
        update = call.path != _PATH
        operation = "update" if update else "create"
        answer = await self._ask(
            operation, call.method, call.path, writes=True, headers=call.headers, content=call.body.encode()
        )
        if answer.status == httpx.codes.NOT_FOUND and update:
            gone = Rejected("deleted_at_destination")
            gone.received = answers.kept_answer(answer, {})
            return [Written(member, error=gone)]
        kept = None
        try:
            body = answers.read(answer, writes=True)
            kept = answers.kept_answer(answer, body)
            parsed = self.parse(raw_record(body, "id"))
        except (Rejected, Conflict) as error:
            return [Written(member, error=error)]
        except ValueError:
            parsed = Unread("", "unreadable")
        if isinstance(parsed, Unread):
            unknown = Unavailable("linarc: an answer that cannot be read", outcome_unknown=True)
            unknown.received = kept
            raise unknown
        return [Written(member, remote=parsed, received=kept)]

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

    async def read_names(self, kind: str, cursor: str | None, *, since: datetime | None = None) -> NamesPage:  # noqa: ARG002
        """No names: Linarc has no other list."""
        return NamesPage([], None, self._clock.now())

    async def find_holders(self, field: str, value: str) -> Sequence[Holder]:  # noqa: ARG002
        """Nobody: all people of Linarc are employees."""
        return []

    async def close(self) -> None:
        """Give the connections back."""
        await self._gate.close()
        await self._http.close()


def open_connector(
    account: Account, company: UUID, http: Http, gate: Gate, vault: Vault, clock: Clock
) -> Linarc:
    """A connector for one account."""
    return Linarc(http, gate, vault, company, account, clock)
