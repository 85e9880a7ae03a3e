"""Remembering what was heard, in the transaction of its effect, so that nothing has an effect twice."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from aiokafka import ConsumerRecord

from shared.contracts.events import Body, Message
from shared.db.tx import Tx

_REMEMBER = """
INSERT INTO inbox (topic, event_time, event_id, company_id, partition, "offset")
SELECT $1, r.* FROM unnest($2::inbox_row[]) r
ON CONFLICT DO NOTHING
RETURNING event_id
"""

B = TypeVar("B", bound=Body)


class Received(NamedTuple, Generic[B]):
    """A message, and the broker's record that it was read from."""

    message: Message[B]
    record: ConsumerRecord[bytes, bytes]


async def remember(tx: Tx, received: Sequence[Received[Body]]) -> list[Message[Body]]:
    """The messages (all of one topic) that were not heard before, in their order; the others fall out."""
    rows = [(m.time, m.id, m.company_id, record.partition, record.offset) for m, record in received]
    found = await tx.fetch(_REMEMBER, received[0].record.topic, rows)
    new: set[UUID] = {row["event_id"] for row in found}
    fresh = []
    for message, _ in received:
        if message.id in new:
            new.discard(message.id)
            fresh.append(message)
    return fresh
