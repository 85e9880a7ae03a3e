"""Several topics of one lane, read by one consumer: one transaction a poll, and what fails holds nothing else up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from faststream.kafka import KafkaRouter

from shared.contracts import topics
from shared.contracts.events import Body, DirectoryComplete, DirectoryWanted, Message
from shared.db.tx import Tx
from shared.errors import Unavailable
from shared.messaging import holds
from shared.messaging.consume import Consume
from shared.messaging.holds import Holds
from shared.messaging.subscription import Reads
from tests.integration.messaging.conftest import Probe
from tests.support.eventually import eventually
from tests.support.probe import Fault

ACCOUNT, THEN = UUID(int=2), datetime(2026, 11, 29, tzinfo=UTC)
BODIES: dict[str, Body] = {
    "employees.v1": DirectoryComplete(
        account_id=ACCOUNT, generation=1, as_of=THEN, base=THEN, part=0, parts=1
    ),
    "pushes.v1": DirectoryWanted(account_id=ACCOUNT, not_before=THEN),
}
EMPLOYEES, PUSHES = BODIES


def together(
    consume: Consume, fault: Fault, dead_lettered: Any, *, same: bool = False, **more: Any
) -> KafkaRouter:
    """Employees and pushes, by a handler each or by the `same` one."""
    router = KafkaRouter()

    def handler() -> Any:
        async def handle(events: Sequence[Message[Any]], tx: Tx) -> None:
            await tx.connection.executemany(
                "INSERT INTO effects VALUES ($1, $2)", [(e.company_id, e.id) for e in events]
            )
            await fault(events)

        return handle

    async def on_dead_letter(message: Message[Any], _: Tx) -> None:
        dead_lettered(message)

    one = handler()
    reads = [
        Reads(topic, one if same else handler(), on_dead_letter=on_dead_letter)
        for topic in (topics.EMPLOYEES, topics.PUSHES)
    ]
    consume.subscribe(router, *reads, **more)
    return router


async def send(probe: Probe, topic: str, partition: int = 0, body: bytes | None = None) -> UUID:
    """One message of this topic."""
    of = BODIES[topic]
    return await probe.send(
        body or of.model_dump_json().encode(), topic=topic, partition=partition, ce_type=of.wire_type()
    )


async def _has_all(probe: Probe, events: Sequence[UUID]) -> bool:
    return set(await probe.effects()) >= set(events)


async def _transactions(probe: Probe, events: Sequence[UUID]) -> set[str]:
    """Of which transactions the effects of these are."""
    rows = await probe.owner.fetch(
        "SELECT DISTINCT xmin::text AS xmin FROM mapper.effects WHERE event_id = ANY ($1)", list(events)
    )
    return {row["xmin"] for row in rows}


async def test_a_poll_of_two_topics_is_one_transaction(probe: Probe) -> None:
    """A handler each, one after the other."""
    sent = [await send(probe, topic, partition) for topic in BODIES for partition in (0, 1)]
    await probe.start(together)
    await eventually(partial(_has_all, probe, sent))

    assert len(await _transactions(probe, sent)) == 1
    assert probe.attempts == len(BODIES)


async def test_a_handler_of_both_topics_is_called_once(probe: Probe) -> None:
    """With the messages of both, in the order of its topics."""
    given: list[list[UUID]] = []

    async def fault(events: Sequence[Message[Any]]) -> None:
        given.append([event.id for event in events])

    probe.fault = fault
    pushed = await send(probe, PUSHES)
    staged = await send(probe, EMPLOYEES)
    await probe.start(partial(together, same=True))
    await eventually(partial(_has_all, probe, [pushed, staged]))
    assert given == [[staged, pushed]]


async def test_a_consumer_that_lingers_takes_what_follows_with_it(probe: Probe) -> None:
    """Two messages, one after the other, are one poll."""
    warm = [await send(probe, topic) for topic in BODIES]
    await probe.start(partial(together, linger_seconds=2.0))
    await eventually(partial(_has_all, probe, warm))
    sent = await asyncio.gather(*(send(probe, topic) for topic in BODIES))
    await eventually(partial(_has_all, probe, sent))
    assert len(await _transactions(probe, sent)) == 1


async def test_a_bug_in_one_topic_dead_letters_that_message_alone(probe: Probe) -> None:
    """The poll is split by topic, the topic by message; the other topic's messages stay one transaction."""
    staged = [await send(probe, EMPLOYEES) for _ in range(3)]
    pushed = [await send(probe, PUSHES) for _ in range(3)]

    async def fault(events: Sequence[Message[Any]]) -> None:
        if staged[1] in {event.id for event in events}:
            raise KeyError("a bug")

    probe.fault = fault
    await probe.start(together)
    await eventually(partial(_has_all, probe, [staged[0], staged[2], *pushed]))

    (dead_letter,) = await eventually(probe.dead_letters)
    assert dead_letter.event_id == staged[1]
    assert probe.dead_lettered == [staged[1]]
    assert len(await _transactions(probe, pushed)) == 1
    assert len(await _transactions(probe, [staged[0], staged[2]])) == 2


