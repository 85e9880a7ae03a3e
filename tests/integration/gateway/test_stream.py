"""The live stream: two real copies of gateway on real addresses, and hints that come from history's outbox over Kafka."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import orjson
import pytest_asyncio
import uvicorn
from pydantic import SecretStr

from services.gateway.app import make_parts
from services.gateway.settings import Settings
from services.gateway.stream.live import QUEUE, Live
from shared.clock import SystemClock
from shared.contracts.events import ViewChanged
from shared.contracts.topics import VIEWS
from shared.http.app import Base, Parts, _Server, make_http
from shared.messaging.broker import send_raw
from shared.messaging.consume import Consume
from shared.messaging.dead_letters import Raw
from shared.messaging.outbox import Outbox, Outgoing, partition_of
from shared.messaging.relay import Relay
from shared.settings import DatabaseSettings, EgressSettings, KafkaSettings, VaultSettings
from tests.integration.gateway.conftest import KEY, TOKENS, World
from tests.support.eventually import eventually
from tests.support.http import served

BEAT = 0.3
Event = tuple[str, str, Any]


@dataclass
class Page:
    """What an EventSource would see."""

    lines: AsyncIterator[str]
    last: str = ""

    async def event(self, within: float = 10) -> Event:
        """The next event: id, kind, data."""
        kind, data = "message", ""
        async with asyncio.timeout(within):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    data = value
                elif not line and data:
                    return self.last, kind, orjson.loads(data)
        raise EOFError

    async def begun(self) -> str:
        """The place where it begins to listen."""
        async with asyncio.timeout(10):
            async for line in self.lines:
                if line.startswith("id: "):
                    self.last = line[4:]
                    return self.last
        raise EOFError

    async def beaten(self) -> None:
        """A sign of life came."""
        async with asyncio.timeout(10):
            async for line in self.lines:
                if line.startswith(":"):
                    return
        raise EOFError

    async def ended(self, within: float = 5) -> None:
        """Read until gateway ends it."""
        with suppress(EOFError):
            while True:
                await self.event(within)


@dataclass
class Copies:
    """Two copies of gateway, and history's relay."""

    world: World
    urls: list[str]
    parts: list[Parts]
    lives: list[Live]
    start: Callable[[], Awaitable[None]]
    clock: SystemClock = field(default_factory=SystemClock)

    @asynccontextmanager
    async def page(
        self, path: str, last: str | None = None, *, at: int = 0, stream: str = "/stream", **headers: str
    ) -> AsyncIterator[Page]:
        """A page of the administrator's on one copy."""
        if not headers:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.world.http.cookies.items())
        if last is not None:
            headers["Last-Event-ID"] = last
        async with (
            httpx.AsyncClient(timeout=20) as client,
            client.stream("GET", f"{self.urls[at]}{path}{stream}", headers=headers) as answer,
        ):
            assert answer.status_code == 200
            yield Page(answer.aiter_lines())

    async def hint(self, path: str, *records: UUID, runs: tuple[UUID, ...] = (), many: bool = False) -> None:
        """history says that these moved."""
        company = UUID(path.rsplit("/", 1)[-1])
        body = ViewChanged(company_id=company, position=1, records=None if many else records, runs=runs)
        async with self.world.history.handling([company]) as tx:
            await Outbox(self.clock).append(tx, [Outgoing(body, company)])


