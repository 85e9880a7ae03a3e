"""When offsets are committed: lazily, and always before partitions go (`shared/messaging/offsets.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.events import Message
from shared.messaging import inbox, offsets
from tests.integration.messaging.conftest import Probe
from tests.support.eventually import eventually


async def _committed(probe: Probe, offset: int) -> bool:
    return await probe.committed() == offset


async def _handled_without_commit(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, seconds: float = 600
) -> list[UUID]:
    """Messages that had their effect, in some polls, while no commit is due after the first for so long."""
    monkeypatch.setattr(offsets, "COMMIT_SECONDS", seconds)
    await probe.start()
    sent = [await probe.send()]
    await eventually(lambda: _committed(probe, 1))
    for _ in range(3):
        sent.append(await probe.send())
        await probe.has(*sent)
    return sent


async def test_offsets_are_committed_at_most_once_a_second_and_soon_though_nothing_follows(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after every poll; the last ones when the subscriber has nothing to do."""
    commits = _count_commits(monkeypatch)
    await _handled_without_commit(probe, monkeypatch, 3.0)
    assert (len(commits), await probe.committed()) == (1, 1)

    await eventually(lambda: _committed(probe, 4))
    assert len(commits) == 2


def _count_commits(monkeypatch: pytest.MonkeyPatch) -> list[dict[TopicPartition, int]]:
    commits: list[dict[TopicPartition, int]] = []
    commit = AIOKafkaConsumer.commit

    async def counted(self: AIOKafkaConsumer, given: dict[TopicPartition, int]) -> None:
        commits.append(given)
        await commit(self, given)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", counted)
    return commits


async def test_a_subscriber_that_stops_commits_what_it_handled(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it comes again to the next one."""
    sent = await _handled_without_commit(probe, monkeypatch)
    assert await probe.committed() == 1
    await probe.stop()

    assert await probe.committed() == len(sent)


async def test_a_subscriber_that_ends_without_stop_leaves_them_to_come_again(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control; the inbox refuses the repeats."""
    sent = await _handled_without_commit(probe, monkeypatch)
    ((broker, _),) = probe.running
    probe.running.clear()
    await broker.stop()
    assert await probe.committed() == 1

    probe.attempts = 0
    await probe.start()
    last = await probe.send()
    await probe.has(*sent, last)
    assert probe.attempts == 1


async def test_partitions_that_are_taken_away_are_committed_first(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy joins: what the first one handled is not given to the second, though no inbox would refuse it."""

    async def forgetful(_: Any, received: Sequence[Any]) -> list[Any]:
        return list(received)

    monkeypatch.setattr(inbox, "remember", forgetful)
    sent = await _handled_without_commit(probe, monkeypatch)
    assert await probe.committed() == 1
    await probe.start()

    await eventually(lambda: _committed(probe, len(sent)))
    last = await probe.send()
    await probe.has(*sent, last)


async def test_what_was_read_and_not_handled_yet_is_never_committed(probe: Probe) -> None:
    """The broker hears of handled offsets, not of positions."""
    first = await probe.send()
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def fault(events: Sequence[Message[Any]]) -> None:
        if first not in {e.id for e in events}:
            begun.set()
            await may_end.wait()

    probe.fault = fault
    consume = await probe.start()
    await eventually(lambda: _committed(probe, 1))
    last = await probe.send()
    await begun.wait()
    await consume.subscribers[0].offsets.commit()
    assert await probe.committed() == 1
    may_end.set()
    await probe.has(first, last)


async def test_a_poll_that_dead_lettered_is_committed_at_once(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Poison, and what fails for good."""
    sent = await _handled_without_commit(probe, monkeypatch)
    await probe.send(b"{")
    await eventually(lambda: _committed(probe, len(sent) + 1), within=3)

    async def fault(_: Sequence[Message[Any]]) -> None:
        raise KeyError("a bug")

    probe.fault = fault
    await probe.send()
    await eventually(lambda: _committed(probe, len(sent) + 2), within=3)
