"""Puts notices together into messages, one a receiver and time, and sends them: by mail, or to a company's channels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, get_args

import httpx
import orjson

from services.gateway.core.notice_words import Line, Shape, body_of, mail_text, subject_of, worded
from services.gateway.core.notices import Notice, collapsed, send_at
from services.gateway.settings import Settings
from services.gateway.store import notice_settings, notices
from services.gateway.store.notices import Due
from services.gateway.worker.mail import send_mail, write_mail
from shared.backoff import backoff_seconds
from shared.clock import Clock
from shared.db.seal import Sealer, SealError
from shared.db.tx import Database
from shared.db.work import Wakeup, keep_working
from shared.egress import Allowed, Blocked, GuardedTransport
from shared.standard_webhooks import signed_headers
from shared.telemetry.logs import log
from shared.telemetry.metrics import UNDELIVERED, WORK

_LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=30)
_TOTAL_SECONDS = 15.0
_LEASE_SECONDS = 180.0
"""Longer than a mail server that is slow at every step."""
_GIVE_UP = timedelta(days=1)
_MANY_TRIES = 3
"""Within half a minute; then the receiving server fails, and not just once."""
_KEPT_DAYS = 30
_PRUNE_SECONDS = 300.0
_GONE = 410


class Notifier:
    """The loops that send. Any number of copies may run them."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._sealer = Sealer(settings.vault.listed())
        self.wakeup = Wakeup()
        """There is something to send."""
        self._http = httpx.AsyncClient(
            transport=GuardedTransport(Allowed(None, settings.egress.loopback), _LIMITS),
            timeout=httpx.Timeout(10, connect=5),
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "Muster"},
        )

    @property
    def loops(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What runs as long as the process."""
        return [partial(keep_working, "notices.send", self.step, self.wakeup), self._prune]

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def step(self) -> bool:
        """Make the messages whose time has come, and send what is due."""
        async with self._database.system() as tx:
            undelivered = await notices.count_undelivered(tx, _MANY_TRIES)
            pending = await notices.is_pending(tx)
        for channel in ("mail", *get_args(Shape)):
            UNDELIVERED.labels(channel=channel).set(undelivered.get(channel, 0))
        if not pending:
            return False
        await self._gather()
        async with self._database.system() as tx:
            due = await notices.claim_messages(tx, _LEASE_SECONDS)
        await asyncio.gather(*(self._send(one, of) for one, of in due))
        return bool(due)

    async def _gather(self) -> None:
        now = self._clock.now()
        async with self._database.system() as tx:
            if not await notices.try_lock_watch(tx):
                return
            waiting = await notices.load_waiting(tx)
            ready = {
                one.receiver_id: self._clock.new_id()
                for one in waiting
                if send_at(max(one.first_at, now), one.sent, one.habits) <= now
            }
            if ready:
                await notices.gather_messages(tx, ready)

    async def _send(self, due: Due, of: Sequence[Notice]) -> None:
        lines = [worded(one, self._settings.console_url) for one in collapsed(of)]
        answer, state = await (self._mail(due, lines) if due.email else self._post(due, lines))
        if state == "waiting" and self._clock.now() - due.created_at > _GIVE_UP:
            state = "failed"
        async with self._database.system() as tx:
            await notices.record_try(
                tx, due, answer, state, backoff_seconds(due.tries + 1, first=5, most=3600)
            )
            if answer == str(_GONE) and due.shape:
                await notice_settings.stop_channel(tx, due.receiver_id)
        WORK.labels(kind=f"notice.{due.shape or 'mail'}", outcome=state).inc()
        log.info("notice.tried", outcome=state, status=answer, count=len(lines))

    async def _mail(self, due: Due, lines: Sequence[Line]) -> tuple[str, str]:
        settings = self._settings.mail
        if not settings.host:
            return "no mail server is set up", "failed"
        link = f"{self._settings.console_url.rstrip('/')}/c/{lines[0].company_id}/notifications"
        text = mail_text(lines, link, due.time_zone)
        try:
            mail = write_mail(
                settings, due.message_id, due.email or "", subject_of(lines), text, self._clock.now()
            )
        except ValueError:
            return "the address cannot be written to", "failed"
        return await asyncio.to_thread(send_mail, settings, mail)

    async def _post(self, due: Due, lines: Sequence[Line]) -> tuple[str, str]:
        if due.shape is None or due.company_id is None or due.sealed is None or due.key_id is None:
            return "the channel was removed", "failed"
        try:
            address = notice_settings.open_address(
                self._sealer, due.company_id, due.receiver_id, due.key_id, due.sealed
            )
        except SealError:
            return "the address cannot be opened", "waiting"
        body = orjson.dumps(body_of(due.shape, due.message_id, lines))
        headers = {"Content-Type": "application/json"}
        if address.secret:
            headers |= signed_headers([address.secret], str(due.message_id), self._clock.now(), body)
        try:
            async with asyncio.timeout(_TOTAL_SECONDS):
                request = self._http.build_request("POST", address.url, content=body, headers=headers)
                response = await self._http.send(request, stream=True)
                await response.aclose()
        except TimeoutError:
            return "no answer in time", "waiting"
        except Blocked:
            return "the address may not be called", "waiting"
        except httpx.HTTPError as error:
            return type(error).__name__, "waiting"
        if response.is_success:
            return str(response.status_code), "delivered"
        return str(response.status_code), "failed" if response.status_code == _GONE else "waiting"

    async def _prune(self) -> None:
        while True:
            async with self._database.system() as tx:
                await notices.prune_messages(tx, _KEPT_DAYS)
            await asyncio.sleep(_PRUNE_SECONDS)