@pytest_asyncio.fixture
async def idle(admin: World, kafka: KafkaSettings, addresses: Callable[[str], str]) -> AsyncIterator[Copies]:
    """They serve, but do not hear yet."""
    settings = Settings(
        database=DatabaseSettings(dsn=SecretStr(addresses("history"))), kafka=kafka, internal_tokens=TOKENS,
        vault=VaultSettings(key=SecretStr(KEY)), stream_beat_seconds=BEAT, urls=admin.urls,
        egress=EgressSettings(loopback=True),
    )  # fmt: skip
    clock = SystemClock()
    base = Base(admin.database, Outbox(clock), Consume(settings, admin.database, clock), clock)
    both = [make_parts(base, settings) for _ in range(2)]
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        relay = Relay(settings, admin.history)
        tasks.extend(asyncio.create_task(run()) for run in (relay.run, *(w for p in both for w in p.workers)))
        await eventually(all_hear, every=0.01)

    async def all_hear() -> bool:
        return all(live._ready for live in lives)

    lives: list[Live] = [parts.on_stop[0].__self__ for parts in both]  # type: ignore[attr-defined]
    try:
        async with (
            served(make_http("gateway", both[0])) as one,
            served(make_http("gateway", both[1])) as two,
        ):
            yield Copies(admin, [one, two], both, lives, start)
            for live in lives:
                live.stop()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for close in (c for p in both for c in p.on_close):
            await close()


@pytest_asyncio.fixture
async def copies(idle: Copies) -> Copies:
    """The same, hearing."""
    await idle.start()
    return idle


async def test_what_moves_is_reported_with_the_same_id_by_every_copy(copies: Copies) -> None:
    path, record, run = await copies.world.company(), uuid4(), uuid4()
    async with copies.page(path) as one, copies.page(path, at=1) as two:
        assert await one.begun() == await two.begun()
        await copies.hint(path, record, runs=(run,))
        received = await one.event()

        assert received[1:] == ("changed", {"records": [str(record)], "runs": [str(run)], "counts": True})
        assert await two.event() == received


async def test_what_history_folds_is_reported(copies: Copies) -> None:
    path = await copies.world.company()
    async with copies.page(path) as page:
        await page.begun()
        await copies.world.staged(path, "Lindqvist")
        assert (await page.event())[1] == "changed"


async def test_a_page_that_returns_gets_what_it_missed_from_the_other_copy(copies: Copies) -> None:
    path, ids = await copies.world.company(), [uuid4() for _ in range(3)]
    async with copies.page(path) as page:
        await copies.hint(path, ids[0])
        last, *_ = await page.event()
    for record in ids[1:]:
        await copies.hint(path, record)
    async with copies.page(path, at=1) as witness, copies.page(path) as other:
        for page in (witness, other):
            while not page.last.endswith("-3"):
                await page.begun()

    for at in (1, 0):
        async with copies.page(path, last, at=at) as page:
            place, kind, data = await page.event()
            assert (kind, data["records"]) == ("changed", [str(r) for r in ids[1:]])
        async with copies.page(path, place, at=1 - at) as page:
            assert await page.begun() == place, "nothing was missed"


async def test_a_copy_that_starts_later_knows_the_recent_past(idle: Copies) -> None:
    path, record = await idle.world.company(), uuid4()
    place = partition_of(path.rsplit("/", 1)[-1].encode(), 2)
    await idle.hint(path, record)
    await idle.start()

    async def received() -> bool:
        async with idle.page(path, f"{place}-0") as page:
            await page.begun()
            return page.last != f"{place}-0"

    await eventually(received)
    async with idle.page(path, f"{place}-0") as page:
        assert (await page.event())[1:] == ("changed", {"records": [str(record)], "runs": [], "counts": True})


async def test_an_id_that_is_not_known_means_everything_again(copies: Copies) -> None:
    path = await copies.world.company()
    for last in ("", "x", "0", "-1-2", "99-0", "0-99999", "1-99999", "9" * 500):
        async with copies.page(path, last) as page:
            place, kind, data = await page.event()
            assert (kind, data) == ("resync", {}), last
            await copies.hint(path, uuid4())
            following, kind, _ = await page.event()
            assert (kind, following != place) == ("changed", True)


async def test_an_id_that_is_too_old_means_everything_again(copies: Copies, monkeypatch: Any) -> None:
    path, start, last = await copies.world.company(), "", ""
    async with copies.page(path) as page:
        start = await page.begun()
        for ring in copies.lives[0]._rings.values():
            monkeypatch.setattr(ring, "_room", 5_000)
        for _ in range(3):
            await copies.hint(path, *(uuid4() for _ in range(100)))
            last, *_ = await page.event()
    async with copies.page(path, start) as page:
        assert (await page.event())[:2] == (last, "resync")
    async with copies.page(path, last) as page:
        assert await page.begun() == last