async def _held(
    probe: Probe, partitions: Sequence[int] = (0, 1)
) -> tuple[Consume, list[UUID], asyncio.Event]:
    """These partitions of employees meet what a repetition may cure in one poll; pushes came with them."""
    cured = asyncio.Event()
    staged = [await send(probe, EMPLOYEES, partition) for partition in partitions]
    pushed = await send(probe, PUSHES)

    async def fault(events: Sequence[Message[Any]]) -> None:
        if {event.id for event in events} & set(staged) and not cured.is_set():
            raise Unavailable("a neighbour is away")

    probe.fault = fault
    consume = await probe.start(together)
    await eventually(partial(_has_all, probe, [pushed]))
    return consume, staged, cured


async def test_a_hold_pauses_only_its_partitions(probe: Probe) -> None:
    """The topic's other partition goes on, and so does the other topic."""
    consume, staged, cured = await _held(probe, [0])

    async def paused() -> bool:
        return list(consume.paused()) == [EMPLOYEES]

    await eventually(paused)
    going_on = [await send(probe, EMPLOYEES, 1), await send(probe, PUSHES)]
    await eventually(partial(_has_all, probe, going_on))
    assert not set(await probe.effects()) & set(staged)
    assert await probe.dead_letters() == []

    cured.set()
    await eventually(partial(_has_all, probe, staged))
    assert consume.paused() == {}


async def test_every_partition_that_is_held_is_read_again(probe: Probe) -> None:
    """Both of them, from where the poll began, and in order."""
    _, staged, cured = await _held(probe)
    later = [await send(probe, EMPLOYEES, partition) for partition in (0, 1)]
    cured.set()
    await eventually(partial(_has_all, probe, [*staged, *later]))
    effects = await probe.effects()
    assert len(effects) == len(set(effects))
    assert all(effects.index(first) < effects.index(then) for first, then in zip(staged, later, strict=True))


async def test_a_partition_that_is_not_sought_back_loses_what_was_read(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: only the first of the partitions goes back."""
    hold = Holds.hold

    def first_only(self: Holds, records: Any, *more: Any) -> float:
        return hold(self, [r for r in records if r.partition == records[0].partition], *more)

    monkeypatch.setattr(Holds, "hold", first_only)
    _, staged, cured = await _held(probe)
    cured.set()
    later = [await send(probe, EMPLOYEES, partition) for partition in (0, 1)]
    await eventually(partial(_has_all, probe, later))
    assert len(set(await probe.effects()) & set(staged)) == 1


async def test_what_is_held_is_not_committed_and_comes_to_the_copy_that_takes_over(probe: Probe) -> None:
    """The consumer stops while partitions are held; what went on meanwhile is committed."""
    consume, staged, cured = await _held(probe)
    await probe.stop()
    assert consume.subscribers[0].holds.failures()
    assert await probe.committed(EMPLOYEES, group="real_time") == 0
    assert await probe.committed(PUSHES, group="real_time") == 1

    cured.set()
    await probe.start(together)
    await eventually(partial(_has_all, probe, staged))


async def test_a_copy_that_joins_while_partitions_are_held_loses_nothing(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebalance reads every partition from what is committed; holds of partitions that went are forgotten."""
    monkeypatch.setattr(holds, "MAX_BACKOFF_SECONDS", 0.5)
    _, staged, cured = await _held(probe)
    await probe.start(together)
    more = [await send(probe, topic, partition) for topic in BODIES for partition in (0, 1)]
    cured.set()
    await eventually(partial(_has_all, probe, [*staged, *more]))
    effects = await probe.effects()
    assert len(effects) == len(set(effects))


async def test_poison_of_one_topic_is_committed_at_once_though_the_other_is_held(probe: Probe) -> None:
    """Dead letters must not be made again."""
    _, _, cured = await _held(probe)
    await send(probe, PUSHES, body=b"{")
    await eventually(partial(_committed, probe, 2), within=5)
    (dead_letter,) = await probe.dead_letters()
    assert dead_letter.reason == "bad_body"
    cured.set()


async def _committed(probe: Probe, offset: int) -> bool:
    return await probe.committed(PUSHES, group="real_time") == offset
