"""Notices: each change of state is told once, to those who want it, by a real mail server and over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import orjson
import pytest
import pytest_asyncio
from httpx import AsyncClient
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway.core.notices import KINDS
from services.gateway.settings import MailSettings, NoticeSettings, Settings
from services.gateway.worker import Notifier, Watcher
from shared.clock import SystemClock
from shared.connectors.limits import Limits
from shared.connectors.vault import Vault
from shared.db.seal import Sealer
from shared.db.tx import Database
from shared.http.internal import Internal
from shared.messaging import dead_letters
from shared.messaging.consume import Consume
from shared.messaging.dead_letters import DeadLetter, Raw
from shared.messaging.upkeep import Upkeep
from shared.settings import DatabaseSettings, EgressSettings, KafkaSettings, LimitSettings, VaultSettings
from shared.standard_webhooks import is_signed
from shared.telemetry.metrics import REGISTRY
from tests.integration.gateway.conftest import EMAIL, KEY, TOKENS, World
from tests.support.http import served
from tests.support.mail import Mailbox, certificate, mail_server

AT_ONCE = NoticeSettings(look_seconds=0.000001, patience_seconds=0, settle_seconds=0)


@dataclass
class Copy:
    """One copy of gateway: it looks and sends when it is told to."""

    watcher: Watcher
    notifier: Notifier

    async def step(self, times: int = 1) -> None:
        for _ in range(times):
            await self.watcher.step()
            await self.notifier.step()


@asynccontextmanager
async def a_copy(
    world: World, mailbox: Mailbox | None, pace: NoticeSettings = AT_ONCE, **mail: Any
) -> AsyncIterator[Copy]:
    usual: dict[str, Any] = {
        "security": "none",
        "timeout_seconds": 5,
        "sender": "Muster <muster@example.com>",
    }
    if mailbox:
        usual |= {"host": mailbox.host, "port": mailbox.port}
    letters = MailSettings(**usual | mail)
    settings = Settings(
        database=DatabaseSettings(dsn=SecretStr("unused")), kafka=KafkaSettings(bootstrap="none"), internal_tokens=TOKENS,
        vault=VaultSettings(key=SecretStr(KEY)), egress=EgressSettings(loopback=True), urls=world.urls,
        public_url="https://muster.example", mail=letters, notices=pace, dead_letter_key=SecretStr(KEY),
    )  # fmt: skip
    clock = SystemClock()
    services = {
        name: Internal(getattr(world.urls, name), getattr(TOKENS, name), name)
        for name in ("importer", "mapper", "syncer", "history")
    }
    notifier = Notifier(world.database, settings, clock)
    upkeep = Upkeep(world.database, Consume(settings, world.database, clock), settings)
    limits = Limits(world.database, LimitSettings(), clock)
    vault = Vault(world.database, settings.vault)
    watcher = Watcher(world.database, services, vault, limits, upkeep, settings, clock, notifier.wakeup)
    try:
        yield Copy(watcher, notifier)
    finally:
        await notifier.close()
        for service in services.values():
            await service.close()


@pytest_asyncio.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as mailbox:
        yield mailbox


@pytest_asyncio.fixture
async def gateway(admin: World, mailbox: Mailbox) -> AsyncIterator[Copy]:
    async with a_copy(admin, mailbox) as copy:
        yield copy


def company_of(path: str) -> UUID:
    return UUID(path.rsplit("/", 1)[-1])


async def hold_plan(world: World, path: str, total: int = 3) -> UUID:
    """A plan that the limits hold stands in syncer's tables."""
    plan = uuid4()
    await world.age(
        "INSERT INTO syncer.plans (company_id, plan_id, account_id, kind, state, total, tripped) VALUES "
        f"('{company_of(path)}', '{plan}', '{uuid4()}', 'person', 'held', {total}, "
        """'[{"brake": "deactivated", "count": 7, "limit": 5}]')"""
    )
    return plan


async def decide_plan(world: World, plan: UUID) -> None:
    await world.age(f"UPDATE syncer.plans SET state = 'cancelled' WHERE plan_id = '{plan}'")


