"""The live stream to pages: hints of what moved, never rows. A page fetches again what it shows.

A frame's id is a place in `views.v1`, partition and offset, so every copy of gateway can go on where another one ended.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.types import Send

from services.gateway.core import Ring, frame, read, resync
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
LAST_WORD_SECONDS = 1.0
"""For one that does not read; then its connection is cut."""
RECENT = 1_000
"""Hints of each partition that are read when a copy starts."""
_ID = re.compile(r"([0-9]{1,5})-([0-9]{1,18})")
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": (
            'Server-sent events. `changed`: `{"records": [ids] | null, "runs": [ids], "counts": true}`; null says that '
            "many records moved. `resync`: what was missed is not known, so everything shown is to be fetched again. "
            "Each has an id; sent back as `Last-Event-ID` after a break, to any copy of gateway, it brings what was missed."
        ),
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
Check = Callable[[Request, UUID], Awaitable[object]]


@dataclass(eq=False, slots=True)
class Client:
    """One open page. One that does not read is let go; it comes back with its last id."""

    company: UUID
    last: str | None
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

    def __init__(self, kafka: KafkaSettings, beat_seconds: float) -> None:
        """Every `beat_seconds` a page gets a sign of life, and whether it may still look is asked again."""
        self.beat_seconds = beat_seconds
        self._kafka = kafka
        self._rings: dict[int, Ring] = {}
        self._ready = self._stopping = False
        self._audiences: dict[UUID, Audience] = {}

    async def run(self) -> None:
        """Hear `views.v1` until cancelled. After a failure, start anew; pages that stayed get what they missed."""
        pause = 0.2
        while True:
            try:
                await self._hear()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("stream.wait", outcome=type(error).__name__, delay_s=pause)
            pause = 0.2 if self._ready else min(5.0, pause * 2)
            self._ready = False
            await asyncio.sleep(pause)

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

    def join(self, company: UUID, last: str | None) -> Client:
        """Listen to a company, from `last` on, or from now."""
        client = Client(company, last)
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
        audience = self._audiences.get(company) if company is not None else None
        if company is None or audience is None:
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


class Events(StreamingResponse):
    """A page's events until it leaves, may not see them any more, does not read them, or the process ends."""

    media_type = "text/event-stream"

    def __init__(
        self, live: Live, company: UUID, last: str | None, check: Callable[[], Awaitable[object]]
    ) -> None:
        super().__init__((), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._live, self._company, self._last, self._check = live, company, last, check

    async def stream_response(self, send: Send) -> None:
        """Called by Starlette, which cancels it when the page leaves."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        client = self._live.join(self._company, self._last)
        tasks = [asyncio.create_task(self._write(client, send)), asyncio.create_task(client.over.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._live.leave(client)
            for task in tasks:
                task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORD_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        if tasks[0].done() and not tasks[0].cancelled():
            tasks[0].result()

    async def _write(self, client: Client, send: Send) -> None:
        loop = asyncio.get_running_loop()
        piece, beat_at = b"retry: 1000\n\n", loop.time() + self._live.beat_seconds
        while True:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if loop.time() < beat_at:
                try:
                    async with asyncio.timeout_at(beat_at):
                        piece = await client.queue.get()
                    continue
                except TimeoutError:
                    pass
            try:
                await self._check()
            except ProblemError:
                return
            except Unavailable:
                log.warning("stream.check", outcome="unavailable")
            piece, beat_at = self._live.beat(client), loop.time() + self._live.beat_seconds


def make_routes(live: Live, check: Check) -> APIRouter:
    """The stream of one company. `check` says whether the one who asks may see it, and raises the problem if not."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["stream"])

    @routes.get("/stream", status_code=200, response_class=Events, responses=_RESPONSES)
    async def stream(
        company: UUID, request: Request, last: Annotated[str | None, Header(alias="Last-Event-ID")] = None
    ) -> Any:
        """What moves, as it moves, as server-sent events: `changed`, and `resync` when too much was missed."""

        async def again() -> object:
            return await check(request, company)

        await again()
        return Events(live, company, last, again)

    return routes
