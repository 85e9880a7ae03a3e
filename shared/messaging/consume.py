"""Hearing something: the one way to consume.

One poll is one batch, one batch is one transaction: the inbox rows, the handler's state, its outbox rows. A batch that
fails is taken apart and handled one by one; what fails alone three times is parked. What a repetition may cure holds the
partition, with back-off. So an offset is committed only when everything before it has had its effect or is parked.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from asyncpg.pgproto.pgproto import UUID
from faststream import AckPolicy
from faststream.kafka import KafkaRouter
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from shared.clock import Clock
from shared.contracts import commands  # noqa: F401  (registers the command types)
from shared.contracts.events import Body, Message, bodies
from shared.contracts.records import Lane
from shared.contracts.topics import Topic
from shared.db.seal import Sealer
from shared.db.tx import Database, Tx
from shared.errors import RateLimited, Unavailable
from shared.messaging import dead_letters, inbox
from shared.messaging.dead_letters import DeadLetter, Raw
from shared.messaging.inbox import Received
from shared.settings import ServiceSettings
from shared.telemetry import traces
from shared.telemetry.logs import log
from shared.telemetry.metrics import CONSUMED, HANDLE_SECONDS, LAG, MESSAGE_AGE, PARKED

Handler = Callable[[Sequence[Message[Any]], Tx], Awaitable[None]]
ParkedHook = Callable[[Message[Any], Tx], Awaitable[None]]

TRIES = 3
MAX_RECORDS = 500
MAX_BACKOFF_SECONDS = 5.0

_ENVELOPE = frozenset({"ce_id", "ce_type", "ce_time", "ce_companyid"})
_LANES = {lane.value.encode(): lane for lane in Lane}


class PoisonError(Exception):
    """A message that can never be handled as it is. `reason` is a code, the text says where it is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def parse(record: ConsumerRecord[bytes, bytes], types: Mapping[bytes, type[Body]]) -> Received[Body]:
    """A record as a message. Total: whatever bytes come, it answers or raises `PoisonError`.

    Ids are made as asyncpg's UUID: one of the standard library's, made in an eighth of the time.
    """
    headers = dict(record.headers)
    try:
        b"".join(headers.values()).decode()
    except (UnicodeDecodeError, TypeError):
        raise PoisonError("bad_header", "a header is not text") from None
    if not headers.keys() >= _ENVELOPE:
        raise PoisonError("missing_header", f"without {', '.join(sorted(_ENVELOPE - headers.keys()))}")
    cls = types.get(headers["ce_type"])
    if cls is None:
        raise PoisonError("unknown_type", "a type that this topic does not have")
    value, cause, other = record.value or b"", headers.get("ce_causationid"), headers.get
    try:
        event_id, causation = (
            UUID(headers["ce_id"].decode()),
            UUID(cause.decode()) if cause is not None else None,
        )
        time, company, lane, run, actor, context = _shared(
            headers["ce_time"],
            headers["ce_companyid"],
            other("ce_lane", b"real_time"),
            other("ce_runid"),
            other("ce_actor"),
            other("traceparent"),
        )
    except (ValueError, KeyError):
        raise PoisonError("bad_header", "an id, a time or a lane is malformed") from None
    if time.tzinfo is None:
        raise PoisonError("bad_header", "a time without its zone")
    if b"\\u0000" in value and _holds_nul(value):
        raise PoisonError("nul_character", "text with a NUL character")
    try:
        body = cls.__pydantic_validator__.validate_json(value)
    except ValidationError as error:
        where = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors(include_input=False)[:5]
        )
        raise PoisonError("bad_body", where) from None
    except (ValueError, RecursionError) as error:
        raise PoisonError("bad_body", type(error).__name__) from None
    return Received(
        Message(event_id, time, company, lane, body, run, causation, actor, context, value), record
    )


@lru_cache(maxsize=1024)
def _shared(
    time: bytes, company: bytes, lane: bytes, run: bytes | None, actor: bytes | None, context: bytes | None
) -> tuple[datetime, UUID, Lane, UUID | None, str | None, str | None]:
    """The headers that messages said together share, read once."""
    return (
        datetime.fromisoformat(time.decode()),
        UUID(company.decode()),
        _LANES[lane],
        UUID(run.decode()) if run is not None else None,
        actor.decode() if actor is not None else None,
        context.decode() if context is not None else None,
    )


