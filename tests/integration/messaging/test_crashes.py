"""What happens when a process ends in the middle, or partitions move; each with the mechanism switched off once."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from faststream import AckPolicy

from shared.clock import SystemClock
from shared.contracts.events import Message
from shared.messaging import consume as consuming
from shared.messaging import inbox
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.relay import Relay
from shared.messaging.subscriber import Subscriber
from tests.integration.messaging.conftest import Probe
from tests.support.eventually import eventually
from tests.support.probe import COMPANY


async def forgetful(_: Any, received: Sequence[Any]) -> list[Any]:
    """An inbox that knows nothing."""
    return list(received)


async def ends(process: asyncio.subprocess.Process, within: float = 40) -> int:
    """The code of a process that ends by itself; it is ended here when it does not."""
    try:
        async with asyncio.timeout(within):
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_process_killed_before_it_commits_left_nothing(probe: Probe) -> None:
    """The work is done again, and once."""
    sent = [await probe.send() for _ in range(3)]
    assert await ends(await probe.process("handled")) == -signal.SIGKILL
    assert (await probe.effects(), await probe.committed()) == ([], 0)

    await probe.start()
    await probe.has(*sent)


async def _killed_between_commits(probe: Probe) -> list[UUID]:
    sent = [await probe.send() for _ in range(3)]
    assert await ends(await probe.process("committed")) == -signal.SIGKILL
    done = await probe.effects()
    assert done
    assert await probe.committed() == 0
    last = await probe.send()
    await probe.start()
    await eventually(lambda: _has(probe, last))
    return [*sent, last]


async def _has(probe: Probe, event: UUID) -> bool:
    return event in await probe.effects()


async def test_a_process_killed_between_its_commit_and_the_offsets_does_nothing_twice(probe: Probe) -> None:
    """Everything comes again, and falls out."""
    sent = await _killed_between_commits(probe)
    await probe.has(*sent)


async def test_without_the_inbox_that_kill_doubles_the_effect(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    monkeypatch.setattr(inbox, "remember", forgetful)
    sent = await _killed_between_commits(probe)
    assert len(await probe.effects()) > len(sent)


async def test_with_offsets_committed_first_that_kill_would_lose_it(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the other side: a commit before the work, and a process that ends in between."""
    sent = await probe.send()
    committed = AIOKafkaConsumer(
        probe.topic,
        bootstrap_servers=probe.settings.kafka.bootstrap,
        group_id=f"{probe.settings.kafka.prefix}mapper.notifications.v1",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await committed.start()
    await committed.getone()
    await committed.commit()
    await committed.stop()
    last = await probe.send()
    await probe.start()

    await probe.has(last)
    assert sent not in await probe.effects()


async def _publish(probe: Probe, count: int) -> list[UUID]:
    async with probe.database.transaction([COMPANY]) as tx:
        await Outbox(SystemClock()).append(tx, [Outgoing(probe.event(), COMPANY) for _ in range(count)])
    return await probe.published()


async def _cursor(probe: Probe) -> str:
    return str(await probe.owner.fetchval("SELECT xid::text FROM mapper.relay_cursor WHERE lane = 0"))


async def test_a_relay_killed_between_produce_and_mark_says_it_again(probe: Probe) -> None:
    """By SIGKILL, in a process of its own; the next one repeats it, and the effect is there once."""
    published = await _publish(probe, 5)
    assert await ends(await probe.process("produced")) == -signal.SIGKILL
    assert await _cursor(probe) == "0"
    relay = Relay(probe.settings, probe.database)
    await eventually(lambda: _led(probe))
    assert await relay.step() == (5, False)
    await relay.close()
    await probe.start()

    await probe.has(*published)


async def _led(probe: Probe) -> bool:
    """Nobody holds the leader's lock any more."""
    return not await probe.owner.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 8702"
    )