async def add_dead_letters(database: Database, company: UUID, count: int) -> None:
    letters = [
        DeadLetter(
            "employees.v1", 0, n, "failed", "", Raw(None, (), b"Quill"), company, uuid4(), "employee.staged"
        )
        for n in range(count)
    ]
    async with database.system() as tx:
        await dead_letters.add(tx, Sealer([KEY]), letters)


async def test_a_held_plan_is_one_mail_with_a_link_to_it_and_its_end_another(
    admin: World, gateway: Copy, mailbox: Mailbox
) -> None:
    path = await admin.company()
    await gateway.step()
    assert mailbox.mails == []
    plan = await hold_plan(admin, path)
    await gateway.step(3)
    (mail,) = mailbox.mails
    assert mail["Subject"] == "Muster: A sync of 3 employees is held (C)"
    assert mailbox.recipients == [[EMAIL]]
    assert f"https://muster.example/c/{company_of(path)}/plans/{plan}" in mail.get_content()
    assert "7 people would be deactivated; the limit is 5." in mail.get_content()
    await decide_plan(admin, plan)
    await gateway.step(2)
    assert [m["Subject"] for m in mailbox.mails[1:]] == ["Muster: The held sync is no longer waiting (C)"]


async def test_many_copies_tell_it_once(admin: World, mailbox: Mailbox) -> None:
    path = await admin.company()
    await hold_plan(admin, path)
    async with a_copy(admin, mailbox) as one, a_copy(admin, mailbox) as two, a_copy(admin, mailbox) as three:
        await asyncio.gather(*(copy.step(3) for copy in (one, two, three)))
        await one.step()
    assert len(mailbox.mails) == 1


async def test_a_look_is_taken_by_one_copy_a_minute(admin: World, mailbox: Mailbox) -> None:
    path = await admin.company()
    async with a_copy(admin, mailbox, NoticeSettings()) as copy:
        await copy.step()
        await hold_plan(admin, path)
        await copy.step(3)
        assert mailbox.mails == []
        await admin.age("UPDATE gateway.notice_watch SET look_at = now()")
        await copy.step()
        assert len(mailbox.mails) == 1


async def test_each_kind_is_told_and_over_again(admin: World, gateway: Copy, mailbox: Mailbox) -> None:
    """Connection, budget, freshness, failures and dead letters, from the services' own tables."""
    path = await admin.company()
    company = company_of(path)
    route = (await admin.call("GET", path))["route"]
    linarc, quickbooks = sorted((route["source"], route["destination"]), key=lambda a: a != route["source"])
    (record,) = await admin.staged(path, "Lindqvist")
    await gateway.step()
    assert mailbox.mails == []

    labels = {a["account_id"]: a["system"] for a in await admin.call("GET", f"{path}/accounts")}
    metered = next(place for place, system in labels.items() if system == "quickbooks")
    await admin.age(
        "INSERT INTO vault.credentials (company_id, account_id, system, key_id, sealed, state) "
        f"VALUES ('{company}', '{linarc}', 'linarc', 'k', 'x', 'reconnect')"
    )
    await admin.age(
        "INSERT INTO vault.calls (company_id, account_id, month, metered) VALUES "
        f"('{company}', '{metered}', date_trunc('month', now() AT TIME ZONE 'UTC')::date, 100000000)"
    )
    await admin.age(
        "INSERT INTO importer.directories (company_id, account_id, complete_as_of, followed) "
        f"VALUES ('{company}', '{quickbooks}', now() - interval '1 hour', true)"
    )
    await admin.age(f"UPDATE history.counters SET status = 'failed' WHERE company_id = '{company}'")
    await add_dead_letters(admin.mapper, company, 2)
    await gateway.step(2)
    (digest,) = mailbox.mails
    text = digest.get_content()
    assert digest["Subject"] == "Muster: 5 notices (C)"
    for title in (
        "the connection needs attention",
        "100% of this month's calls to QuickBooks Online are used",
        "are not seen in time",
        "Sync failed for 1 employee",
        "2 messages could not be handled",
    ):
        assert title in text
    assert "Lindqvist" not in text and "Quill" not in text and str(record) not in text

    await admin.age(f"UPDATE vault.credentials SET state = 'connected' WHERE company_id = '{company}'")
    await admin.age(f"UPDATE importer.directories SET complete_as_of = now() WHERE company_id = '{company}'")
    await admin.age(f"UPDATE history.counters SET status = 'synced' WHERE company_id = '{company}'")
    await admin.age("DELETE FROM mapper.dead_letter; DELETE FROM vault.calls")
    await gateway.step(2)
    assert mailbox.mails[1]["Subject"] == "Muster: 5 notices (C)"
    assert "No employees are Failed any more" in mailbox.texts()[1]
    await gateway.step(2)
    assert len(mailbox.mails) == 2