def _holds_nul(value: bytes) -> bool:
    """Whether the escape stands for NUL, which PostgreSQL cannot keep, and not for a backslash and five characters."""
    try:
        text = orjson.dumps(orjson.loads(value))
    except orjson.JSONDecodeError:
        return False
    return text.replace(b"\\\\", b"").find(b"\\u0000") >= 0


@dataclass(slots=True)
class Subscription(ConsumerRebalanceListener):  # type: ignore[misc]
    """One topic of one group: its handler, and how it is doing."""

    topic: str
    handler: Handler
    types: Mapping[bytes, type[Body]]
    unheard: frozenset[bytes]
    """Types of this topic that the handler does nothing with: neither read nor remembered."""
    on_parked: ParkedHook | None
    inbox: bool
    """Whether repeats are refused here; not where the handler keeps every event and refuses them itself."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    failures: int = 0
    poison_in_row: int = 0
    failed_in_row: int = 0
    holding: str | None = None
    progress_at: float = 0.0
    waiting_since: float | None = None

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # noqa: ARG002  (aiokafka's)
        """Let the running batch end before the partitions go, so that it need not be done again."""
        try:
            async with asyncio.timeout(8):
                async with self.busy:
                    pass
        except TimeoutError:
            log.warning("consume.drain", outcome="timeout", topic=self.topic)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Nothing to prepare: the inbox knows what was done."""


class _TooManyParkedError(Unavailable):
    """Too many in a row is a bad deploy, not bad messages: rather hold than park everything."""

    def __init__(self) -> None:
        super().__init__("too many messages in a row could not be handled")