async def test_many_are_not_named(copies: Copies) -> None:
    path = await copies.world.company()
    async with copies.page(path) as page:
        await page.begun()
        await copies.hint(path, many=True)
        assert (await page.event())[2]["records"] is None
        await copies.hint(path, *(uuid4() for _ in range(501)))
        assert (await page.event())[2]["records"] is None
        await copies.hint(path, *(uuid4() for _ in range(500)))
        assert len((await page.event())[2]["records"]) == 500
        await copies.hint(path, runs=tuple(uuid4() for _ in range(501)))
        assert (await page.event())[1] == "resync"


async def test_hints_close_together_are_one_event(copies: Copies) -> None:
    path, ids = await copies.world.company(), [uuid4() for _ in range(50)]
    async with copies.page(path) as page:
        await page.begun()
        company = UUID(path.rsplit("/", 1)[-1])
        published = [
            Outgoing(ViewChanged(company_id=company, position=1, records=(i,)), company) for i in ids
        ]
        async with copies.world.history.handling([company]) as tx:
            await Outbox(copies.clock).append(tx, published)
        events: list[Event] = []
        while sum(len(e[2]["records"]) for e in events) < 50:
            events.append(await page.event())
        assert [r for e in events for r in e[2]["records"]] == [str(i) for i in ids]
        assert len(events) <= 5


async def test_nothing_of_another_company(copies: Copies, kafka: KafkaSettings) -> None:
    mine, theirs = await copies.world.company(), await copies.world.company()
    ours, company = uuid4(), UUID(mine.rsplit("/", 1)[-1])
    async with copies.page(mine) as page:
        await page.begun()
        await copies.hint(theirs, uuid4())
        # What only claims to be of this company, and what is no hint at all.
        false = ViewChanged(company_id=UUID(theirs.rsplit("/", 1)[-1]), position=1, records=(uuid4(),))
        place = partition_of(str(company).encode(), kafka.partitions)
        for body in (false.model_dump_json().encode(), b"{", b"\xff", b"", None):
            await send_raw(
                kafka,
                kafka.prefix + VIEWS.name,
                Raw(str(company).encode(), (), body),
                partition=place,
            )
        for key in (None, b"\xff", b"x"):
            await send_raw(kafka, kafka.prefix + VIEWS.name, Raw(key, (), b"{}"), partition=place)
        await copies.hint(mine, ours)
        assert (await page.event())[2]["records"] == [str(ours)]


