"""Verify a delivery, keep its events with the hints that follow from them, and only then say that it was taken."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from starlette.responses import JSONResponse, Response

from services.gateway.settings import Settings
from services.gateway.store import webhooks as store
from services.gateway.store.webhooks import Receipt
from services.gateway.webhooks.known import Known
from shared.clock import Clock
from shared.connectors.opening import webhooks_of
from shared.connectors.ports import Notice
from shared.contracts.events import Reported, SourceChanged
from shared.db.seal import Sealer
from shared.db.tx import Database
from shared.domain.values import Lane
from shared.errors import Unavailable, where
from shared.http.problems import problem
from shared.messaging import dead_letters
from shared.messaging.dead_letters import DeadLetter, Raw
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.logs import log
from shared.telemetry.metrics import DEAD_LETTERED, WEBHOOKS

ANSWER_SECONDS = 2.5
"""Both systems give three."""
AT_ONCE = 500
"""Deliveries that wait to be kept; more are told to come again."""
REFRESH_SECONDS = 2.0
"""How soon a copy of gateway knows a secret that another one made; the sender tries again after seconds."""
RECEIPT_DAYS = 7
_HOUR, _MINUTE = 3600 / REFRESH_SECONDS, 60 / REFRESH_SECONDS


@dataclass(eq=False, slots=True)
class _Waiting:
    """The events of one delivery that are to be kept; `kept` is whether they are, once that is known."""

    receipts: Sequence[Receipt]
    kept: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Receiver:
    """Takes deliveries. Those that come while a transaction is under way share the next one."""

    def __init__(
        self, database: Database, outbox: Outbox, clock: Clock, settings: Settings, known: Known
    ) -> None:
        self.known = known
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._settings = settings
        self._waiting: deque[_Waiting] = deque()
        self._turn = asyncio.Lock()
        self._forged = 0

    async def run(self) -> None:
        """Learn of secrets that other copies make, and keep the partitions of receipts."""
        rounds = 0
        while True:
            with suppress(Unavailable):  # what is known stays; deliveries are answered 503 by themselves
                await self.known.refresh()
                if rounds % _HOUR == 0:
                    async with self._database.system() as tx:
                        await store.keep_receipts(tx, RECEIPT_DAYS)
                rounds += 1
            if self._forged and rounds % _MINUTE == 0:
                log.warning("webhook.forged", count=self._forged)
                self._forged = 0
            await asyncio.sleep(REFRESH_SECONDS)

    async def refusal(self, system: str, account: UUID | None) -> Response | None:
        """The answer to what comes to an address that nothing is taken at: before any of it is read."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                secrets = await self.known.secrets(system, account, self._clock.now())
        except (Unavailable, TimeoutError):
            return self._unavailable(system)
        return None if secrets else self._refuse(system)

    async def answer(
        self, system: str, account: UUID | None, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Of one delivery. It is 200 only when its events are kept, or are nobody's."""
        now = self._clock.now()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                secrets = await self.known.secrets(system, account, now)
                if not webhooks_of(system).is_authentic(headers, body, secrets, now):
                    return self._refuse(system)
                outcome = await self._take(system, account, headers, body)
        except (Unavailable, TimeoutError):
            return self._unavailable(system)
        WEBHOOKS.labels(system=system, outcome=outcome).inc()
        return JSONResponse({"outcome": outcome})

    def _refuse(self, system: str) -> Response:
        self._forged += 1
        WEBHOOKS.labels(system=system, outcome="forged").inc()
        return problem("unauthenticated", "This is not signed with a secret of this address.")

    def _unavailable(self, system: str) -> Response:
        WEBHOOKS.labels(system=system, outcome="unavailable").inc()
        return problem("unavailable", "Send this again in a few seconds.")

    async def _take(self, system: str, account: UUID | None, headers: Mapping[str, str], body: bytes) -> str:
        try:
            delivery = webhooks_of(system).read(headers, body)
        except ValueError as error:
            await self._keep_unreadable(system, account, body, where(error))
            return "unreadable"
        if not delivery.complete:
            await self._keep_unreadable(system, account, body, "some of its events")
        receipts = list(self._receipts(system, account, delivery.notices))
        if receipts:
            await self._keep(receipts)
        if not delivery.complete:
            return "unreadable"
        return "accepted" if receipts else "unknown"

    def _receipts(self, system: str, account: UUID | None, notices: Sequence[Notice]) -> Iterable[Receipt]:
        for notice in notices:
            for endpoint in self.known.of(system, account, notice.tenant_id):
                yield Receipt(
                    notice.at,
                    endpoint.account_id,
                    notice.event_id,
                    endpoint.company_id,
                    notice.kind,
                    notice.remote_id,
                    notice.version,
                )

    async def _keep(self, receipts: Sequence[Receipt]) -> None:
        """Returns once they are committed. Who gets the turn writes for all that wait. Raises `Unavailable`."""
        if len(self._waiting) >= AT_ONCE:
            raise Unavailable("too many deliveries wait")
        mine = _Waiting(receipts)
        self._waiting.append(mine)
        async with self._turn:
            while not mine.kept.done():
                await self._write()
        if not await mine.kept:
            raise Unavailable("the transaction that should have kept it failed")

    async def _write(self) -> None:
        """Keep what waits, about 500 events in one transaction; a delivery is told afterwards whether it was."""
        together: list[_Waiting] = []
        events = 0
        while self._waiting and events < AT_ONCE:
            together.append(self._waiting.popleft())
            events += len(together[-1].receipts)
        done = False
        try:
            await self._commit([receipt for one in together for receipt in one.receipts])
            done = True
        except Unavailable as error:
            log.warning("http.unavailable", outcome=str(error))
        finally:
            for one in together:
                if not one.kept.done():
                    one.kept.set_result(done)

    async def _commit(self, receipts: Sequence[Receipt]) -> None:
        async with self._database.transaction({r.company_id for r in receipts}) as tx:
            hints: defaultdict[tuple[UUID, UUID], list[Reported]] = defaultdict(list)
            for new in await store.add_receipts(tx, receipts):
                if new.remote_id:
                    told = Reported(remote_id=new.remote_id, version=new.version, at=new.event_time)
                    hints[new.company_id, new.account_id].append(told)
            outgoing = [
                Outgoing(
                    SourceChanged.of(account, sorted({one.remote_id for one in reported}), reported),
                    company,
                    lane=Lane.REAL_TIME,
                )
                for (company, account), reported in sorted(hints.items())
            ]
            await self._outbox.append(tx, outgoing)

    async def _keep_unreadable(self, system: str, account: UUID | None, body: bytes, detail: str) -> None:
        """Sealed, where `muster dead-letters` shows it; the same body twice is one. Raises `Unavailable`."""
        number = int.from_bytes(hashlib.sha256(body).digest()[:8]) >> 1
        endpoint = self.known.find(account)
        kept = DeadLetter(
            f"webhooks.{system}",
            0,
            number,
            "unreadable",
            detail,
            Raw(None, (), body),
            endpoint.company_id if endpoint else None,
        )
        async with self._database.system() as tx:
            new = await dead_letters.add(tx, Sealer(self._settings.dead_letter_keys()), [kept])
        for reason in new:
            DEAD_LETTERED.labels(topic=kept.topic, reason=reason).inc()
            log.error("webhook.unreadable", system=system, where=detail)