async def test_a_relay_that_marked_first_would_lose_it(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: the cursor moves, and the process ends before the broker has it."""
    await _publish(probe, 5)
    relay = Relay(probe.settings, probe.database)

    async def nothing(_: Any) -> None:
        """The process ended here."""

    monkeypatch.setattr(relay, "_send", nothing)
    assert await relay.step() == (5, False)
    await relay.close()
    again = Relay(probe.settings, probe.database)
    assert await again.step() == (0, False)
    await again.close()


async def _rebalanced(probe: Probe) -> list[UUID]:
    async def slow(_: Sequence[Message[Any]]) -> None:
        await asyncio.sleep(0.4)

    probe.fault = slow
    await probe.start()
    sent = []
    for n in range(40):
        sent.append(await probe.send())
        if n in (15, 25):
            await probe.start()
        await asyncio.sleep(0.02)
    await eventually(lambda: _has_all(probe, sent), within=40)
    return sent


async def _has_all(probe: Probe, events: Sequence[UUID]) -> bool:
    return set(await probe.effects()) >= set(events)


async def test_copies_that_join_while_a_batch_runs_double_nothing(probe: Probe) -> None:
    """Rebalances in the middle: every effect once."""
    sent = await _rebalanced(probe)
    await probe.has(*sent)


async def test_without_drain_and_inbox_a_rebalance_doubles_effects(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""

    async def at_once(_: Any, __: Any) -> None: ...

    monkeypatch.setattr(Subscriber, "on_partitions_revoked", at_once)
    monkeypatch.setattr(inbox, "remember", forgetful)
    sent = await _rebalanced(probe)
    assert len(await probe.effects()) > len(sent)


async def _group(probe: Probe) -> tuple[str, int]:
    """What the broker says of the group: its state, and how many belong to it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.settings.kafka.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups(
            [f"{probe.settings.kafka.prefix}mapper.notifications.v1"]
        )
    finally:
        await admin.close()
    ((_, _, state, _, _, members, *_),) = answer.groups
    return state, len(members)


async def _a_copy_joins_while_a_batch_runs(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> tuple[bool, list[int]]:
    """Whether the partitions move meanwhile, and how often each message is handled; no inbox refuses repeats."""
    monkeypatch.setattr(inbox, "remember", forgetful)
    runs: Counter[UUID] = Counter()
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def fault(events: Sequence[Message[Any]]) -> None:
        runs.update(event.id for event in events)
        begun.set()
        await may_end.wait()

    async def moved() -> bool:
        return await _group(probe) == ("Stable", 2)

    probe.fault = fault
    sent = [await probe.send() for _ in range(3)]
    await probe.start()
    await begun.wait()
    joining = asyncio.ensure_future(probe.start())
    with suppress(AssertionError):
        await eventually(moved, within=4)
    at_once = await moved()
    may_end.set()
    await joining
    last = await probe.send()
    await eventually(lambda: _has_all(probe, [last]))
    return at_once, [runs[event] for event in sent]


async def test_a_batch_that_runs_while_a_copy_joins_is_handled_once(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its partitions go when it has ended and its offset is committed: the drain alone sees to it."""
    assert await _a_copy_joins_while_a_batch_runs(probe, monkeypatch) == (False, [1, 1, 1])


async def test_without_the_drain_it_is_handled_again(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: only the wait is off, and the partitions go while the batch runs."""

    async def at_once(_: Any, __: Any) -> None: ...

    monkeypatch.setattr(Subscriber, "on_partitions_revoked", at_once)
    moved, runs = await _a_copy_joins_while_a_batch_runs(probe, monkeypatch)

    assert moved
    assert max(runs) > 1


async def _told_to_stop(probe: Probe, by: signal.Signals) -> tuple[int, int, int]:
    """Its code, the effects and the committed offset of a process that was told to stop while it handles one message."""
    process = await probe.process(PROBE_SECONDS="1.5")
    await probe.send()
    await eventually(lambda: _handling(probe))
    process.send_signal(by)
    code = await ends(process)
    return code, len(await probe.effects()), await probe.committed()


async def _handling(probe: Probe) -> bool:
    return bool(
        await probe.owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE 'INSERT INTO effects%'"
            " AND datname = current_database()"
        )
    )


async def test_a_service_asked_to_stop_finishes_what_it_handles(probe: Probe) -> None:
    """SIGTERM: the batch ends, its offset is committed, the process ends well; nothing is left to do again."""
    assert await _told_to_stop(probe, signal.SIGTERM) == (0, 1, 1)


async def test_a_killed_one_does_not(probe: Probe) -> None:
    """The negative control: the same with SIGKILL leaves all to be done."""
    assert await _told_to_stop(probe, signal.SIGKILL) == (-signal.SIGKILL, 0, 0)


async def _a_bug_of_our_own(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> tuple[UUID, UUID]:
    """The first poll, of one message, meets a bug before anything is split or held; another message follows."""
    take, failed = Subscriber._take, asyncio.Event()

    async def fails_once(self: Subscriber, batches: Any) -> None:
        if not failed.is_set():
            failed.set()
            raise KeyError("a bug")
        await take(self, batches)

    monkeypatch.setattr(Subscriber, "_take", fails_once)
    first = await probe.send()
    await probe.start()
    await failed.wait()
    return first, await probe.send()


async def test_a_poll_that_a_bug_of_our_own_stops_comes_again(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost where not even holding works: every subscriber is NACK_ON_ERROR."""
    await probe.has(*await _a_bug_of_our_own(probe, monkeypatch))


async def test_without_a_nack_it_would_be_lost(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: with ACK what failed is committed and gone."""

    class Policy:
        NACK_ON_ERROR = AckPolicy.ACK

    monkeypatch.setattr(consuming, "AckPolicy", Policy)
    _, last = await _a_bug_of_our_own(probe, monkeypatch)
    await probe.has(last)