async def test_a_key_may_listen_and_a_stranger_may_not(copies: Copies) -> None:
    path, other = await copies.world.company(), await copies.world.company()
    made = await copies.world.call(
        "POST", f"{path}/api-keys", json={"name": "k", "role": "viewer"}, expected=201
    )
    key = {"Authorization": f"Bearer {made['key']}"}
    async with copies.page(path, **key) as page, httpx.AsyncClient() as client:
        await page.begun()
        for address, headers, status in (
            (other, key, 404), (path, {}, 401), (f"/v1/companies/{uuid4()}", key, 404), ("/v1/companies/x", key, 422),
        ):  # fmt: skip
            answer = await client.get(f"{copies.urls[0]}{address}/stream", headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (
                status,
                "application/problem+json",
            )
        await copies.world.call("DELETE", f"{path}/api-keys/{made['key_id']}", expected=204)
        await page.ended()


async def test_it_ends_with_the_session_and_does_not_keep_it(copies: Copies) -> None:
    path = await copies.world.company()
    async with copies.page(path) as page:
        await page.begun()
        await copies.world.age("UPDATE gateway.sessions SET seen_at = seen_at - interval '20 minutes'")
        await page.beaten()
        await page.beaten()
        await copies.world.age("UPDATE gateway.sessions SET seen_at = seen_at - interval '11 minutes'")
        await page.ended()


async def test_it_ends_at_once_when_this_copy_ends_the_session_or_the_key(idle: Copies) -> None:
    """Nothing watches here: only what ended them can say so."""
    path = await idle.world.company()
    made = await idle.world.call(
        "POST", f"{path}/api-keys", json={"name": "k", "role": "viewer"}, expected=201
    )
    mine = {"Cookie": "; ".join(f"{k}={v}" for k, v in idle.world.http.cookies.items()), "X-Muster": "1"}
    key = {"Authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=idle.urls[0]) as client, idle.page(path) as page:
        async with idle.page(path, **key) as other:
            await other.beaten()
            await client.delete(f"{path}/api-keys/{made['key_id']}", headers=mine)
            await other.ended()
        await page.beaten()
        assert (await client.delete("/v1/session", headers=mine)).status_code == 204
        await page.ended()


async def test_it_ends_with_the_role(copies: Copies) -> None:
    path = await copies.world.company()
    async with copies.page(path, at=1) as page:
        await page.begun()
        await copies.world.age("DELETE FROM gateway.memberships")
        await page.ended()


async def test_a_quiet_companys_id_moves_on(copies: Copies, kafka: KafkaSettings) -> None:
    path = await copies.world.company()
    place = partition_of(path.rsplit("/", 1)[-1].encode(), kafka.partitions)
    async with copies.page(path) as page:
        start = await page.begun()
        for _ in range(3):
            await send_raw(
                kafka,
                kafka.prefix + VIEWS.name,
                Raw(str(uuid4()).encode(), (), b"{}"),
                partition=place,
            )
        while await page.begun() == start:
            pass
        assert page.last.split("-")[0] == str(place)


async def test_until_a_copy_hears_pages_wait_and_then_fetch_everything(idle: Copies) -> None:
    path = await idle.world.company()
    async with idle.page(path) as page:
        await page.beaten()
        await page.beaten()
        await idle.start()
        assert (await page.event())[1] == "resync"
        await idle.hint(path, uuid4())
        assert (await page.event())[1] == "changed"


async def test_a_page_that_does_not_read_is_let_go_and_the_others_miss_nothing(
    copies: Copies, monkeypatch: Any
) -> None:
    monkeypatch.setattr("services.gateway.stream.live.MERGE_SECONDS", 0.0)
    path = await copies.world.company()
    company = UUID(path.rsplit("/", 1)[-1])
    host, port = urlsplit(copies.urls[0]).netloc.split(":")
    cookie = "; ".join(f"{k}={v}" for k, v in copies.world.http.cookies.items())
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect((host, int(port)))
    slow.sendall(
        f"GET {path}/stream HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n".encode()
    )
    live, most, received = copies.lives[0], 0, 0
    async with copies.page(path) as page:
        await page.begun()

        async def two() -> bool:
            return len(live._audiences[company].clients) == 2

        await eventually(two)
        stuck = live._audiences[company].clients
        while len(stuck) == 2 and received < 3000:
            records = tuple(uuid4() for _ in range(500))
            live._audiences[company].waiting.append(
                (
                    received,
                    ViewChanged(company_id=company, position=1, records=records).model_dump_json().encode(),
                )
            )
            live._flush(company)
            assert (await page.event())[2]["records"] == [str(r) for r in records]
            received += 1
            most = max(most, *(c.queue.qsize() for c in stuck))
        assert most == QUEUE
        assert len(stuck) == 1
    slow.settimeout(10)

    def drain() -> None:
        while slow.recv(1 << 20):
            pass

    await asyncio.to_thread(drain)
    slow.close()


async def test_a_process_that_ends_lets_its_pages_go_at_once(copies: Copies) -> None:
    path, parts = await copies.world.company(), copies.parts[0]
    config = uvicorn.Config(make_http("gateway", parts), log_config=None, lifespan="off")
    server = _Server(config, parts.on_stop)

    async def started() -> bool:
        return server.started

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        task = asyncio.create_task(server.serve([listening]))
        await eventually(started, every=0.01)
        copies.urls[0] = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with copies.page(path) as page:
            await page.begun()
            server.should_exit = True
            await page.ended(within=1)
        async with asyncio.timeout(2):
            await task
