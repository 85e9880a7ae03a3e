"""Read the names in the destination's other lists, which a creation may not repeat: by calls of their own, page by page."""

from __future__ import annotations

from datetime import timedelta

from services.syncer.store import names, record_states, snapshots
from services.syncer.store.names import DueList
from shared.clock import Clock
from shared.connectors.opening import Connectors
from shared.connectors.ports import NamesPage
from shared.db.companies import load_settings
from shared.db.leases import LEASE_SECONDS
from shared.db.tx import Database
from shared.domain.settings import Account, CompanySettings
from shared.errors import MusterError

CHANGES_SECONDS = 900.0
"""How often a list is asked for what has changed; what comes in between is refused by the destination, and then known."""
WHOLE_EVERY = timedelta(days=1)
OVERLAP = timedelta(minutes=5)
"""A change may be reported late."""
AFTER_ERROR_SECONDS = 300.0


class NameReader:
    """Keeps the lists of all companies read. Any number of copies may run."""

    def __init__(self, database: Database, connectors: Connectors, clock: Clock) -> None:
        self._database = database
        self._connectors = connectors
        self._clock = clock

    async def step(self) -> bool:
        """Read one page; False when nothing is due."""
        async with self._database.system() as tx:
            due = await names.claim_list(tx, LEASE_SECONDS)
        if due is None:
            return False
        async with self._database.transaction([due.company_id]) as tx:
            settings = (await load_settings(tx, [due.company_id])).get(due.company_id)
            account = settings.destination() if settings else None
            if account is None or account.account_id != due.account_id or not account.connected:
                await names.stop(tx, due)
                return True
        try:
            page = await self._read(due, account)
        except MusterError:
            async with self._database.transaction([due.company_id]) as tx:
                await names.postpone(tx, due, AFTER_ERROR_SECONDS)
            return True
        await self._save(due, settings, page)
        return True

    def _full(self, due: DueList) -> bool:
        """Whether all of the list is read, not only what has changed."""
        if due.begun_at is not None or due.as_of is None or due.read_at is None:
            return True
        return due.read_at <= self._clock.now() - WHOLE_EVERY

    async def _read(self, due: DueList, account: Account) -> NamesPage | None:
        connector = await self._connectors.get(account, due.company_id)
        since = None if self._full(due) or due.as_of is None else due.as_of - OVERLAP
        return await connector.read_names(due.kind, due.cursor, since=since)

    async def _save(self, due: DueList, settings: CompanySettings | None, page: NamesPage | None) -> None:
        """Keep a page; whose names it concerns are decided again."""
        source = settings.source() if settings else None
        async with self._database.locked([due.company_id]) as tx:
            if page is None:
                await names.postpone(tx, due, 0.0, whole=True)
                return
            again = 0.0 if page.cursor else CHANGES_SECONDS
            moved = await names.save_page(
                tx,
                due,
                page.names,
                page.gone,
                page.cursor,
                page.as_of,
                full=self._full(due),
                again_seconds=again,
            )
            if moved and source is not None:
                records = await snapshots.sources_named(tx, [source.account_id], moved)
                await record_states.mark_some_due(tx, due.company_id, records)
