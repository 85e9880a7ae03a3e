"""A bug that one due record meets: the others of its chunk are decided, and it says that it was not."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.mapper.deciding import Deciding
from services.mapper.worker import Sweeper
from shared.clock import SystemClock
from shared.db.tx import Tx
from shared.messaging.outbox import Outbox, Outgoing

from .conftest import PARTITIONS, World


class Failing(Deciding):
    """Meets a bug with one record."""

    bad: UUID

    async def sweep(self, tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Outgoing]:
        if self.bad in records:
            raise ZeroDivisionError
        return await super().sweep(tx, company, records)


async def test_one_record_that_cannot_be_decided_fails_alone(world: World) -> None:
    await world.set(world.document())
    await world.tell(*[world.staged("source", r, first_name="Ana", last_name=f"Li{r}") for r in "abcdefg"])
    await world.rows("INSERT INTO due SELECT company_id, record_id FROM records")
    deciding = Failing(Outbox(SystemClock()), PARTITIONS)
    deciding.bad = world.id("source", "d")
    before = len(await world.published())
    sweeper = Sweeper(world.database, deciding, world.settings)
    while await sweeper.step():
        pass

    assert not await world.rows("SELECT FROM due")
    failed = [s for s in (await world.published())[before:] if s["type"] == "match.failed"]
    assert [str(deciding.bad)] == [s["record_id"] for s in failed]
    assert "internal" == failed[0]["reason"]
