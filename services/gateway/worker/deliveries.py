"""Deliveries of events to other programs: note what is new for each address, send what is due, record the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx

from services.gateway.core import good_secrets
from services.gateway.settings import Settings
from services.gateway.store import deliveries, endpoints
from services.gateway.store.audit import Entry, Source, add_entry
from services.gateway.store.deliveries import Due
from shared.backoff import backoff_seconds
from shared.clock import Clock
from shared.db.seal import Sealer, SealError
from shared.db.tx import Database
from shared.db.work import Wakeup, keep_working
from shared.egress import Allowed, Blocked, GuardedTransport
from shared.errors import Unavailable, where
from shared.http.internal import Internal
from shared.http.problems import ProblemError
from shared.standard_webhooks import signed_headers
from shared.telemetry.logs import log
from shared.telemetry.metrics import DELIVERIES, WORK

PAGE = 200
AT_ONCE = 50
"""Deliveries that one process tries at the same time."""
_LIMITS = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=20, keepalive_expiry=30)
_TIMEOUT = httpx.Timeout(10, connect=5)
_TOTAL_SECONDS = 15.0
"""httpx limits each read, not the sum of them."""
_GIVE_UP = timedelta(days=1)
_KEPT_DAYS = 30
_PRUNE_SECONDS = 300.0
_GONE = 410
_INTERNAL = Source("", "muster")


class Deliveries:
    """The loops that deliver. Any number of copies may run them."""

    def __init__(self, database: Database, history: Internal, settings: Settings, clock: Clock) -> None:
        self._database, self._history, self._clock = database, history, clock
        self._sealer = Sealer(settings.vault.listed())
        self._noting, self._sending = Wakeup(), Wakeup()
        self._under_way: dict[asyncio.Task[None], Due] = {}
        self._moved: set[UUID] = set()
        self._companies: frozenset[UUID] = frozenset()
        """Those that have active addresses, as of the last look: what moves elsewhere costs nothing."""
        self._http = httpx.AsyncClient(
            transport=GuardedTransport(Allowed(None, settings.egress.loopback), _LIMITS),
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "Muster"},
        )

    def moved(self, company: UUID) -> None:
        """Something happened in this company: where it has addresses, look for it at once."""
        if company in self._companies:
            self._look(company)

    def _look(self, company: UUID) -> None:
        self._moved.add(company)
        self._noting.notify()

    def wake(self, company: UUID | None) -> None:
        """There may be something to deliver: of this company, or what was noted already."""
        if company is not None:
            self._look(company)
        self._sending.notify()

    @property
    def loops(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What runs as long as the process."""
        return [
            partial(keep_working, "deliveries.note", self._note, self._noting),
            self._keep_sending,
            self._prune,
        ]

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def _note(self) -> bool:
        moved, self._moved = self._moved, set()
        async with self._database.system() as tx:
            looked = await endpoints.take_endpoints(tx, moved)
            self._companies = await endpoints.active_companies(tx)
        more = False
        for row in looked:
            company, endpoint, place = row["company_id"], row["endpoint_id"], row["place"]
            try:
                page = await self._history.get(
                    "/feed", company=company, after=place, types=list(row["types"]) or None, limit=PAGE
                )
            except ProblemError:
                continue
            if page["next"] > place:
                async with self._database.transaction([company]) as tx:
                    await deliveries.note_deliveries(
                        tx, company, endpoint, place, page["next"], page["items"]
                    )
                self._sending.notify()
            if page["next"] < page["head"]:
                self._moved.add(company)
                more = True
        return more

    async def _keep_sending(self) -> None:
        async with asyncio.TaskGroup() as group:
            await keep_working("deliveries.send", partial(self._send, group), self._sending)

    async def _send(self, group: asyncio.TaskGroup) -> bool:
        """Begin what is due, where there is room. What ends wakes this loop; nothing waits for what else is under way."""
        if (room := AT_ONCE - len(self._under_way)) == 0:
            return False
        async with self._database.system() as tx:
            due = await deliveries.claim_deliveries(tx, room, self._under_way.values())
        for one in due:
            task = group.create_task(self._deliver(one))
            self._under_way[task] = one
            task.add_done_callback(self._ended)
        return bool(due)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._sending.notify()

    async def _deliver(self, due: Due) -> None:
        try:
            await self._record(due, *await self._try(due))
        except Unavailable as error:  # it comes again when the lease has ended
            log.warning("work.pause", operation="deliveries.send", outcome=str(error))
        except Exception as error:  # noqa: BLE001  (whatever it is, it ends one delivery's try, not everybody's)
            _bug(error)

    async def _record(self, due: Due, answer: str, delivered: bool) -> None:  # noqa: FBT001  (what `_try` answers)
        age = self._clock.now() - due.created_at
        state = "delivered" if delivered else "failed" if age > _GIVE_UP else "waiting"
        gone = answer == str(_GONE)
        async with self._database.transaction([due.company_id]) as tx:
            after = await deliveries.record_try(
                tx, due, answer, state, backoff_seconds(due.tries + 1, first=5, most=3600), gone=gone
            )
            if after == "disabled" and not delivered:
                reason = "gone" if gone else "nothing arrived for a day"
                entry = Entry("endpoint.disabled", "system", _INTERNAL, str(due.endpoint_id), reason)
                await add_entry(tx, [due.company_id], entry)
        DELIVERIES.labels(outcome=state).inc()
        log.info("delivery.tried", outcome=state, company_id=str(due.company_id), status=answer)

    async def _try(self, due: Due) -> tuple[str, bool]:
        """How it went, in a word or an HTTP status, and whether it arrived."""
        try:
            headers = self._signed(due)
        except SealError:
            return "the secret cannot be opened", False
        try:
            async with asyncio.timeout(_TOTAL_SECONDS):
                request = self._http.build_request("POST", due.url, content=due.body, headers=headers)
                response = await self._http.send(request, stream=True)
                await response.aclose()
        except TimeoutError:
            return "no answer in time", False
        except Blocked:
            return "the address may not be called", False
        except httpx.HTTPError as error:
            return type(error).__name__, False
        except Exception as error:  # noqa: BLE001  (a failed try like any other, and one that is seen)
            _bug(error)
            return "it could not be sent", False
        return str(response.status_code), response.is_success

    def _signed(self, due: Due) -> dict[str, str]:
        stored = endpoints.open_secrets(self._sealer, due.company_id, due.endpoint_id, due.key_id, due.sealed)
        now, event = self._clock.now(), str(due.event_id)
        secrets = good_secrets(stored, now)
        return {"Content-Type": "application/json", **signed_headers(secrets, event, now, due.body.encode())}

    async def _prune(self) -> None:
        while True:
            async with self._database.system() as tx:
                await deliveries.prune_deliveries(tx, _KEPT_DAYS)
            await asyncio.sleep(_PRUNE_SECONDS)


def _bug(error: Exception) -> None:
    log.error("work.failed", operation="deliveries.send", outcome=type(error).__name__, where=where(error))
    WORK.labels(kind="deliveries.send", outcome="error").inc()