async def test_a_service_that_is_away_changes_nothing(admin: World, gateway: Copy, mailbox: Mailbox) -> None:
    path = await admin.company()
    await add_dead_letters(admin.history, company_of(path), 1)
    await gateway.step()
    assert len(mailbox.mails) == 1
    admin.away()
    await gateway.step(3)
    assert len(mailbox.mails) == 1


async def test_a_storm_becomes_one_digest(admin: World, gateway: Copy, mailbox: Mailbox) -> None:
    path = await admin.company()
    for _ in range(9):
        await hold_plan(admin, path)
        await gateway.step()
    assert len(mailbox.mails) == 3
    await admin.age("UPDATE gateway.notice_messages SET created_at = created_at - interval '10 minutes'")
    await gateway.step(2)
    assert [m["Subject"] for m in mailbox.mails[3:]] == ["Muster: 6 notices (C)"]


async def test_quiet_hours_hold_it_until_they_end(admin: World, gateway: Copy, mailbox: Mailbox) -> None:
    """A notice that is over before they end is one line."""
    path = await admin.company()
    choice = {"kinds": ["plan_held"], "time_zone": "Asia/Kathmandu"}
    there = datetime.now(ZoneInfo("Asia/Kathmandu"))
    hours = {
        "quiet_from": (there - timedelta(hours=1)).strftime("%H:%M"),
        "quiet_until": (there + timedelta(hours=9)).strftime("%H:%M"),
    }
    saved = await admin.call("PUT", f"{path}/notices/mine", json=choice | hours)
    assert saved.items() >= (choice | hours | {"chosen": True}).items()
    over = await hold_plan(admin, path)
    await gateway.step(2)
    await decide_plan(admin, over)
    await hold_plan(admin, path, total=9)
    await gateway.step(2)
    assert mailbox.mails == []
    await admin.call("PUT", f"{path}/notices/mine", json=choice)
    await gateway.step()
    (mail,) = mailbox.mails
    assert mail["Subject"] == "Muster: 2 notices (C)"
    assert "A sync of 9 employees is held" in mail.get_content() and "+0545" in mail.get_content()


async def test_who_wants_what_receives_that_alone(admin: World, gateway: Copy, mailbox: Mailbox) -> None:
    path, other = await admin.company(), await admin.company()
    choice = {"kinds": ["dead_letters"], "time_zone": "UTC"}
    await admin.call("PUT", f"{path}/notices/mine", json=choice)
    await hold_plan(admin, path)
    await add_dead_letters(admin.history, company_of(path), 1)
    await gateway.step(2)
    assert [m["Subject"] for m in mailbox.mails] == ["Muster: 1 message could not be handled (C)"]
    await hold_plan(admin, other)
    await gateway.step(2)
    assert len(mailbox.mails) == 2


async def test_who_has_left_is_told_no_more(admin: World, gateway: Copy, mailbox: Mailbox) -> None:
    path = await admin.company()
    await hold_plan(admin, path)
    await gateway.watcher.step()
    await admin.age(f"DELETE FROM gateway.memberships WHERE company_id = '{company_of(path)}'")
    await gateway.step(2)
    assert mailbox.mails == []


REFUSALS = (
    ("RCPT", "550 no such person", "failed"),
    ("RCPT", "450 later", "waiting"),
    ("DATA", "451 later", "waiting"),
    ("MAIL", "550 not from you", "waiting"),
    ("EHLO", "421 busy", "waiting"),
)


