"""The one way to hear, on the real broker and database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from faststream.kafka import KafkaRouter
from pydantic import SecretStr

from shared.contracts import topics
from shared.contracts.events import Message
from shared.db import tx as transactions
from shared.db.seal import SealError
from shared.db.tx import Tx
from shared.errors import Unavailable
from shared.messaging import consume as consuming
from shared.messaging import holds, inbox, limit, pauses
from shared.messaging.consume import Consume
from shared.messaging.subscription import Reads, Subscription
from shared.telemetry.metrics import REGISTRY
from tests.integration.messaging.conftest import Probe
from tests.support.eventually import eventually
from tests.support.probe import COMPANY

GOOD = b'{"record_id":"00000000-0000-0000-0000-000000000009","account_id":"00000000-0000-0000-0000-000000000002","remote_id":"x"}'
MORE = GOOD[:-1] + b',"more":%s}'
"""With a field that nobody reads."""
POISON: dict[str, tuple[str, dict[str, Any]]] = {
    "not JSON": ("bad_body", {"body": b"{"}),
    "empty": ("bad_body", {"body": b""}),
    "NUL": ("nul_character", {"body": GOOD.replace(b'"x"', b'"a\\u0000"')}),
    "a lone surrogate": ("bad_body", {"body": GOOD.replace(b'"x"', b'"\\ud800"')}),
    "NaN": ("bad_body", {"body": GOOD.replace(b'"x"', b"NaN")}),
    "NaN in a field that nobody reads": ("bad_body", {"body": MORE % b"NaN"}),
    "infinity": ("bad_body", {"body": MORE % b"-Infinity"}),
    "nested and never closed": ("bad_body", {"body": b"[" * 5000}),
    "nested too deeply": ("bad_body", {"body": MORE % (b"[" * 5000 + b"]" * 5000)}),
    "a number of 5,000 digits": ("bad_body", {"body": GOOD.replace(b'"x"', b"9" * 5000)}),
    "a field missing": ("bad_body", {"body": b'{"record_id":"00000000-0000-0000-0000-000000000009"}'}),
    "a number that is infinite": ("bad_body", {"body": GOOD.replace(b'"x"', b"1e400")}),
    "a header that is not text": ("bad_header", {"ce_subject": b"\xff\xfe"}),
    "a header without a value": ("bad_header", {"ce_subject": b"null"}),
    "a company that is none": ("bad_header", {"ce_companyid": "acme"}),
    "an unknown lane": ("bad_header", {"ce_lane": "scenic"}),
    "a time that is none": ("bad_header", {"ce_time": "yesterday"}),
    "no id": ("missing_header", {"ce_id": None}),
    "an id that is none": ("bad_header", {"ce_id": "seven"}),
    "a time without its zone": ("bad_header", {"ce_time": "2026-11-23T12:00:00"}),
    "an unknown type": ("unknown_type", {"ce_type": "employee.teleported"}),
    "no type": ("missing_header", {"ce_type": None}),
}


async def test_the_same_event_three_times_has_one_effect(probe: Probe) -> None:
    """The inbox refuses the repeats."""
    await probe.start()
    known, at = uuid4(), "2026-11-23T12:00:00+00:00"
    for _ in range(3):
        await probe.send(event_id=known, ce_time=at)
    last = await probe.send()

    await probe.has(known, last)


async def test_what_comes_while_a_subscriber_listens_is_consumed_at_once(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it would listen for ten minutes."""
    monkeypatch.setattr(consuming, "LISTEN_SECONDS", 600.0)
    await probe.start()
    first = await probe.send()
    await probe.has(first)
    second = await probe.send()
    await probe.has(first, second)


