"""Remembering what was heard, in the transaction of its effect, so that nothing has an effect twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from aiokafka import ConsumerRecord

from shared.contracts.events import Body, Message
from shared.db.tx import Tx

_REMEMBER = """
INSERT INTO inbox (event_time, event_id, company_id, topic, partition, "offset")
SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::bigint[])
ON CONFLICT DO NOTHING
RETURNING event_id
"""

B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True)
class Received(Generic[B]):
    """A message, and the broker's record that it was read from."""

    message: Message[B]
    record: ConsumerRecord[bytes, bytes]


async def remember(tx: Tx, received: Sequence[Received[Body]]) -> list[Message[Body]]:
    """The messages that were not heard before, in their order; the others fall out."""
    rows = await tx.fetch(
        _REMEMBER,
        [r.message.time for r in received],
        [r.message.id for r in received],
        [r.message.company_id for r in received],
        [r.record.topic for r in received],
        [r.record.partition for r in received],
        [r.record.offset for r in received],
    )
    new: set[UUID] = {row["event_id"] for row in rows}
    fresh = []
    for r in received:
        if r.message.id in new:
            new.discard(r.message.id)
            fresh.append(r.message)
    return fresh