async def test_what_the_mail_server_refuses_is_tried_again_or_given_up(
    admin: World, gateway: Copy, mailbox: Mailbox
) -> None:
    path = await admin.company()
    messages = f"{path}/notices/mine/messages"
    for command, answer, state in REFUSALS:
        await admin.age("DELETE FROM gateway.notice_messages")
        mailbox.mails.clear()
        mailbox.refuse = {command: answer, "HELO": answer}
        await hold_plan(admin, path)
        await gateway.step()
        (shown,) = (await admin.call("GET", messages))["items"]
        assert (shown["state"], shown["tries"], shown["answer"]) == (state, 1, answer[:3])
        assert shown["titles"] == ["A sync of 3 employees is held"]
        mailbox.refuse = {}
        await admin.age("UPDATE gateway.notice_messages SET next_try_at = now()")
        await gateway.step(2)
        assert len(mailbox.mails) == (state == "waiting")
        (shown,) = (await admin.call("GET", messages))["items"]
        assert shown["state"] == ("delivered" if state == "waiting" else "failed")


async def test_a_mail_server_that_is_away_for_a_day_is_given_up(admin: World, mailbox: Mailbox) -> None:
    path = await admin.company()
    await hold_plan(admin, path)
    async with a_copy(admin, mailbox, host="127.0.0.1", port=9) as copy:
        await copy.step()
        late = "created_at = now() - interval '25 hours', next_try_at = now()"
        await admin.age(f"UPDATE gateway.notice_messages SET {late}")
        await copy.step()
    (shown,) = (await admin.call("GET", f"{path}/notices/mine/messages"))["items"]
    assert (shown["state"], shown["tries"], shown["answer"]) == ("failed", 2, "ConnectionRefusedError")


def undelivered(channel: str) -> float | None:
    return REGISTRY.get_sample_value("muster_undelivered_notices", {"channel": channel})


async def test_what_three_tries_did_not_deliver_is_counted_until_it_is_delivered(
    admin: World, gateway: Copy, mailbox: Mailbox, chat: Chat
) -> None:
    """The measure of an alert: by mail and by shape of channel, whichever copy tried."""
    path = await admin.company()
    await add_channel(admin, path, chat.url, "slack")
    mailbox.refuse, chat.status = {"MAIL": "535 who?"}, 500
    await hold_plan(admin, path)
    for tries in range(1, 4):
        await gateway.step()
        assert (undelivered("mail"), undelivered("slack")) == (0, 0), tries
        await admin.age("UPDATE gateway.notice_messages SET next_try_at = now()")
    mailbox.refuse = {}
    async with a_copy(admin, mailbox) as other:
        await other.notifier.step()
    assert (undelivered("mail"), undelivered("slack")) == (1, 1)
    await gateway.notifier.step()
    assert (undelivered("mail"), undelivered("slack"), undelivered("teams")) == (0, 1, 0)


async def test_mail_goes_over_tls_with_a_name_and_a_password_from_a_file(
    admin: World, tmp_path: Path
) -> None:
    path = await admin.company()
    await hold_plan(admin, path)
    context, authority = certificate(tmp_path)
    (tmp_path / "password").write_text("correct horse\n")
    account = {"user": "muster", "password_file": tmp_path / "password", "security": "starttls"}
    async with mail_server(tls=context, login=("muster", "correct horse")) as mailbox:
        async with a_copy(admin, mailbox, **account) as copy:
            await copy.step()  # an authority that nobody knows
        assert mailbox.mails == []
        (shown,) = (await admin.call("GET", f"{path}/notices/mine/messages"))["items"]
        assert shown["answer"] == "SSLCertVerificationError"
        await admin.age("UPDATE gateway.notice_messages SET next_try_at = now()")
        async with a_copy(admin, mailbox, ca_file=authority, **account) as copy:
            await copy.step()
        assert mailbox.encrypted == [True]


async def test_without_encryption_on_offer_nothing_is_sent(admin: World, mailbox: Mailbox) -> None:
    path = await admin.company()
    await hold_plan(admin, path)
    async with a_copy(admin, mailbox, security="starttls") as copy:
        await copy.step()
    assert mailbox.mails == []
    (shown,) = (await admin.call("GET", f"{path}/notices/mine/messages"))["items"]
    assert (shown["state"], shown["answer"]) == ("waiting", "SMTPNotSupportedError")