async def test_without_the_inbox_it_would_have_three(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""

    async def forgetful(_: Any, received: Sequence[Any]) -> list[Any]:
        return list(received)

    monkeypatch.setattr(inbox, "remember", forgetful)
    await probe.start()
    known = uuid4()
    for _ in range(3):
        await probe.send(event_id=known, ce_time="2026-11-23T12:00:00+00:00")

    await probe.has(known, known, known)


async def test_poison_of_every_kind_is_dead_lettered_once_and_the_rest_goes_on(probe: Probe) -> None:
    """Each with its raw bytes and a reason; the good neighbours have their effect."""
    good = [await probe.send()]
    probe.set(max_dead_letters=len(POISON))
    for _, kind in POISON.values():
        await probe.send(**kind)
    good.append(await probe.send())
    await probe.start()

    await probe.has(*good)
    entries = await probe.dead_letters()
    found = dict(zip(POISON, entries, strict=True))
    assert {name: x.reason for name, x in found.items()} == {name: why for name, (why, _) in POISON.items()}
    for name, (_, kind) in POISON.items():
        raw = found[name].raw
        assert raw is not None
        assert kind.get("body", raw.body) == raw.body
        headers = dict(raw.headers)
        for header in kind.keys() - {"body"}:
            sent = kind[header].encode() if isinstance(kind[header], str) else kind[header]
            assert headers.get(header) == (None if sent == b"null" else sent), name


async def test_a_field_that_nobody_knows_is_no_poison(probe: Probe) -> None:
    """A newer version of us may say more; a name may hold the letters of what is no number."""
    sent = [await probe.send(MORE % b'{"deep":[1.5]}'), await probe.send(MORE % b'"NaN"')]
    await probe.start()

    await probe.has(*sent)
    assert await probe.dead_letters() == []


async def test_an_unknown_type_that_is_passed_over_would_be_lost(probe: Probe) -> None:
    """The negative control: only types of the topic that the handler has no use for may be passed over."""
    consume = await probe.start()
    (subscription,) = consume.subscriptions()
    subscription.passed_over = frozenset({b"employee.teleported"})
    await probe.send(ce_type="employee.teleported")
    last = await probe.send()

    await probe.has(last)
    assert await probe.dead_letters() == []


async def test_one_event_that_always_fails_is_dead_lettered_and_shown(probe: Probe) -> None:
    """The batch is taken apart; after three tries it is dead-lettered with its headers, and its record shows it."""
    sent = [await probe.send() for _ in range(5)]

    async def fault(events: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0)
        if sent[2] in {e.id for e in events}:
            raise KeyError("a bug")

    probe.fault = fault
    await probe.start()

    await probe.has(*sent[:2], *sent[3:])
    (dead_letter,) = await eventually(probe.dead_letters)
    assert (dead_letter.event_id, dead_letter.reason) == (sent[2], "failed")
    assert dead_letter.raw is not None
    assert dict(dead_letter.raw.headers)["ce_id"] == str(sent[2]).encode()
    assert "a bug" not in dead_letter.detail
    assert probe.dead_lettered == [sent[2]]


async def test_without_taking_the_batch_apart_its_neighbours_would_be_dead_lettered_too(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""

    async def all_of_it(self: Subscription, received: Sequence[Any]) -> None:
        for one in received:
            await self.dead_lettering.store_failed(one, KeyError("a bug"))

    monkeypatch.setattr(Subscription, "_handle_apart", all_of_it)
    sent = [await probe.send() for _ in range(3)]

    async def fault(events: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0)
        if sent[1] in {e.id for e in events}:
            raise KeyError("a bug")

    probe.fault = fault
    await probe.start()

    await eventually(probe.dead_letters)
    assert {x.event_id for x in await probe.dead_letters()} > {sent[1]}


async def test_a_batch_that_is_too_slow_for_one_statement_is_handled_in_smaller_ones(probe: Probe) -> None:
    """Its partition does not wait for a database that would be as slow the next time."""
    sizes: list[int] = []

    async def slow(events: Sequence[Message[Any]], tx: Tx) -> None:
        sizes.append(len(events))
        await tx.execute("SET LOCAL statement_timeout = '1s'")
        await tx.fetchval("SELECT pg_sleep($1)", 0.4 * len(events))
        for event in events:
            await tx.execute("INSERT INTO effects VALUES ($1, $2)", event.company_id, event.id)

    def subscribe(consume: Consume, *_: Any) -> KafkaRouter:
        router = KafkaRouter()
        consume.subscribe(router, Reads(topics.NOTIFICATIONS, slow))
        return router

    sent = [await probe.send() for _ in range(7)]
    await probe.start(subscribe)

    await probe.has(*sent)
    assert max(sizes) > 2
    assert await probe.dead_letters() == []


@pytest.mark.parametrize(("bad", "company"), [("ce_id", COMPANY), ("ce_companyid", None)])
async def test_of_a_message_without_a_good_id_its_company_is_known_all_the_same(
    probe: Probe, bad: str, company: UUID | None
) -> None:
    """So its people see the dead letter."""
    sent = await probe.send(**{bad: "seven"})
    await probe.start()

    (dead_letter,) = await eventually(probe.dead_letters)
    assert (company, None if bad == "ce_id" else sent) == (dead_letter.company_id, dead_letter.event_id)


async def test_without_a_pause_it_would_be_a_hot_loop(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr(holds, "backoff_seconds", lambda *_, **__: 0.0)
    await probe.send()

    async def fault(_: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0)
        raise Unavailable("a neighbour is away")

    probe.fault = fault
    await probe.start()

    await eventually(lambda: _tried(probe, 13))


async def _tried(probe: Probe, times: int) -> bool:
    return probe.attempts >= times


async def test_what_a_repetition_may_cure_holds_without_a_hot_loop(probe: Probe) -> None:
    """Back-off while it lasts, unready meanwhile; nothing is dead-lettered, and it goes on by itself."""
    sent = [await probe.send() for _ in range(3)]
    ill = True

    async def fault(_: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0)
        if ill:
            raise Unavailable("a neighbour is away")

    probe.fault = fault
    consume = await probe.start()

    async def paused() -> dict[str, str]:
        return consume.paused()

    await eventually(paused)
    await asyncio.sleep(1.5)
    assert probe.attempts <= 12
    ill = False
    await probe.has(*sent)
    assert await probe.dead_letters() == []
    assert consume.paused() == {}


async def test_without_a_total_parser_a_bad_header_is_lost(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: FastStream's own parser fails, nothing is dead-lettered, and the offset moves on all the same."""
    monkeypatch.setattr(consuming, "_bare", lambda record: record)
    await probe.send(ce_subject=b"\xff\xfe")
    last = await probe.send(ce_time="2026-11-23T12:00:00+00:00")
    await probe.start()

    await asyncio.sleep(1)
    if await probe.effects() == []:
        last = await probe.send()
        await probe.has(last)
    assert await probe.dead_letters() == []


async def test_a_name_that_holds_a_backslash_and_u0000_is_no_nul(probe: Probe) -> None:
    """Only the escape is poison, not the six characters."""
    typed = await probe.send(GOOD.replace(b'"x"', rb'"a\\u0000"'))
    await probe.start()

    await probe.has(typed)
    assert await probe.dead_letters() == []


async def test_dead_lettered_messages_are_sealed(probe: Probe) -> None:
    """Nothing of the message lies open in the table, and what is opened is what came, to the byte."""
    body = GOOD.replace(b'"x"', b'{"surname":"Featherstonehaugh"}')
    await probe.send(body, ce_subject=b"Featherstonehaugh")
    await probe.start()

    (dead_letter,) = await eventually(probe.dead_letters)
    assert dead_letter.raw is not None
    assert dead_letter.raw.body == body
    assert dict(dead_letter.raw.headers)["ce_subject"] == b"Featherstonehaugh"
    stored = str(await probe.owner.fetch("SELECT d::text FROM mapper.dead_letter d"))
    assert b"Featherstonehaugh" not in bytes.fromhex("".join(re.findall(r"[0-9a-f]{32,}", stored)))
    assert "Featherstonehaugh" not in stored


async def test_a_sealed_message_moved_to_another_row_does_not_open(probe: Probe) -> None:
    """The seal is bound to topic, partition and offset."""
    await probe.send(b"{")
    await probe.start()
    await eventually(probe.dead_letters)
    await probe.owner.execute('UPDATE mapper.dead_letter SET "offset" = 77')

    with pytest.raises(SealError, match="other associated data"):
        await probe.dead_letters()


async def test_without_its_key_it_holds_and_loses_nothing(probe: Probe) -> None:
    """What cannot be dead-lettered is neither skipped nor tried in a hot loop, and the reason says what to set."""
    probe.set(dead_letter_key=None)
    await probe.send(b"{")
    good = await probe.send()
    consume = await probe.start()

    async def paused() -> str:
        return str(consume.paused())

    await eventually(paused)
    await eventually(lambda: _holds(consume, "MUSTER_DEAD_LETTER_KEY"))
    assert consume.subscribers[0].holds.failures() < 12
    assert await probe.effects() == []
    await probe.stop()
    probe.set(dead_letter_key=SecretStr("A" * 43 + "="))
    await probe.start()
    await probe.has(good)


async def _holds(consume: Consume, why: str) -> bool:
    return why in str(consume.paused())


async def test_a_dead_lettered_message_is_shown_once_however_often_its_batch_comes(probe: Probe) -> None:
    """One is poison, one always fails, one waits for a neighbour: the first two are dead-lettered once, and hold nothing up."""
    probe.set(max_dead_letters=2)
    await probe.send(b"{")
    broken, waiting = await probe.send(), await probe.send()
    ill = True

    async def fault(events: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0)
        ids = {e.id for e in events}
        if broken in ids:
            raise KeyError("a bug")
        if waiting in ids and ill:
            raise Unavailable("a neighbour is away")

    probe.fault = fault
    consume = await probe.start()
    await eventually(lambda: _failed(consume, 5))
    ill = False
    last = await probe.send()

    await probe.has(waiting, last)
    assert probe.dead_lettered == [broken]
    assert [x.reason for x in await probe.dead_letters()] == ["bad_body", "failed"]


async def _failed(consume: Consume, times: int) -> bool:
    return consume.subscribers[0].holds.failures() >= times


async def test_a_hook_that_fails_does_not_lose_the_message(probe: Probe) -> None:
    """It is dead-lettered all the same."""
    sent = await probe.send()

    async def fault(_: Sequence[Message[Any]]) -> None:
        raise KeyError("a bug")

    def hook(_: Any) -> None:
        raise ValueError("another bug")

    probe.fault = fault
    probe.dead_lettered = type("", (), {"append": staticmethod(hook)})()
    await probe.start()

    (dead_letter,) = await eventually(probe.dead_letters)
    assert dead_letter.event_id == sent


async def _paused(probe: Probe) -> list[str]:
    async with probe.database.system() as tx:
        return [found.topic for found in await pauses.list_paused(tx)]


async def test_so_many_dead_letters_that_it_looks_like_a_bad_deploy_pause_the_topic(probe: Probe) -> None:
    """It turns unready and alarms instead of going on; a person sees it, and lets it go on."""
    for _ in range(35):
        await probe.send(b"{")
    good = await probe.send()
    consume = await probe.start()

    await eventually(lambda: _holds(consume, "muster topics resume"))
    assert len(await probe.dead_letters()) == probe.settings.max_dead_letters
    assert await _paused(probe) == ["notifications.v1"]
    assert REGISTRY.get_sample_value("muster_paused_topics", {"topic": "notifications.v1"}) == 1
    assert await probe.effects() == []

    async with probe.database.system() as tx:
        assert await pauses.resume(tx, "notifications.v1")
        assert not await pauses.resume(tx, "links.v1")
    await probe.has(good)
    assert len(await probe.dead_letters()) == 35
    assert await _paused(probe) == []
    assert consume.paused() == {}
    assert REGISTRY.get_sample_value("muster_paused_topics", {"topic": "notifications.v1"}) == 0


async def test_a_paused_topic_goes_on_by_itself_when_time_has_passed(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """35 messages that cannot be read do not stop it for ever."""
    monkeypatch.setattr(limit, "WINDOW_SECONDS", 1.0)
    for _ in range(35):
        await probe.send(b"{")
    good = await probe.send()
    await probe.start()

    await probe.has(good)
    assert len(await probe.dead_letters()) == 35


async def test_as_many_between_good_ones_are_bad_messages(probe: Probe) -> None:
    """No more of them than of those that can be handled."""
    good = []
    for _ in range(30):
        await probe.send(b"{")
        good.append(await probe.send())
    consume = await probe.start()

    await probe.has(*good)
    assert len(await eventually(probe.dead_letters)) == 30
    assert consume.paused() == {}


async def test_a_handler_that_always_fails_is_a_bad_deploy(probe: Probe) -> None:
    """The same for what parses: after as many it pauses; fixed, it goes on with what is left."""
    probe.set(max_dead_letters=3)
    sent = [await probe.send() for _ in range(6)]
    ill = True

    async def fault(_: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0)
        if ill:
            raise KeyError("a bad deploy")

    probe.fault = fault
    consume = await probe.start()
    await eventually(lambda: _holds(consume, "too many"))
    await eventually(lambda: _failed(consume, 3))
    assert len(await probe.dead_letters()) == 3
    ill = False
    await eventually(lambda: _holds_nothing(consume))

    dead_lettered = {x.event_id for x in await probe.dead_letters()}
    assert dead_lettered == set(sent[:3])
    assert set(await probe.effects()) >= set(sent[3:])


async def _holds_nothing(consume: Consume) -> bool:
    return not consume.paused()


async def test_what_nobody_handles_is_passed_over_and_committed_with_the_rest(probe: Probe) -> None:
    """It leaves no trace in inbox and effects."""
    consume = await probe.start()
    (subscription,) = consume.subscriptions()
    subscription.passed_over = frozenset({b"source.changed"})
    await probe.send()
    await eventually(lambda: _passed(consume))
    subscription.passed_over = frozenset()
    consumed = await probe.send()
    await probe.has(consumed)

    await eventually(lambda: _committed(probe, 2))


async def _passed(consume: Consume) -> bool:
    return bool(consume._progress.positions)


async def _committed(probe: Probe, offset: int) -> bool:
    return await probe.committed() == offset


async def test_what_does_not_concern_the_handler_leaves_no_trace(probe: Probe) -> None:
    """It is read, as poison beside it is, and neither handled nor remembered."""
    consume = await probe.start()
    (subscription,) = consume.subscriptions()
    subscription.concerns = lambda body: body.remote_id == "mine"
    await probe.send()
    await probe.send(b"{")
    mine = await probe.send(GOOD.replace(b'"x"', b'"mine"'))

    await probe.has(mine)
    assert await probe.owner.fetchval("SELECT count(*) FROM mapper.inbox") == 1
    assert [x.reason for x in await probe.dead_letters()] == ["bad_body"]
    await eventually(lambda: _committed(probe, 3))


async def _waits_for_its_company(probe: Probe) -> list[bool]:
    """Of each backend that waits for an advisory lock: whether it holds a transaction id."""
    rows = await probe.owner.fetch(
        "SELECT backend_xid IS NOT NULL AS has FROM pg_stat_activity"
        " WHERE wait_event = 'advisory' AND datname = current_database()"
    )
    return [row["has"] for row in rows]


async def _id_while_waiting(probe: Probe) -> bool:
    """Whether a handler that waits for its company's lock holds a transaction id meanwhile."""
    async with probe.database.locked([COMPANY]):
        await probe.start()
        sent = await probe.send()
        (has,) = await eventually(lambda: _waits_for_its_company(probe))
    await probe.has(sent)
    return has


async def test_a_handler_waits_for_its_company_before_it_has_a_transaction_id(probe: Probe) -> None:
    """Else every relay of the database would wait with it: they read only below the oldest open id."""
    assert not await _id_while_waiting(probe)


async def test_a_lock_taken_after_the_first_write_would_hold_every_relay_back(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    locking = transactions._locking
    monkeypatch.setattr(
        transactions, "_locking", lambda *given: f"SELECT pg_current_xact_id(); {locking(*given)}"
    )
    async with probe.database.transaction([COMPANY]) as gate:
        await gate.execute(locking(3, (COMPANY,)))
        await probe.start()
        await probe.send()
        assert await eventually(lambda: _waits_for_its_company(probe)) == [True]


async def test_a_connection_whose_wait_for_a_lock_was_cut_short_comes_back_clean(probe: Probe) -> None:
    """The transaction had begun: it is rolled back before the connection serves others."""
    async with probe.database.locked([COMPANY]):
        waiting = asyncio.ensure_future(_take_lock(probe))
        await eventually(lambda: _waits_for_its_company(probe))
        await probe.owner.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'"
            " AND datname = current_database()"
        )
        with pytest.raises(Unavailable):
            await waiting
    left = await probe.owner.fetch(
        "SELECT state FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
    )
    assert left == []


async def _take_lock(probe: Probe) -> None:
    async with probe.database.locked([COMPANY]):
        pass
