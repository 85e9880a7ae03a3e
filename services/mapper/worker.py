"""Due records: take a chunk, decide it under the company's lock, say what changed; then the completion markers that are done."""

from uuid import UUID

from services.mapper import store
from services.mapper.deciding import Deciding
from services.mapper.settings import Settings
from shared.db.tx import Database
from shared.db.work import for_each_company, keep_working
from shared.errors import Unavailable, where
from shared.telemetry.logs import log
from shared.telemetry.metrics import WORK


class Sweeper:
    """Walks the due records of all companies, a chunk of each in turn; `run` ends only when cancelled."""

    def __init__(self, database: Database, deciding: Deciding, settings: Settings) -> None:
        self._database = database
        self._deciding = deciding
        self._chunk = settings.chunk

    async def run(self) -> None:
        """Sweep whenever something is due."""
        await keep_working("match", self.step, self._database.wakeups[store.MATCHES])

    async def step(self) -> bool:
        """One chunk of every company that has something due; False when nothing was done."""
        async with self._database.system() as tx:
            companies = await store.due_companies(tx)
        return await for_each_company("match", companies, self._sweep_company)

    async def _sweep_company(self, company: UUID) -> bool:
        try:
            return await self._sweep(company, self._chunk)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  (a bug that one record met must not stop the others)
            log.error("work.failed", operation="match", outcome=type(error).__name__, where=where(error))
            return await self._sweep_apart(company)

    async def _sweep_apart(self, company: UUID) -> bool:
        """A chunk's records one by one; one that fails again is published as failed."""
        for done in range(self._chunk):
            try:
                if not await self._sweep(company, 1):
                    return done > 0
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001
                log.error("work.failed", operation="match", outcome=type(error).__name__, where=where(error))
                if not await self._give_up(company):
                    return False
        return True

    async def _give_up(self, company: UUID) -> bool:
        """The next due record is due no more, and its status says why; False when there is none."""
        async with self._database.locked([company]) as tx:
            records = await store.take_due(tx, company, 1)
            await self._deciding.outbox.append(tx, await self._deciding.failed(tx, company, records))
        WORK.labels(kind="match", outcome="failed").inc(len(records))
        return bool(records)

    async def _sweep(self, company: UUID, chunk: int) -> bool:
        async with self._database.locked([company]) as tx:
            records = await store.take_due(tx, company, chunk)
            outgoing = await self._deciding.sweep(tx, company, records)
            await self._deciding.outbox.append(tx, outgoing)
        if records:
            WORK.labels(kind="match", outcome="ok").inc(len(records))
            log.info("match.sweep", outcome="ok", count=len(records), company_id=str(company))
        return bool(records or outgoing)