async def test_without_a_mail_server_nothing_waits_for_one(admin: World, mailbox: Mailbox) -> None:
    path = await admin.company()
    assert not (await admin.call("GET", f"{path}/notices"))["mail"]
    await admin.call("POST", f"{path}/notices/mine/test", expected=409)
    plan = await hold_plan(admin, path)
    async with a_copy(admin, None) as copy:
        await copy.step(2)
    await decide_plan(admin, plan)
    async with a_copy(admin, mailbox) as copy:
        await copy.step(2)
        assert mailbox.mails == []
        await hold_plan(admin, path)
        await copy.step()
    assert len(mailbox.mails) == 1


@dataclass
class Chat:
    """Another program: what was posted to it, and what it answers."""

    url: str = ""
    status: int = 200
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def post(self, request: Request) -> Response:
        self.posted.append((dict(request.headers), await request.body()))
        return Response(status_code=self.status)

    def bodies(self) -> list[Any]:
        return [orjson.loads(body) for _, body in self.posted]


@pytest_asyncio.fixture
async def chat() -> AsyncIterator[Chat]:
    chat = Chat()
    async with served(Starlette(routes=[Route("/its-own-secret", chat.post, methods=["POST"])])) as address:
        chat.url = f"{address}/its-own-secret"
        yield chat


async def add_channel(world: World, path: str, url: str, shape: str = "slack", **more: Any) -> dict[str, Any]:
    body = {"shape": shape, "name": "Payroll", "url": url, **more}
    made: dict[str, Any] = await world.call("POST", f"{path}/notices/channels", json=body, expected=201)
    return made


async def test_a_channel_is_posted_to_in_its_own_shape(admin: World, chat: Chat) -> None:
    path = await admin.company()
    made = [await add_channel(admin, path, chat.url, shape) for shape in ("webhook", "slack", "teams")]
    async with a_copy(admin, None) as copy:
        plan = await hold_plan(admin, path)
        await copy.step(3)
    assert len(chat.posted) == 3
    found = {next(iter(body.keys() & {"notices", "blocks", "attachments"})) for body in chat.bodies()}
    assert found == {"notices", "blocks", "attachments"}
    for headers, body in chat.posted:
        assert f"https://muster.example/c/{company_of(path)}/plans/{plan}" in body.decode()
        assert is_signed(headers, body, [made[0]["secret"]], datetime.now(UTC)) == (b'"notices"' in body)
    assert [bool(one["secret"]) for one in made] == [True, False, False]
    for one in made:
        (shown,) = (await admin.call("GET", f"{path}/notices/channels/{one['channel_id']}/messages"))["items"]
        assert (shown["state"], shown["answer"]) == ("delivered", "200")


async def test_a_channel_that_fails_is_tried_again_and_one_that_is_gone_is_switched_off(
    admin: World, chat: Chat
) -> None:
    path = await admin.company()
    made = await add_channel(admin, path, chat.url)
    about = f"{path}/notices/channels/{made['channel_id']}"
    async with a_copy(admin, None) as copy:
        chat.status = 500
        await hold_plan(admin, path)
        await copy.step()
        (shown,) = (await admin.call("GET", f"{about}/messages"))["items"]
        assert (shown["state"], shown["answer"]) == ("waiting", "500") and shown["next_try_at"]
        chat.status = 410
        await admin.age("UPDATE gateway.notice_messages SET next_try_at = now()")
        await copy.step()
        (shown,) = (await admin.call("GET", f"{about}/messages"))["items"]
        assert (shown["state"], shown["answer"]) == ("failed", "410")
        (listed,) = (await admin.call("GET", f"{path}/notices/channels"))["items"]
        assert not listed["active"]
        chat.status = 200
        await hold_plan(admin, path)
        await copy.step()
        assert len(chat.posted) == 2
        assert (await admin.call("PATCH", about, json={"active": True}))["active"]
        await hold_plan(admin, path)
        await copy.step()
        assert len(chat.posted) == 3


async def test_a_test_goes_at_once_and_says_where_it_opens(
    admin: World, chat: Chat, mailbox: Mailbox
) -> None:
    path = await admin.company()
    made = await add_channel(admin, path, chat.url, "webhook", kinds=[])
    about = f"{path}/notices/channels/{made['channel_id']}"
    async with a_copy(admin, mailbox) as copy:
        await admin.call("POST", f"{about}/test", expected=202)
        await copy.step()
        (one,) = chat.bodies()[0]["notices"]
        assert one["change"] == "test"
        assert one["link"] == f"https://muster.example/c/{company_of(path)}/notifications"
        for _ in range(4):
            await admin.call("POST", f"{about}/test", expected=202)
        await admin.call("POST", f"{about}/test", expected=429)


