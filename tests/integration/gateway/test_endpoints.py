"""Events delivered to other programs: signed, each until it arrives, and nothing lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import orjson
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway.settings import Settings
from services.gateway.store.deliveries import COMPANY_MOST, ENDPOINT_MOST
from services.gateway.worker import Deliveries, deliveries
from shared.clock import SystemClock
from shared.http.internal import Internal
from shared.settings import DatabaseSettings, EgressSettings, KafkaSettings, VaultSettings
from shared.standard_webhooks import is_signed
from tests.integration.gateway.conftest import KEY, TOKENS, World
from tests.support.eventually import eventually
from tests.support.http import served


@dataclass
class Receiver:
    """Another program: what it received, and what it answers."""

    url: str = ""
    status: int = 200
    answers: asyncio.Event | None = None
    """What its answers wait for, where they wait for anything."""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def receive(self, request: Request) -> Response:
        self.received.append((dict(request.headers), await request.body()))
        if self.answers is not None:
            await self.answers.wait()
        return Response(status_code=self.status)

    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.received]


@asynccontextmanager
async def _receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with served(Starlette(routes=[Route("/in", receiver.receive, methods=["POST"])])) as address:
        receiver.url = f"{address}/in"
        yield receiver


@asynccontextmanager
async def _delivering(world: World) -> AsyncIterator[Deliveries]:
    """The loops of one copy of gateway."""
    settings = Settings(
        database=DatabaseSettings(dsn=SecretStr("unused")), kafka=KafkaSettings(bootstrap="none"), internal_tokens=TOKENS,
        vault=VaultSettings(key=SecretStr(KEY)), egress=EgressSettings(loopback=True), urls=world.urls,
    )  # fmt: skip
    history = Internal(world.urls.history, TOKENS.history, "history")
    deliveries = Deliveries(world.database, history, settings, SystemClock())
    tasks = [asyncio.ensure_future(run()) for run in deliveries.loops]
    try:
        yield deliveries
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await deliveries.close()
        await history.close()


def _company(path: str) -> UUID:
    return UUID(path.rsplit("/", 1)[-1])


async def _endpoint(world: World, path: str, url: str, **more: Any) -> dict[str, Any]:
    created = await world.call("POST", f"{path}/endpoints", json={"url": url, **more}, expected=201)
    return cast("dict[str, Any]", created)


async def test_each_event_arrives_signed_and_without_values(admin: World) -> None:
    path = await admin.company()
    async with _receiver() as receiver, _delivering(admin) as deliveries:
        made = await _endpoint(admin, path, receiver.url)
        ids = await admin.staged(path, "Lindqvist", "Okafor")
        deliveries.moved(_company(path))

        async def both() -> bool:
            return len(receiver.received) == 2

        await eventually(both)
        assert {e["record_id"] for e in receiver.events()} == {str(i) for i in ids}
        for headers, body in receiver.received:
            assert is_signed(headers, body, [made["secret"]], datetime.now(UTC))
            assert not is_signed(headers, body + b" ", [made["secret"]], datetime.now(UTC))
            assert headers["webhook-id"] == orjson.loads(body)["event_id"]
            assert b"Lindqvist" not in body
        listed = (await admin.call("GET", f"{path}/endpoints"))["items"]
        assert listed[0]["waiting"] == 0
        assert listed[0]["delivered_at"] is not None
        assert "secret" not in listed[0]


async def test_what_does_not_arrive_is_tried_again_and_can_be_sent_again_by_hand(admin: World) -> None:
    path = await admin.company()
    async with _receiver() as receiver, _delivering(admin) as deliveries:
        receiver.status = 503
        made = await _endpoint(admin, path, receiver.url, types=["employee.staged"])
        await admin.staged(path, "Lindqvist")
        deliveries.moved(_company(path))
        at = f"{path}/endpoints/{made['endpoint_id']}/deliveries"

        async def tried() -> Any:
            items = (await admin.call("GET", at))["items"]
            return items if items and items[0]["tries"] else None

        (waiting,) = await eventually(tried)
        assert (waiting["state"], waiting["answer"]) == ("waiting", "503")
        receiver.status = 204
        await admin.call("POST", f"{at}/{waiting['delivery_id']}/redeliver", expected=202)
        deliveries.wake(None)

        async def arrived() -> bool:
            return bool((await admin.call("GET", at, params={"state": "delivered"}))["items"])

        await eventually(arrived)
        first, second = receiver.received
        assert first[0]["webhook-id"] == second[0]["webhook-id"], "a receiver can tell that it is the same"


async def test_while_nobody_delivers_nothing_is_lost_and_nothing_comes_twice(admin: World) -> None:
    path = await admin.company()
    async with _receiver() as receiver:
        await _endpoint(admin, path, receiver.url)
        ids = await admin.staged(path, *(f"P{n}" for n in range(8)))
        async with _delivering(admin), _delivering(admin):

            async def all_of_them() -> bool:
                return len(receiver.received) >= len(ids)

            await eventually(all_of_them)
            await asyncio.sleep(1.5)
        assert sorted(e["record_id"] for e in receiver.events()) == sorted(map(str, ids))


async def test_an_address_that_is_gone_is_disabled_and_becomes_active_again_by_hand(admin: World) -> None:
    path = await admin.company()
    async with _receiver() as receiver, _delivering(admin) as deliveries:
        receiver.status = 410
        made = await _endpoint(admin, path, receiver.url)
        await admin.call("POST", f"{path}/endpoints/{made['endpoint_id']}/test", expected=202)
        deliveries.wake(None)

        async def disabled() -> bool:
            return bool((await admin.call("GET", f"{path}/endpoints"))["items"][0]["state"] == "disabled")

        await eventually(disabled)
        entries = (await admin.call("GET", f"{path}/audit", params={"action": "endpoint.disabled"}))["items"]
        assert [e["detail"] for e in entries] == ["gone"]
        receiver.status = 200
        changed = {"state": "active"}
        await admin.call("PATCH", f"{path}/endpoints/{made['endpoint_id']}", json=changed)
        await admin.age("UPDATE gateway.deliveries SET next_try_at = now()")
        deliveries.wake(None)

        async def arrived() -> bool:
            return bool((await admin.call("GET", f"{path}/endpoints"))["items"][0]["delivered_at"])

        await eventually(arrived)


async def test_a_day_without_an_arrival_disables_it(admin: World) -> None:
    path = await admin.company()
    async with _receiver() as receiver, _delivering(admin) as deliveries:
        receiver.status = 500
        made = await _endpoint(admin, path, receiver.url)
        await admin.call("POST", f"{path}/endpoints/{made['endpoint_id']}/test", expected=202)
        deliveries.wake(None)

        async def failing() -> bool:
            return bool((await admin.call("GET", f"{path}/endpoints"))["items"][0]["failing_since"])

        await eventually(failing)
        await admin.age("UPDATE gateway.endpoints SET failing_since = now() - interval '25 hours'")
        await admin.age(
            "UPDATE gateway.deliveries SET created_at = now() - interval '25 hours', next_try_at = now()"
        )
        deliveries.wake(None)

        async def ended() -> bool:
            return bool((await admin.call("GET", f"{path}/endpoints"))["items"][0]["state"] == "disabled")

        await eventually(ended)
        at = f"{path}/endpoints/{made['endpoint_id']}/deliveries"
        assert [d["state"] for d in (await admin.call("GET", at))["items"]] == ["failed"]


async def test_a_replaced_secret_still_signs_for_a_day(admin: World) -> None:
    path = await admin.company()
    async with _receiver() as receiver, _delivering(admin) as deliveries:
        old = await _endpoint(admin, path, receiver.url)
        at = f"{path}/endpoints/{old['endpoint_id']}"
        new = await admin.call("POST", f"{at}/secret", expected=201)
        await admin.call("POST", f"{at}/test", expected=202)
        deliveries.wake(None)

        async def arrived() -> bool:
            return bool(receiver.received)

        await eventually(arrived)
        headers, body = receiver.received[0]
        for secret in (old["secret"], new["secret"]):
            assert is_signed(headers, body, [secret], datetime.now(UTC))


async def test_the_audit_log_says_to_which_host_events_go_and_no_more(admin: World) -> None:
    path = await admin.company()
    made = await _endpoint(admin, path, "https://hooks.example.com/in?token=hush")
    at = f"{path}/endpoints/{made['endpoint_id']}"
    await admin.call("PATCH", at, json={"state": "paused", "url": "https://other.example:8443/hush"})
    await admin.call("PATCH", at, json={"description": "hush"})
    entries = (await admin.call("GET", f"{path}/audit"))["items"]
    assert [(e["action"], e["detail"]) for e in entries if e["action"].startswith("endpoint.")] == [
        ("endpoint.changed", ""),
        ("endpoint.changed", "paused other.example:8443"),
        ("endpoint.created", "hooks.example.com"),
    ]


async def test_an_address_that_cannot_be_called_stops_nobody_elses(admin: World) -> None:
    """No port has this number: what fails then is not an error of HTTP, and the address was saved before it was refused."""
    path = await admin.company()
    async with _receiver() as receiver:
        bad = await _endpoint(admin, path, receiver.url)
        await admin.age("UPDATE gateway.endpoints SET url = 'http://127.0.0.1:99999/in'")
        await _endpoint(admin, path, receiver.url)
        (record,) = await admin.staged(path, "Lindqvist")
        async with _delivering(admin):

            async def both() -> Any:
                items = (await admin.call("GET", f"{path}/endpoints/{bad['endpoint_id']}/deliveries"))[
                    "items"
                ]
                return receiver.received and items and items[0]["tries"] and items

            (failed,) = await eventually(both)
        assert [e["record_id"] for e in receiver.events()] == [str(record)]
        assert (failed["state"], failed["answer"]) == ("waiting", "it could not be sent")


async def test_who_does_not_answer_delays_nobody_else(admin: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three addresses of one company hang, and more waits for each than may be under way."""
    monkeypatch.setattr(deliveries, "_TIMEOUT", None)
    monkeypatch.setattr(deliveries, "_TOTAL_SECONDS", None)
    slow, other = await admin.company(), await admin.company()
    async with _receiver() as hanging, _receiver() as receiver:
        hanging.answers = asyncio.Event()
        made = [await _endpoint(admin, slow, hanging.url) for _ in range(3)]
        await _endpoint(admin, other, receiver.url)
        people = await admin.staged(slow, *(f"P{n}" for n in range(ENDPOINT_MOST + 2)))
        async with _delivering(admin) as sending:

            async def full() -> bool:
                return len(hanging.received) == COMPANY_MOST

            await eventually(full)
            (record,) = await admin.staged(other, "Lindqvist")
            sending.moved(_company(other))

            async def arrived() -> bool:
                return bool(receiver.received)

            await eventually(arrived)
            assert [e["record_id"] for e in receiver.events()] == [str(record)]
            assert len(hanging.received) == COMPANY_MOST, "one by one they would be more by now"
            hanging.answers.set()

            async def all_of_them() -> bool:
                return len(hanging.received) == len(made) * len(people)

            await eventually(all_of_them)
    assert len({h["webhook-id"] for h, _ in hanging.received}) == len(people)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/x",
        "ftp://example.com/x",
        "https://u:p@example.com/",
        "https://a..b/",
        f"https://{'x' * 64}.example/",
        "http://127.0.0.1:99999/",
    ],
)
async def test_addresses_that_lead_inside_are_not_called(admin: World, url: str) -> None:
    path = await admin.company()
    answer = await admin.http.post(f"{path}/endpoints", json={"url": url}, headers={"X-Muster": "1"})
    if answer.status_code in (400, 422):
        return
    assert answer.status_code == 201, answer.text
    async with _delivering(admin) as deliveries:
        at = f"{path}/endpoints/{answer.json()['endpoint_id']}"
        await admin.call("POST", f"{at}/test", expected=202)
        deliveries.wake(None)

        async def tried() -> Any:
            items = (await admin.call("GET", f"{at}/deliveries"))["items"]
            return items[0]["answer"] if items[0]["tries"] else None

        assert await eventually(tried) == "the address may not be called"
