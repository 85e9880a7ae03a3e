"""Due records: take a chunk, decide it under the company's lock, say what changed; then the marks that are done."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from services.mapper import store
from services.mapper.settings import Settings
from shared.db.tx import Database, Tx
from shared.db.work import keep_working
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.logs import log
from shared.telemetry.metrics import WORK


class Decider(Protocol):
    """What the worker needs of the handlers' `Deciding`."""

    outbox: Outbox

    async def sweep(self, tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Outgoing]:
        """Decide these source records, then the company's marks; what is to be said."""


class Sweeper:
    """Walks the due records of all companies, a chunk of each in turn; `run` ends only when cancelled."""

    def __init__(self, database: Database, deciding: Decider, settings: Settings) -> None:
        self._database = database
        self._deciding = deciding
        self._chunk = settings.chunk

    async def run(self) -> None:
        """Sweep whenever something is due."""
        await keep_working("match", self.step, self._database.bells[store.MATCHES])

    async def step(self) -> bool:
        """One chunk of every company that has something due; False when nothing was done."""
        async with self._database.system() as tx:
            companies = await store.due_companies(tx)
        worked = False
        for company in companies:
            worked = await self._sweep(company) or worked
        return worked

    async def _sweep(self, company: UUID) -> bool:
        async with self._database.transaction([company]) as tx:
            await tx.lock_companies()
            records = await store.take_due(tx, company, self._chunk)
            said = await self._deciding.sweep(tx, company, records)
            await self._deciding.outbox.append(tx, said)
        if records:
            WORK.labels(kind="match", outcome="ok").inc(len(records))
            log.info("match.sweep", outcome="ok", count=len(records), company_id=str(company))
        return bool(records or said)
