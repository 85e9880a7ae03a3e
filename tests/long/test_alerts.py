"""Alerts on a running stack: each fault makes its alert fire, and without the fault it clears. Minutes last four seconds here."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from services.importer.core import HOOK_TIME
from shared.messaging.security import client_options
from tests.e2e.conftest import running
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.hands import Hands
from tests.support.mail import Mailbox, mail_server
from tests.support.prometheus import RULES, Prometheus, scraping

SECONDS_A_MINUTE = 4
Fault = Callable[[Fleet], AbstractAsyncContextManager[None]]


def faster(rules: str) -> str:
    """The same alerts on a clock that runs faster."""
    seconds = {"m": SECONDS_A_MINUTE, "h": 60 * SECONDS_A_MINUTE}
    return re.sub(r"\b(\d+)([mh])\b", lambda m: f"{int(m[1]) * seconds[m[2]]}s", rules)


MAILBOX = Mailbox()


@pytest_asyncio.fixture(scope="module")
async def fleet() -> AsyncIterator[Fleet]:
    """What changes at the source is pushed by rule; sweeps come every few seconds; mails go to `MAILBOX`."""
    rules = {"auto_create": True, "auto_update": True, "auto_sync": True}
    environment = {
        "MUSTER_SWEEP_SECONDS": "3",
        "MUSTER_LIMITS__SPEED": str(60 // SECONDS_A_MINUTE),
        "MUSTER_MAIL__HOST": MAILBOX.host,
        "MUSTER_MAIL__SECURITY": "none",
        "MUSTER_MAIL__SENDER": "Muster <muster@example.com>",
    }
    async with (
        mail_server(MAILBOX) as mailbox,
        running(40, rules, {**environment, "MUSTER_MAIL__PORT": str(mailbox.port)}) as fleet,
    ):
        yield fleet


@pytest_asyncio.fixture(scope="module")
async def prometheus(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    async with scraping(folder, fleet.stack.operations, faster(RULES.read_text())) as prometheus:
        yield prometheus


@asynccontextmanager
async def again_and_again(work: Callable[[], object], every: float = 0.2) -> AsyncIterator[None]:
    """Do this until the end; what it raises is what the fault does to us."""

    async def go() -> None:
        while True:
            with suppress(Exception):
                await work()
            await asyncio.sleep(every)

    task = asyncio.ensure_future(go())
    try:
        yield
    finally:
        task.cancel()


def stopped(name: str) -> Fault:
    """A service, or a server, is down."""

    @asynccontextmanager
    async def fault(fleet: Fleet) -> AsyncIterator[None]:
        child = fleet.stack.children[name]
        await child.stop()
        try:
            async with again_and_again(lambda: fleet.client.call("GET", f"{fleet.path}/records")):
                yield
        finally:
            await child.start()
            await fleet.stack.wait_ready()

    return fault


def refusing(system: str, status: int, operation: str | None = None) -> Fault:
    """A system answers everything, or one operation, with this status, while people are edited at the source."""

    @asynccontextmanager
    async def fault(fleet: Fleet) -> AsyncIterator[None]:
        hands = Hands(fleet, fleet.company)
        match = {"operation": operation} if operation else {}
        await hands.faults(system, {"action": "status", "status": status, "match": match, "retry_after": 1})
        people = list(await hands.people("linarc"))
        turn = iter(range(1_000_000))

        async def edit() -> None:
            number = next(turn)
            await hands.edit("linarc", people[number % len(people)], middle=f"M{number}")

        try:
            async with again_and_again(edit, 0.5):
                yield
        finally:
            await hands.faults(system)

    return fault


@asynccontextmanager
async def open_transaction(fleet: Fleet) -> AsyncIterator[None]:
    """Somebody's transaction has written, and does not end."""
    database = await asyncpg.connect(fleet.stack.database)
    try:
        async with database.transaction():
            await database.execute("SELECT pg_current_xact_id()")
            person = next(iter(await Hands(fleet, fleet.company).people("linarc")))
            await fleet.tell(person)
            yield
    finally:
        await database.close()


