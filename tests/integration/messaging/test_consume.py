"""The one way to hear, on the real broker and database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.events import Message
from shared.errors import Unavailable
from shared.messaging import inbox
from tests.integration.messaging.conftest import Probe
from tests.support.eventually import eventually

GOOD = b'{"record_id":"00000000-0000-0000-0000-000000000009","account_id":"00000000-0000-0000-0000-000000000002","remote_id":"x"}'
POISON: dict[str, dict[str, Any]] = {
    "not JSON": {"body": b"{"},
    "empty": {"body": b""},
    "NUL": {"body": GOOD.replace(b'"x"', b'"a\\u0000"')},
    "a lone surrogate": {"body": GOOD.replace(b'"x"', b'"\\ud800"')},
    "NaN": {"body": GOOD.replace(b'"x"', b"NaN")},
    "nested too deeply": {"body": b"[" * 5000},
    "a number of 5,000 digits": {"body": GOOD.replace(b'"x"', b"9" * 5000)},
    "a field missing": {"body": b'{"record_id":"00000000-0000-0000-0000-000000000009"}'},
    "a header that is not text": {"ce_subject": b"\xff\xfe"},
    "no id": {"ce_id": None},
    "an id that is none": {"ce_id": "seven"},
    "a time without its zone": {"ce_time": "2026-11-23T12:00:00"},
    "an unknown type": {"ce_type": "employee.teleported"},
}


async def test_the_same_event_three_times_has_one_effect(probe: Probe) -> None:
    """The inbox refuses the repeats."""
    await probe.start()
    known, at = uuid4(), "2026-11-23T12:00:00+00:00"
    for _ in range(3):
        await probe.send(event_id=known, ce_time=at)
    last = await probe.send()

    await probe.has(known, last)


async def test_without_the_inbox_it_would_have_three(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""

    async def forgetful(_: Any, received: Sequence[Any]) -> list[Message[Any]]:
        return [r.message for r in received]

    monkeypatch.setattr(inbox, "remember", forgetful)
    await probe.start()
    known = uuid4()
    for _ in range(3):
        await probe.send(event_id=known, ce_time="2026-11-23T12:00:00+00:00")

    await probe.has(known, known, known)


async def test_poison_of_every_kind_is_parked_once_and_the_rest_goes_on(probe: Probe) -> None:
    """Each with its raw bytes and a reason; the good neighbours have their effect."""
    good = [await probe.send()]
    for kind in POISON.values():
        await probe.send(**kind)
    good.append(await probe.send())
    await probe.start()

    await probe.has(*good)
    letters = await probe.letters()
    assert len(letters) == len(POISON)
    bodies = [kind["body"] for kind in POISON.values() if "body" in kind]
    assert [bytes(x["body"] or b"") for x in letters[: len(bodies)]] == bodies
    assert all(x["reason"] for x in letters)


async def test_one_event_that_always_fails_is_parked_and_shown(probe: Probe) -> None:
    """The batch is taken apart; after three tries it is parked with its headers, and its record shows it."""
    sent = [await probe.send() for _ in range(5)]

    async def fault(events: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0)
        if sent[2] in {e.id for e in events}:
            raise KeyError("a bug")

    probe.fault = fault
    await probe.start()

    await probe.has(*sent[:2], *sent[3:])
    (letter,) = await eventually(probe.letters)
    assert (letter["event_id"], letter["reason"]) == (sent[2], "failed")
    assert letter["headers"]["ce_id"] == str(sent[2])
    assert "a bug" not in letter["detail"]
    assert probe.parked == [sent[2]]


async def test_what_a_repetition_may_cure_holds_without_a_hot_loop(probe: Probe) -> None:
    """Back-off while it lasts, unready meanwhile; nothing is parked, and it goes on by itself."""
    sent = [await probe.send() for _ in range(3)]
    ill = True

    async def fault(_: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0)
        if ill:
            raise Unavailable("a neighbour is away")

    probe.fault = fault
    consume = await probe.start()

    async def holding() -> dict[str, str]:
        return consume.holding()

    await eventually(holding)
    await asyncio.sleep(1.5)
    assert probe.attempts <= 12
    ill = False
    await probe.has(*sent)
    assert await probe.letters() == []
    assert consume.holding() == {}


async def test_too_many_parked_in_a_row_is_a_bad_deploy(probe: Probe) -> None:
    """It holds and turns unready instead of parking everything."""
    for _ in range(30):
        await probe.send(b"{")
    consume = await probe.start()

    async def holding() -> dict[str, str]:
        return consume.holding()

    await eventually(holding)
    assert len(await probe.letters()) <= probe.settings.max_parked_in_row


async def test_a_second_copy_that_joins_while_a_batch_runs_doubles_nothing(probe: Probe) -> None:
    """A rebalance in the middle: every effect once."""

    async def fault(_: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0.4)

    probe.fault = fault
    await probe.start()
    sent = []
    for n in range(60):
        sent.append(await probe.send())
        if n == 20:
            await probe.start()
        await asyncio.sleep(0.02)

    await probe.has(*sent, within=40)


async def test_the_database_away_for_a_while_loses_nothing(probe: Probe) -> None:
    """All its connections are cut again and again; everything has its effect once."""
    await probe.start()
    sent = []
    for n in range(40):
        sent.append(await probe.send())
        if n % 5 == 0:
            await probe.owner.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mapper'"
            )
        await asyncio.sleep(0.05)

    await probe.has(*sent, within=40)
