"""What becomes of one topic's messages.

A batch has its effect in one transaction: the inbox rows, the handler's state, its outbox rows. One that is too slow for a
single transaction is handled in smaller ones. A batch that fails is taken apart and handled one by one; what fails alone
three times is dead-lettered. What a repetition may cure is raised, and so are more failures than bad messages account for
(`limit`): the batch comes again later (`subscriber`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord

from shared.contracts.events import Body, Message
from shared.contracts.topics import Topic
from shared.db.tx import Database, Tx
from shared.errors import StatementTimeout, Unavailable, where
from shared.messaging import dead_letters, inbox, pauses
from shared.messaging.dead_lettering import DeadLetterHook, DeadLettering
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.inbox import Received
from shared.messaging.limit import DeadLetterLimit, TooManyDeadLettersError
from shared.messaging.offsets import Offsets
from shared.messaging.parse import PoisonError, parse, type_of
from shared.telemetry.logs import log

Handler = Callable[[Sequence[Message[Any]], Tx], Awaitable[None]]

TRIES = 3


@dataclass(frozen=True, slots=True)
class Reads:
    """What a service does with one topic, in each of its lanes.

    `only` these of its types, and of them the bodies that it `concerns`; others are neither handled nor remembered.
    The handler never calls a remote system, never commits.
    """

    topic: Topic
    handler: Handler
    only: Collection[type[Body]] = ()
    concerns: Callable[[Any], bool] = lambda _: True
    on_dead_letter: DeadLetterHook | None = None


@dataclass(slots=True)
class Subscription:
    """One topic of one consumer."""

    database: Database
    dead_lettering: DeadLettering
    limit: DeadLetterLimit
    offsets: Offsets
    stopping: asyncio.Event
    """Cuts waits short."""
    topic: str
    types: Mapping[bytes, type[Body]]
    passed_over: frozenset[bytes]
    """Types of this topic that the handler does nothing with: neither read nor remembered."""
    concerns: Callable[[Any], bool]
    """Whether the handler does anything with this body; others are read, and not remembered."""
    handler: Handler
    inbox: bool
    """Whether repeats are refused here; not where the handler keeps every event and refuses them itself."""

    async def read(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> list[Received[Body]]:
        """The messages that are for the handler; the poison among the records is dead-lettered, as far as the limit lets."""
        received: list[Received[Body]] = []
        poison: list[DeadLetter] = []
        for record in records:
            if self.passed_over and type_of(record) in self.passed_over:
                continue
            try:
                one = parse(record, self.types)
            except PoisonError as error:
                poison.append(DeadLetter.of(record, error.reason, str(error)))
            else:
                if self.concerns(one.message.body):
                    received.append(one)
        await self._dead_letter_poison(poison, len(received))
        return received

    async def handle(self, received: Sequence[Received[Body]]) -> None:
        """All in one transaction, or half as many in each while the database finds that too much at once."""
        size = len(received)
        while received:
            try:
                await self._handle_together(received[:size])
            except StatementTimeout as error:
                if size == 1:
                    raise
                log.warning("consume.split", outcome=type(error).__name__, topic=self.topic, count=size)
                size = (size + 1) // 2
            else:
                received = received[size:]
                size = min(size, len(received))

    async def _handle_together(self, received: Sequence[Received[Body]]) -> None:
        """In one transaction; if that fails for good, each in its own."""
        try:
            await have_effect(self.database, [(self, received)])
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, it must not stop the others)
            log.warning("consume.split", outcome=type(error).__name__, topic=self.topic, count=len(received))
            await self._handle_apart(received)
        else:
            self.handled(len(received))

    def handled(self, count: int) -> None:
        """So many messages had their effect."""
        self.limit.handled(count, asyncio.get_running_loop().time())

    async def _dead_letter_poison(self, poison: Sequence[DeadLetter], readable: int) -> None:
        """As much as the limit lets; raises when something is left over."""
        if not poison:
            return
        dead_lettered = await self._count_dead_letters(
            poison[0].topic, [(x.partition, x.offset) for x in poison]
        )
        new = [x for x in poison if (x.partition, x.offset) not in dead_lettered]
        room = await self._room(len(new), readable)
        await self.dead_lettering.store_poison(new[:room])
        self._dead_lettered(room)
        if room < len(new):
            raise TooManyDeadLettersError

    async def _count_dead_letters(
        self, topic: str, places: Sequence[tuple[int, int]]
    ) -> set[tuple[int, int]]:
        """Which of these (partition, offset) a run before this one dead-lettered."""
        async with self.database.system() as tx:
            return await dead_letters.known_among(tx, topic, places)

    async def _room(self, count: int, handled: int) -> int:
        """How many of `count` messages may become dead letters now: all, when a person lets the topic go on."""
        room = self.limit.room(count, handled, asyncio.get_running_loop().time())
        if room == count:
            return room
        async with self.database.system() as tx:
            resumed = await pauses.pause(tx, self.topic)
        return count if resumed else room

    def _dead_lettered(self, count: int) -> None:
        self.limit.dead_lettered(count, asyncio.get_running_loop().time())
        self.offsets.hurry()

    async def _handle_apart(self, received: Sequence[Received[Body]]) -> None:
        """One by one. What a run before this one dead-lettered stays dead-lettered: it was shown, and is not tried again."""
        places = [(r.record.partition, r.record.offset) for r in received]
        dead_lettered = await self._count_dead_letters(received[0].record.topic, places)
        handled = 0
        for one, place in zip(received, places, strict=True):
            if place in dead_lettered:
                continue
            error = await self._handle_alone(one)
            if error is None:
                handled += 1
                continue
            if not await self._room(1, handled):
                raise TooManyDeadLettersError
            await self.dead_lettering.store_failed(one, error)
            self._dead_lettered(1)
        self.handled(handled)

    async def _handle_alone(self, one: Received[Body]) -> Exception | None:
        """None when it had its effect, else what stopped the last try."""
        for attempt in range(1, TRIES + 1):
            try:
                await have_effect(self.database, [(self, [one])])
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  (a bug; dead-lettered after the last try)
                if attempt == TRIES:
                    return error
                await self._wait(0.05 * attempt)
            else:
                break
        return None

    async def replay(self, dead_letter: DeadLetter) -> str:
        """Handle a dead letter again, by itself. Empty when it had its effect, else what stopped it; never a value of it."""
        assert dead_letter.raw is not None
        try:
            one = parse(dead_letter.record(), self.types)
            await have_effect(self.database, [(self, [one])])
        except PoisonError as error:
            return f"{error.reason}: {error}"
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  (as when it was dead-lettered)
            return f"{type(error).__name__} at {where(error)}"
        return ""

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()


async def have_effect(
    database: Database, batches: Sequence[tuple[Subscription, Sequence[Received[Body]]]]
) -> None:
    """Hand the messages that were not handled before to their handlers, in one transaction and in this order.

    A handler of several topics is called once, with the messages of all.
    """
    all_received = [one for _, received in batches for one in received]
    handlers = {received[0].record.topic: subscription.handler for subscription, received in batches}
    async with database.handling({one.message.company_id for one in all_received}) as tx:
        fresh = await inbox.remember(tx, all_received) if batches[0][0].inbox else all_received
        given: dict[Handler, list[Message[Any]]] = {}
        for message, record in fresh:
            given.setdefault(handlers[record.topic], []).append(message)
        for handler, messages in given.items():
            await handler(messages, tx)