def unreadable(count: int) -> Fault:
    """Somebody with gateway's rights writes messages that cannot be read."""

    @asynccontextmanager
    async def fault(fleet: Fleet) -> AsyncIterator[None]:
        producer = AIOKafkaProducer(**client_options(fleet.stack.client("gateway")), acks="all")
        await producer.start()
        for number in range(count):
            await producer.send("notifications.v1", b"{", key=str(number).encode(), partition=0)
        await producer.stop()
        yield

    return fault


def delivering(signature: Callable[[Fleet, bytes], str]) -> Fault:
    """Deliveries to QuickBooks' address, ten a second."""

    @asynccontextmanager
    async def fault(fleet: Fleet) -> AsyncIterator[None]:
        body = b"{}"
        headers = {"intuit-signature": signature(fleet, body), "content-type": "application/json"}
        url = f"{fleet.stack.urls['gateway']}/webhooks/quickbooks"
        async with again_and_again(lambda: fleet.http.post(url, content=body, headers=headers), 0.1):
            yield

    return fault


def signed(fleet: Fleet, body: bytes) -> str:
    """With the verifier token."""
    key = fleet.stack.secret("verifier").encode()
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


@asynccontextmanager
async def silent_hooks(fleet: Fleet) -> AsyncIterator[None]:
    """Linarc's webhooks are lost while a dozen people are edited; a sweep finds that when they are over a minute late."""
    hands = Hands(fleet, fleet.company)
    lost = {"action": "lose", "match": {"operation": "webhook"}}
    await hands.faults("linarc", lost, {"action": "status", "status": 503})
    try:
        for number, person in enumerate(list(await hands.people("linarc"))[:15]):
            await hands.edit("linarc", person, middle=f"S{number}")
        await asyncio.sleep(HOOK_TIME.total_seconds() + 5)
        await hands.faults("linarc", lost)
        yield
    finally:
        await hands.faults("linarc")


@asynccontextmanager
async def not_looked_at(fleet: Fleet) -> AsyncIterator[None]:
    """Linarc has not answered for half an hour."""
    hands = Hands(fleet, fleet.company)
    await hands.faults("linarc", {"action": "status", "status": 503})
    database = await asyncpg.connect(fleet.stack.database)
    await database.execute(
        "UPDATE importer.directories SET complete_as_of = complete_as_of - interval '30 minutes'"
    )
    await database.close()
    try:
        yield
    finally:
        await hands.faults("linarc")


@asynccontextmanager
async def no_mail(fleet: Fleet) -> AsyncIterator[None]:
    """The mail server takes nothing from us; somebody sends a test."""
    MAILBOX.refuse["MAIL"] = "451 later"
    try:
        await fleet.client.call("POST", f"{fleet.path}/notices/mine/test")
        yield
    finally:
        MAILBOX.refuse.clear()


@pytest.mark.parametrize(
    ("alert", "fault"),
    [
        ("MusterServiceDown", stopped("mapper")),
        ("MusterRequestsFail", stopped("history")),
        ("MusterDatabaseErrors", stopped("postgres")),
        ("MusterRelayStuck", open_transaction),
        ("MusterSystemFails", refusing("quickbooks", 503)),
        ("MusterSystemThrottles", refusing("quickbooks", 429)),
        ("MusterPushesFail", refusing("quickbooks", 503, "update")),
        ("MusterFreshnessMissed", not_looked_at),
        ("MusterWebhooksForged", delivering(lambda _, __: "AAAA")),
        ("MusterWebhooksUnreadable", delivering(signed)),
        ("MusterWebhooksMissing", silent_hooks),
        ("MusterDeadLetters", unreadable(1)),
        ("MusterNoticesFail", no_mail),
        ("MusterTopicPaused", unreadable(60)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_fault_makes_its_alert_fire_and_its_end_clears_it(
    fleet: Fleet, prometheus: Prometheus, alert: str, fault: Fault
) -> None:
    async def fires() -> bool:
        return alert in await prometheus.firing()

    async def is_quiet() -> bool:
        return not await fires()

    assert await eventually(is_quiet, within=300, every=1.0)
    async with fault(fleet):
        assert await eventually(fires, within=180, every=1.0)
    assert await eventually(is_quiet, within=360, every=1.0)
