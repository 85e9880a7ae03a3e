"""What becomes of a batch.

One poll is one batch, one batch is one transaction: the inbox rows, the handler's state, its outbox rows. A batch that
fails is taken apart and handled one by one; what fails alone three times is parked. What a repetition may cure holds the
partition, with back-off. So an offset is committed only when everything before it has had its effect or is parked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from opentelemetry.trace import SpanKind

from shared.contracts.events import Body, Message
from shared.db.tx import Database, Tx
from shared.errors import RateLimited, Unavailable
from shared.messaging import dead_letters, inbox
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.inbox import Received
from shared.messaging.parking import Parking
from shared.messaging.parse import PoisonError, parse, type_of
from shared.messaging.progress import Progress
from shared.telemetry import traces
from shared.telemetry.logs import log

Handler = Callable[[Sequence[Message[Any]], Tx], Awaitable[None]]

TRIES = 3
MAX_BACKOFF_SECONDS = 5.0


class _TooManyInRowError(Unavailable):
    """Too many in a row is a bad deploy, not bad messages: rather hold than park everything."""

    def __init__(self) -> None:
        super().__init__("too many messages in a row could not be handled")


@dataclass(slots=True)
class Subscription(ConsumerRebalanceListener):  # type: ignore[misc]
    """One topic of one group: its handler, and how it is doing."""

    database: Database
    parking: Parking
    max_in_row: int
    """Of messages that cannot be handled; more are a bad deploy."""
    progress: Progress
    stopping: asyncio.Event
    """Cuts waits short."""
    topic: str
    types: Mapping[bytes, type[Body]]
    passed_over: frozenset[bytes]
    """Types of this topic that the handler does nothing with: neither read nor remembered."""
    handler: Handler
    inbox: bool
    """Whether repeats are refused here; not where the handler keeps every event and refuses them itself."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    failures: int = 0
    poison_in_row: int = 0
    failed_in_row: int = 0
    holding: str | None = None
    committed_at: float = 0.0
    """By the loop's time."""

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # noqa: ARG002  (aiokafka's)
        """Let the running batch end before the partitions go, so that it need not be done again."""
        try:
            async with asyncio.timeout(8), self.busy:
                pass
        except TimeoutError:
            log.warning("consume.drain", outcome="timeout", topic=self.topic)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Nothing to prepare, the inbox knows what was done; only that our lag is counted from where they are read."""
        self.progress.forget(assigned)

    async def take(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> int:
        """Give a batch its effect; how many of it are for the handler. When it raises, after a pause, it must come again."""
        async with self.busy:
            try:
                received, poison, in_row = self._read(records)
                await self.parking.park_poison(poison)
                if poison:
                    self.committed_at = 0.0  # it must not be counted again
                links = (r.message.traceparent for r in received)
                name = f"{self.topic} process"
                with traces.span(name, SpanKind.CONSUMER, links=links, count=len(records)):
                    await self._handle(received)
            except Exception as error:
                await self._hold(error)
                raise
            self.failures, self.holding, self.poison_in_row = 0, None, in_row
            return len(received)

    def _read(
        self, records: Sequence[ConsumerRecord[bytes, bytes]]
    ) -> tuple[list[Received[Body]], list[DeadLetter], int]:
        """The messages, the poison, and how much of it stands in a row at the end."""
        received: list[Received[Body]] = []
        poison: list[DeadLetter] = []
        in_row = self.poison_in_row
        for record in records:
            if self.passed_over and type_of(record) in self.passed_over:
                continue
            try:
                received.append(parse(record, self.types))
                in_row = 0
            except PoisonError as error:
                poison.append(DeadLetter.of(record, error.reason, str(error)))
                in_row += 1
                self._check_in_row(in_row)
        return received, poison, in_row

    def _check_in_row(self, in_row: int) -> None:
        if in_row > self.max_in_row:
            raise _TooManyInRowError

    async def _handle(self, received: Sequence[Received[Body]]) -> None:
        """All in one transaction; if that fails for good, each in its own."""
        if not received:
            return
        try:
            await self._transact(received)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, it must not stop the others)
            log.warning("consume.split", outcome=type(error).__name__, topic=self.topic, count=len(received))
            await self._handle_apart(received)
        else:
            self.failed_in_row = 0

    async def _handle_apart(self, received: Sequence[Received[Body]]) -> None:
        """One by one. What a run before this one parked stays parked: it was shown, and is not tried again."""
        places = [(r.record.partition, r.record.offset) for r in received]
        async with self.database.system() as tx:
            parked = await dead_letters.parked_among(tx, received[0].record.topic, places)
        in_row = self.failed_in_row
        for one, place in zip(received, places, strict=True):
            error = None if place in parked else await self._handle_alone(one)
            if error is None and place not in parked:
                in_row = 0
                continue
            in_row += 1
            self._check_in_row(in_row)
            if error is not None:
                await self.parking.park_failed(one, error)
        self.failed_in_row = in_row

    async def _handle_alone(self, one: Received[Body]) -> Exception | None:
        """None when it had its effect, else what stopped the last try."""
        for attempt in range(1, TRIES + 1):
            try:
                await self._transact([one])
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  (a bug; parked after the last try)
                if attempt == TRIES:
                    return error
                await self._wait(0.05 * attempt)
            else:
                break
        return None

    async def _transact(self, received: Sequence[Received[Body]]) -> None:
        async with self.database.transaction(r.message.company_id for r in received) as tx:
            fresh = await inbox.remember(tx, received) if self.inbox else [r.message for r in received]
            if fresh:
                await self.handler(fresh, tx)

    async def _hold(self, error: Exception) -> None:
        """Wait before the partition is read again. Whatever stopped the batch, it must not become a hot loop."""
        self.failures += 1
        delay = error.retry_after if isinstance(error, RateLimited) else 0.1 * 2 ** min(self.failures, 8)
        delay = min(MAX_BACKOFF_SECONDS, delay)
        expected = isinstance(error, Unavailable)
        why = str(error) if expected else f"{type(error).__name__} while parking or taking a batch apart"
        if self.failures >= TRIES or isinstance(error, _TooManyInRowError):
            self.holding = why
        log.warning("consume.hold", outcome=why, topic=self.topic, failures=self.failures, delay_s=delay)
        await self._wait(delay)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
