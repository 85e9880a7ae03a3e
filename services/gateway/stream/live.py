"""The live stream to pages: hints of what moved, never rows. A page fetches again what it shows.

A frame's id is a place in `views.v1`, partition and offset, so every copy of gateway can go on where another one ended.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from services.gateway.core import Ring, frame, read, resync
from shared.backoff import backoff_seconds
from shared.contracts.events import ViewChanged
from shared.contracts.topics import VIEWS
from shared.errors import Unavailable
from shared.http.problems import ProblemError
from shared.messaging.outbox import partition_of
from shared.messaging.tail import open_tail
from shared.settings import KafkaSettings
from shared.telemetry.logs import log

MERGE_SECONDS = 0.1
QUEUE = 200
CREDENTIAL_MOST, COMPANY_MOST = 20, 200
"""Streams that one session or key, and all of a company's together, have open at one copy of gateway."""
RECENT = 1_000
"""Hints of each partition that are read when a copy starts."""
_ID = re.compile(r"([0-9]{1,5})-([0-9]{1,18})")
Listener = tuple[str, UUID]
Good = Callable[[Collection[str]], Awaitable[set[Listener]]]
"""Of these credentials those that may still look, each with its companies."""


@dataclass(eq=False, slots=True)
class Client:
    """One open page. One that does not read is let go; it comes back with its last id."""

    company: UUID
    last: str | None
    credential: str
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, frame_: bytes) -> None:
        """Send this next."""
        try:
            self.queue.put_nowait(frame_)
        except asyncio.QueueFull:
            log.info("stream.slow", outcome="let_go", company_id=str(self.company))
            self.over.set()


@dataclass(eq=False, slots=True)
class Audience:
    """A company's open pages, and the hints that wait to be merged for them."""

    clients: set[Client] = field(default_factory=set)
    waiting: list[tuple[int, bytes]] = field(default_factory=list)
    told_at: float = 0.0
    timer: asyncio.TimerHandle | None = None