class Consume:
    """Registers a service's handlers, and runs them as this module's text says."""

    def __init__(self, settings: ServiceSettings, database: Database, clock: Clock) -> None:
        """One a process."""
        self._settings = settings
        self._database = database
        self._clock = clock
        self._stopping = asyncio.Event()
        self._positions: dict[tuple[str, int], int] = {}
        self.subscriptions: list[Subscription] = []

    def stop(self) -> None:
        """Cut waits short: the process is ending."""
        self._stopping.set()

    def holding(self) -> dict[str, str]:
        """The topics whose partitions are held, and why: the process is not ready."""
        return {s.topic: s.holding for s in self.subscriptions if s.holding}

    def subscribe(
        self,
        router: KafkaRouter,
        topic: Topic,
        *,
        only: Collection[type[Body]] = (),
        on_parked: ParkedHook | None = None,
        inbox: bool = True,
        most: int = MAX_RECORDS,
    ) -> Callable[[Handler], Handler]:
        """Hear `topic` (`only` these of its types), every lane of it in a group of its own, `most` messages at once.

        The handler never calls a remote system, never commits. Without `inbox` it refuses repeats itself.
        """

        def register(handler: Handler) -> Handler:
            types = {name.encode(): cls for name, cls in bodies().items() if cls.topic is topic}
            unheard = frozenset(name for name, cls in types.items() if only and cls not in only)
            for lane in topic.lanes:
                name = topic.on(lane)
                subscription = Subscription(name, handler, types, unheard, on_parked, inbox)
                self._subscribe(router, name, lane, subscription, most)
            return handler

        return register

    def _subscribe(
        self, router: KafkaRouter, name: str, lane: Lane, subscription: Subscription, most: int
    ) -> None:
        kafka, service = self._settings.kafka, self._database.service

        async def total_parser(
            records: tuple[ConsumerRecord[bytes, bytes], ...], original: Callable[..., Awaitable[Any]]
        ) -> Any:
            """FastStream's own parser fails on a header that is not text, and the message would be lost."""
            message = await original(tuple(_bare(r) for r in records[:1]))
            message.raw_message = records
            return message

        async def whole(message: Any) -> Any:
            return message

        @router.subscriber(
            kafka.prefix + name,
            group_id=f"{kafka.prefix}{service}.{name}",
            group_instance_id=f"{service}-{self._settings.instance}" if kafka.static_members else None,
            batch=True,
            max_records=most,
            # As long as this FastStream is deaf after an empty poll, and a waiting fetch is answered at once: idle
            # subscribers, of which there are many, should not turn for nothing.
            batch_timeout_ms=40 if lane is Lane.REAL_TIME else 250,
            fetch_max_wait_ms=1000,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            auto_offset_reset="earliest",
            no_reply=True,
            parser=total_parser,
            decoder=whole,
            listener=subscription,
            session_timeout_ms=kafka.session_timeout_ms,
            heartbeat_interval_ms=kafka.heartbeat_ms,
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=300_000,
            isolation_level="read_committed",
        )
        async def consume(message: Any) -> None:
            async with subscription.busy:
                await self._batch(subscription, message.raw_message)
            # FastStream keeps the message in a context variable, and every timer made meanwhile keeps the context
            # (asyncpg's run for five minutes): what has been handled goes, or ten and more batches stay in memory.
            message.raw_message = message.raw_message[:1]

        self.subscriptions.append(subscription)

    async def _batch(self, sub: Subscription, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        started = asyncio.get_running_loop().time()
        received: list[Received[Body]] = []
        poison: list[DeadLetter] = []
        in_row = most_in_row = sub.poison_in_row
        for record in records:
            if sub.unheard and _type_of(record) in sub.unheard:
                continue
            try:
                received.append(parse(record, sub.types))
                in_row = 0
            except PoisonError as error:
                poison.append(_letter(record, error.reason, str(error)))
                in_row += 1
                most_in_row = max(most_in_row, in_row)
        try:
            await self._park_poison(sub, poison, most_in_row)
            links = (r.message.traceparent for r in received)
            name = f"{sub.topic} process"
            with traces.span(name, SpanKind.CONSUMER, links=links, count=len(records)):
                await self._handle(sub, received)
        except Exception as error:
            await self._hold(sub, error)
            raise
        sub.failures, sub.holding, sub.poison_in_row = 0, None, in_row
        self._observe(sub, records, len(received), started)

    async def _handle(self, sub: Subscription, received: Sequence[Received[Body]]) -> None:
        """All in one transaction; if that fails for good, each in its own."""
        if not received:
            return
        try:
            await self._transact(sub, received)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, it must not stop the others)
            log.warning("consume.split", outcome=type(error).__name__, topic=sub.topic, count=len(received))
            await self._handle_apart(sub, received)
        else:
            sub.failed_in_row = 0

    async def _handle_apart(self, sub: Subscription, received: Sequence[Received[Body]]) -> None:
        """One by one. What a run before this one parked stays parked: it was shown, and is not tried again."""
        places = [(r.record.partition, r.record.offset) for r in received]
        async with self._database.system() as tx:
            parked = await dead_letters.parked_among(tx, received[0].record.topic, places)
        in_row = sub.failed_in_row
        for one, place in zip(received, places, strict=True):
            error = None if place in parked else await self._handle_alone(sub, one)
            if error is None and place not in parked:
                in_row = 0
                continue
            in_row += 1
            if in_row > self._settings.max_parked_in_row:
                raise _TooManyParkedError
            if error is not None:
                await self._park_failed(sub, one, error)
        sub.failed_in_row = in_row

    async def _handle_alone(self, sub: Subscription, one: Received[Body]) -> Exception | None:
        """None when it had its effect, else what stopped the last try."""
        for attempt in range(1, TRIES + 1):
            try:
                await self._transact(sub, [one])
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  (a bug; parked after the last try)
                if attempt == TRIES:
                    return error
                await self._wait(0.05 * attempt)
            else:
                break
        return None

    async def _transact(self, sub: Subscription, received: Sequence[Received[Body]]) -> None:
        async with self._database.transaction(r.message.company_id for r in received) as tx:
            fresh = await inbox.remember(tx, received) if sub.inbox else [r.message for r in received]
            if fresh:
                await sub.handler(fresh, tx)

    def _sealer(self) -> Sealer:
        try:
            return Sealer(self._settings.dead_letter_keys())
        except ValueError as error:
            raise Unavailable(f"a message must be parked: {error}") from None

    async def _park_failed(self, sub: Subscription, one: Received[Body], error: Exception) -> None:
        """Park it, and let its record show it, in one transaction: a crash in between would hide it for ever."""
        message = one.message
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        where = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames))
        letter = _letter(one.record, "failed", f"{type(error).__name__} at {where}")
        try:
            async with self._database.transaction([message.company_id]) as tx:
                await dead_letters.park(tx, self._sealer(), [letter])
                if sub.on_parked is not None:
                    await sub.on_parked(message, tx)
        except Unavailable:
            raise
        except Exception as shown:  # noqa: BLE001  (the message is kept; only its record does not show it)
            log.error("consume.parked.show", outcome=type(shown).__name__, topic=sub.topic)
            async with self._database.transaction([message.company_id]) as tx:
                await dead_letters.park(tx, self._sealer(), [letter])
        PARKED.labels(topic=sub.topic, reason="failed").inc()
        log.error(
            "consume.parked",
            outcome=type(error).__name__,
            topic=sub.topic,
            event_id=str(message.id),
            where=where,
        )

    async def _park_poison(self, sub: Subscription, letters: Sequence[DeadLetter], in_row: int) -> None:
        if in_row > self._settings.max_parked_in_row:
            raise _TooManyParkedError
        if not letters:
            return
        async with self._database.system() as tx:
            new = await dead_letters.park(tx, self._sealer(), letters)
        for reason in new:
            PARKED.labels(topic=sub.topic, reason=reason).inc()
        if new:
            log.error("consume.parked", outcome="poison", topic=sub.topic, count=len(new))

    async def _hold(self, sub: Subscription, error: Exception) -> None:
        """Wait before the partition is read again. Whatever stopped the batch, it must not become a hot loop."""
        sub.failures += 1
        delay = min(MAX_BACKOFF_SECONDS, 0.1 * 2 ** min(sub.failures, 8))
        if isinstance(error, RateLimited):
            delay = min(MAX_BACKOFF_SECONDS, error.retry_after)
        expected = isinstance(error, Unavailable)
        why = str(error) if expected else f"{type(error).__name__} while parking or taking a batch apart"
        if sub.failures >= TRIES or isinstance(error, _TooManyParkedError):
            sub.holding = why
        log.warning("consume.hold", outcome=why, topic=sub.topic, failures=sub.failures, delay_s=delay)
        await self._wait(delay)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _observe(
        self, sub: Subscription, records: Sequence[ConsumerRecord[bytes, bytes]], count: int, started: float
    ) -> None:
        sub.progress_at, sub.waiting_since = asyncio.get_running_loop().time(), None
        took = asyncio.get_running_loop().time() - started
        CONSUMED.labels(topic=sub.topic).inc(count)
        HANDLE_SECONDS.labels(topic=sub.topic).observe(took)
        log.info("consume.batch", topic=sub.topic, count=len(records), duration_ms=round(took * 1000, 1))
        for record in records:
            self._positions[record.topic, record.partition] = record.offset + 1
        oldest = min(record.timestamp for record in records) / 1000
        MESSAGE_AGE.labels(topic=sub.topic).set(max(0.0, self._clock.now().timestamp() - oldest))

    def stuck_seconds(self) -> float:
        """How long the messages of one topic have waited without one being handled; holds are no such wait."""
        now = asyncio.get_running_loop().time()
        waits = [
            now - max(s.waiting_since, s.progress_at)
            for s in self.subscriptions
            if s.waiting_since is not None and s.holding is None
        ]
        return max(waits, default=0.0)

    async def measure_lag(self, router: Any) -> None:
        """Set the lag of every assigned partition, from what the consumers know without asking the broker."""
        now, lagging = asyncio.get_running_loop().time(), set()
        consumers = [s.consumer for s in router.subscribers if getattr(s, "consumer", None) is not None]
        for consumer, tp in ((c, tp) for c in consumers for tp in c.assignment()):
            high, at = consumer.highwater(tp), self._positions.get((tp.topic, tp.partition))
            if high is None:
                continue
            if at is None:
                with suppress(Exception):
                    async with asyncio.timeout(0.5):
                        at = await consumer.position(tp)
            lag = max(0, high - (at or 0))
            LAG.labels(topic=tp.topic, partition=str(tp.partition)).set(lag)
            if lag:
                lagging.add(tp.topic)
        for sub in self.subscriptions:
            if self._settings.kafka.prefix + sub.topic not in lagging:
                sub.waiting_since = None
            elif sub.waiting_since is None:
                sub.waiting_since = now


def _type_of(record: ConsumerRecord[bytes, bytes]) -> bytes | None:
    return next((value for name, value in record.headers if name == "ce_type"), None)


def _bare(record: ConsumerRecord[bytes, bytes]) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.timestamp_type,
        None,
        b"",
        0,
        0,
        0,
        (),
    )


def _letter(record: ConsumerRecord[bytes, bytes], reason: str, detail: str) -> DeadLetter:
    headers: dict[str, str] = {}
    for name, value in record.headers:
        text = value.decode("utf-8", "backslashreplace") if value is not None else ""
        headers[name] = text.replace("\x00", "\\0")
    company = event = None
    with suppress(ValueError):
        company, event = UUID(headers.get("ce_companyid", "")), UUID(headers.get("ce_id", ""))
    return DeadLetter(
        record.topic,
        record.partition,
        record.offset,
        reason,
        detail,
        Raw.of(record),
        company_id=company,
        event_id=event,
        type=headers.get("ce_type"),
    )
