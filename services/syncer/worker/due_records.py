"""Decide again the records that are due, where something moved that is no message about them."""

from __future__ import annotations

from uuid import UUID

from services.syncer import core, deciding
from services.syncer.store import record_states
from shared.db.companies import load_settings
from shared.db.tx import Database
from shared.db.work import for_each_company
from shared.domain.values import Lane
from shared.errors import Unavailable, where
from shared.messaging.outbox import Outbox
from shared.telemetry.logs import log

DUE_CHUNK = 500


class DueRecords:
    """The due records of all companies."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def step(self) -> bool:
        """Decide one chunk of due records again, with the same core and under the same lock as the handlers."""
        async with self._database.system() as tx:
            companies = await record_states.companies_due(tx)
        return await for_each_company("decide", companies, self._decide)

    async def _decide(self, company: UUID) -> bool:
        try:
            return await self._decide_chunk(company, DUE_CHUNK)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  (a bug that one record met must not stop the others)
            log.error("work.failed", operation="decide", outcome=type(error).__name__, where=where(error))
            await self._decide_apart(company)
            return True

    async def _decide_chunk(self, company: UUID, most: int) -> bool:
        async with self._database.locked([company]) as tx:
            records = await record_states.take_due(tx, company, most)
            states = await record_states.load_states(tx, records, await load_settings(tx, [company]))
            decisions = [core.decide(state, lane=Lane.BULK) for state in states.values()]
            await deciding.save(tx, self._outbox, decisions, lambda _: None)
        return bool(records)

    async def _decide_apart(self, company: UUID) -> None:
        """A chunk's records one by one; one that fails again shows it."""
        for _ in range(DUE_CHUNK):
            try:
                if not await self._decide_chunk(company, 1):
                    return
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001
                log.error("work.failed", operation="decide", outcome=type(error).__name__, where=where(error))
                await self._show_failed(company)

    async def _show_failed(self, company: UUID) -> None:
        """The next due record is due no more, and shows that it could not be decided, if it can be loaded at all."""
        async with self._database.locked([company]) as tx:
            records = await record_states.take_due(tx, company, 1)
            settings = await load_settings(tx, [company])
            try:
                states = await record_states.load_states(tx, records, settings)
            except (TypeError, ValueError, KeyError):
                log.error("work.failed", operation="decide", outcome="not shown", count=len(records))
                return
            failed = [core.failed(state) for state in states.values()]
            await deciding.save(tx, self._outbox, failed, lambda _: None)
