"""Calls to one QuickBooks company, each with a token that is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from shared.clock import Clock
from shared.connectors.client import Http, HttpResponse
from shared.connectors.limits import Gate
from shared.connectors.oauth import Tokens
from shared.connectors.quickbooks import answers, wire
from shared.domain.settings import Account
from shared.errors import Unauthorized, Unavailable

MINOR_VERSION = "75"
CHANGES_AT_MOST = 1000
_CHANGES_WITHIN = timedelta(days=29, hours=12)
"""Intuit gives 30 days; ours and its clock may differ, and a call may wait."""
ANYBODY = "Active in (true,false)"
"""A condition: QuickBooks shows the active ones alone unless it is asked for others."""

Exchange = tuple[dict[str, Any], HttpResponse]
"""The JSON of a good answer, and the answer."""


class Changed(NamedTuple):
    """The objects that were changed, the ids of those that are gone, and QuickBooks' own time."""

    there: Sequence[Any]
    gone: Sequence[str]
    as_of: datetime | None


class Session:
    """One company's calls, within its limits."""

    def __init__(self, http: Http, gate: Gate, tokens: Tokens, account: Account, clock: Clock) -> None:
        self._http = http
        self._gate = gate
        self._tokens = tokens
        self.clock = clock
        self.base = f"/v3/company/{quote(account.tenant_id, safe='')}"
        """What every path begins with."""

    async def ask(self, operation: str, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The JSON of a good answer."""
        body, _ = await self.exchange(operation, method, path, **more)
        return body

    async def exchange(self, operation: str, method: str, path: str, **more: Any) -> Exchange:
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
    ) -> Exchange:
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

    async def query(self, statement: str, *, bulk: bool = False) -> dict[str, Any]:
        """What a statement of Intuit's query language finds."""
        return await self.ask("query", "GET", f"{self.base}/query", params={"query": statement}, bulk=bulk)

    async def changed(self, entity: str, since: datetime) -> Changed | None:
        """What changed, in one answer; None when that was too long ago, or the answer holds as many as it can.

        There is no second page.
        """
        if since <= self.clock.now() - _CHANGES_WITHIN:
            return None
        params = {"entities": entity, "changedSince": stamp(since)}
        try:
            answer = await self.ask("cdc", "GET", f"{self.base}/cdc", params=params)
        except answers.TooOld:
            return None
        try:
            (found,) = answer["CDCResponse"][0]["QueryResponse"]
            changed = found.get(entity) or []
            # A stub of one who is gone says so, and nothing else: it must not be read as a record.
            gone = [str(one["Id"]) for one in changed if one.get("status") == "Deleted"]
            there = [one for one in changed if one.get("status") != "Deleted"]
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise other_shape() from error
        if len(changed) >= CHANGES_AT_MOST:
            return None
        return Changed(there, gone, wire.instant(answer.get("time")))

    async def close(self) -> None:
        """Give the connections back."""
        await self._tokens.close()
        await self._gate.close()
        await self._http.close()


def rows_of(entity: str, answer: Mapping[str, Any]) -> Sequence[Any]:
    """What a query found of an entity. Raises `Unavailable` for an answer of another shape."""
    try:
        return answer["QueryResponse"].get(entity) or ()
    except (KeyError, TypeError, AttributeError) as error:
        raise other_shape() from error


def other_shape() -> Unavailable:
    """The answer is not what Intuit documents."""
    return Unavailable("quickbooks: an answer of another shape")


def stamp(at: datetime) -> str:
    """A moment, as Intuit writes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