class Live:
    """What this process hears, and who listens. A frame is made once for all pages of a company."""

    def __init__(
        self,
        kafka: KafkaSettings,
        beat_seconds: float,
        check_seconds: float,
        good: Good,
        on_moved: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        """Every `beat_seconds` a page gets a sign of life; every `check_seconds` all are checked together with `good`.

        `on_moved` is told each company in which something moved.
        """
        self.beat_seconds = beat_seconds
        self._check_seconds = check_seconds
        self._good = good
        self._on_moved = on_moved
        self._kafka = kafka
        self._rings: dict[int, Ring] = {}
        self._ready = self._stopping = False
        self._audiences: dict[UUID, Audience] = {}
        self._open: Counter[str] = Counter()
        """Streams by credential."""

    async def run(self) -> None:
        """Read `views.v1` until cancelled. After a failure, start again; pages that stayed get what they missed."""
        failures = 0
        while True:
            try:
                await self._hear()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("stream.wait", outcome=type(error).__name__)
            failures = 1 if self._ready else failures + 1
            self._ready = False
            await asyncio.sleep(backoff_seconds(failures, first=0.2, most=5.0))

    async def _hear(self) -> None:
        async with open_tail(self._kafka, VIEWS, "gateway-stream", RECENT) as tail:
            self._rings = {partition: Ring(start) for partition, start in tail.starts.items()}
            while any(self._rings[p].next < end for p, end in tail.ends.items()):
                for record in await tail.poll():
                    self._keep(record)
            self._ready = True
            for client in [c for a in self._audiences.values() for c in a.clients]:
                self._welcome(client)
            while True:
                for record in await tail.poll():
                    self._tell(record)

    def stop(self) -> None:
        """Let everybody go: the process is ending."""
        self._stopping = True
        for audience in self._audiences.values():
            for client in audience.clients:
                client.over.set()

    async def watch(self) -> None:
        """End the streams of sessions and keys that have ended, wherever that was, until cancelled."""
        while True:
            await asyncio.sleep(self._check_seconds)
            listening = [client for a in self._audiences.values() for client in a.clients]
            if not listening:
                continue
            try:
                good = await self._good({client.credential for client in listening})
            except Unavailable:
                log.warning("stream.check", outcome="unavailable")
                continue
            for client in listening:
                if (client.credential, client.company) not in good:
                    client.over.set()

    def end(self, credentials: Collection[str]) -> None:
        """End the streams of these sessions and keys now."""
        for audience in self._audiences.values():
            for client in audience.clients:
                if client.credential in credentials:
                    client.over.set()

    def join(self, company: UUID, last: str | None, credential: str) -> Client:
        """Listen to a company, from `last` on, or from now. Raises `too-many`."""
        audience = self._audiences.get(company)
        if self._open[credential] >= CREDENTIAL_MOST or (audience and len(audience.clients) >= COMPANY_MOST):
            raise ProblemError("too-many", "Too many streams are open. Close some first.", retry_after=60)
        self._open[credential] += 1
        client = Client(company, last, credential)
        self._audiences.setdefault(company, Audience()).clients.add(client)
        if self._stopping:
            client.over.set()
        elif self._ready:
            self._flush(company)
            self._welcome(client)
        elif last is None:
            client.last = ""  # it must learn what moves until this copy hears
        return client

    def leave(self, client: Client) -> None:
        """Listen no more."""
        self._open[client.credential] -= 1
        if not self._open[client.credential]:
            del self._open[client.credential]
        audience = self._audiences[client.company]
        audience.clients.discard(client)
        if not audience.clients:
            if audience.timer is not None:
                audience.timer.cancel()
            del self._audiences[client.company]

    def beat(self, client: Client) -> bytes:
        """A sign of life. Where nothing waits it moves the page's id on, so that a quiet company's never gets too old."""
        if self._ready:
            self._flush(client.company)
            if client.queue.empty():
                client.last = self._place(client.company)
                return b": ping\nid: %b\n\n" % client.last.encode()
        return b": ping\n\n"

    def _partition(self, company: UUID) -> int:
        return partition_of(str(company).encode(), self._kafka.partitions)

    def _place(self, company: UUID, position: int | None = None) -> str:
        partition = self._partition(company)
        return f"{partition}-{self._rings[partition].next if position is None else position}"

    def _welcome(self, client: Client) -> None:
        """What it missed in one frame; everything, where that is not known; or only the place where it begins."""
        place, missed = self._place(client.company), self._missed(client)
        client.last = place
        if missed is None:
            client.put(resync(place))
        elif missed:
            client.put(frame(place, missed))
        else:
            client.put(b"id: %b\n\n" % place.encode())

    def _missed(self, client: Client) -> list[ViewChanged] | None:
        if client.last is None:
            return []
        partition, match = self._partition(client.company), _ID.fullmatch(client.last)
        if match is None or int(match[1]) != partition:
            return None
        return self._rings[partition].since(client.company, int(match[2]))

    def _keep(self, record: ConsumerRecord[bytes, bytes]) -> UUID | None:
        try:
            company = UUID((record.key or b"").decode())
        except ValueError:
            company = None
        self._rings[record.partition].add(record.offset, company or UUID(int=0), record.value or b"")
        return company

    def _tell(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Keep the hint, and tell the company's pages: at once after a quiet time, else with what comes meanwhile."""
        company = self._keep(record)
        if company is None:
            return
        self._on_moved(company)
        audience = self._audiences.get(company)
        if audience is None:
            return
        audience.waiting.append((record.offset, record.value or b""))
        if audience.timer is None:
            loop = asyncio.get_running_loop()
            audience.timer = loop.call_at(audience.told_at + MERGE_SECONDS, self._flush, company)

    def _flush(self, company: UUID) -> None:
        audience = self._audiences[company]
        if audience.timer is not None:
            audience.timer.cancel()
        waiting, audience.waiting, audience.timer = audience.waiting, [], None
        hints = [hint for _, body in waiting if (hint := read(company, body)) is not None]
        if not hints:
            return
        place = self._place(company, waiting[-1][0] + 1)
        made = frame(place, hints)
        audience.told_at = asyncio.get_running_loop().time()
        for client in audience.clients:
            client.last = place
            client.put(made)