async def test_an_address_is_sealed_and_never_shown_again(admin: World, chat: Chat) -> None:
    path = await admin.company()
    made = await add_channel(admin, path, chat.url)
    listed = await admin.http.get(f"{path}/notices/channels")
    assert "its-own" not in listed.text
    assert made["host"] in chat.url and "its-own" not in made["host"]
    async with admin.database.transaction([company_of(path)]) as tx:
        row = await tx.fetchrow("SELECT * FROM notice_channels")
    assert (
        row is not None
        and b"its-own" not in bytes(row["sealed"])
        and "its-own" not in str(dict(row) | {"sealed": ""})
    )
    (entry,) = (await admin.call("GET", f"{path}/audit", params={"action": "channel.created"}))["items"]
    assert "its-own" not in str(entry)


@pytest.mark.parametrize("egress", [EgressSettings()])
async def test_an_address_that_may_not_be_called_is_refused(admin: World) -> None:
    path = await admin.company()
    for url in (
        "http://hooks.example.com/x",
        "https://u:p@hooks.example.com/x",
        "ftp://x.example",
        "http://127.0.0.1/x",
    ):
        body = {"shape": "slack", "name": "x", "url": url}
        await admin.call("POST", f"{path}/notices/channels", json=body, expected=422)


async def keyed(world: World, path: str, role: str) -> AsyncClient:
    key = await world.call("POST", f"{path}/api-keys", json={"name": role, "role": role}, expected=201)
    return AsyncClient(
        transport=world.http._transport,
        base_url="http://gateway.example",
        headers={"Authorization": f"Bearer {key['key']}"},
    )


async def test_channels_are_the_administrators_and_their_companys(
    admin: World, chat: Chat, nobody: str
) -> None:
    path, other = await admin.company(), await admin.company()
    made = await add_channel(admin, path, chat.url)
    async with await keyed(admin, path, "operator") as operator:
        assert (await operator.get(f"{path}/notices/channels")).status_code == 403
        found = (await operator.get(f"{path}/notices")).json()
        assert found["mine"] is None and [one["kind"] for one in found["kinds"]] == list(KINDS)
        choice = {"kinds": [], "time_zone": "UTC"}
        assert (await operator.put(f"{path}/notices/mine", json=choice)).status_code == 403
        assert (await operator.get(f"{path}/notices/mine/messages")).status_code == 403
    about = f"{other}/notices/channels/{made['channel_id']}"
    await admin.call("PATCH", about, json={"active": False}, expected=404)
    await admin.call("POST", f"{about}/test", expected=404)
    await admin.call("GET", f"{about}/messages", expected=404)
    await admin.call("DELETE", about, expected=404)
    await admin.call("GET", f"{nobody}/notices", expected=404)
    await admin.call("DELETE", f"{path}/notices/channels/{made['channel_id']}", expected=204)
    assert (await admin.call("GET", f"{path}/notices/channels"))["items"] == []


async def test_a_choice_that_makes_no_sense_is_refused(admin: World) -> None:
    path = await admin.company()
    for wrong in (
        {"time_zone": "Mars/Olympus"},
        {"kinds": ["births"]},
        {"quiet_from": "22:00"},
        {"quiet_from": "25:00", "quiet_until": "07:00"},
        {"digest_minutes": -1},
    ):
        body = {"kinds": ["plan_held"], "time_zone": "UTC", **wrong}
        await admin.call("PUT", f"{path}/notices/mine", json=body, expected=422)


async def test_old_messages_are_forgotten(admin: World, gateway: Copy, mailbox: Mailbox) -> None:
    path = await admin.company()
    await hold_plan(admin, path)
    await gateway.step()
    await mailbox.received(1)
    await admin.age("UPDATE gateway.notice_messages SET ended_at = now() - interval '31 days'")
    prune = asyncio.ensure_future(gateway.notifier.loops[1]())
    try:
        while (await admin.call("GET", f"{path}/notices/mine/messages"))["items"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    finally:
        prune.cancel()
