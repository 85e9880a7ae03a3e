"""Remembering what was consumed, in the transaction of its effect, so that nothing has an effect twice."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from aiokafka import ConsumerRecord

from shared.contracts.events import Body, Message
from shared.db.tx import Tx

_REMEMBER = """
INSERT INTO inbox (event_time, event_id, company_id, topic, partition, "offset")
SELECT r.* FROM unnest($1::inbox_row[]) r
ON CONFLICT DO NOTHING
RETURNING event_id
"""

B = TypeVar("B", bound=Body)


class Received(NamedTuple, Generic[B]):
    """A message, and the broker's record that it was read from."""

    message: Message[B]
    record: ConsumerRecord[bytes, bytes]


async def remember(tx: Tx, received: Sequence[Received[Body]]) -> list[Received[Body]]:
    """Those that were not consumed before, in their order, each once; the others fall out."""
    rows = [(m.time, m.id, m.company_id, r.topic, r.partition, r.offset) for m, r in received]
    new: set[UUID] = {row["event_id"] for row in await tx.fetch(_REMEMBER, rows)}
    fresh = []
    for one in received:
        if one.message.id in new:
            new.discard(one.message.id)
            fresh.append(one)
    return fresh
