"""Claim due pushes and compare their plans with the facts of now, all in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.syncer import core
from services.syncer.core import Case, Item
from services.syncer.store import calls, deciding, directories, pushes, subjects
from services.syncer.worker.recording import Outcome, Recorder
from shared.clock import Clock
from shared.contracts.events import DirectoryWanted
from shared.contracts.records import Account, CompanySettings, Lane
from shared.db.companies import load_settings
from shared.db.leases import LEASE_SECONDS
from shared.db.tx import Database, Tx
from shared.messaging.outbox import Outbox, Outgoing

CLAIM = 240
"""Pushes taken at once: eight of the batches that QuickBooks takes."""
GATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """Pushes under our lease whose plans hold, with the cases they were compared with."""

    account: Account
    items: Sequence[Item]
    cases: Mapping[UUID, Case]


class Claimer:
    """Takes the next pushes of one account."""

    def __init__(self, database: Database, outbox: Outbox, recorder: Recorder, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._recorder = recorder
        self._clock = clock

    async def claim(self, company: UUID, account_id: UUID, limit: int) -> Claimed | None:
        """At most `limit`; None when nothing was due. What cannot be sent has been held, ended, or waits."""
        async with self._database.transaction([company]) as tx:
            await tx.lock_companies()
            records = await pushes.claim_items(tx, company, account_id, limit, LEASE_SECONDS)
            if not records:
                return None
            settings = (await load_settings(tx, [company])).get(company)
            account = settings.account(account_id) if settings else None
            cases = await subjects.load_cases(tx, records, {company: settings} if settings else {})
            items = [case.item for case in cases.values() if case.item is not None]
            if settings is None or account is None or not account.connected:
                await self._recorder.record(tx, company, [Outcome(i, cancelled=True) for i in items], cases)
                return None
            return Claimed(account, await self._recheck(tx, settings, account, items, cases), cases)

    async def _recheck(
        self,
        tx: Tx,
        settings: CompanySettings,
        account: Account,
        items: Sequence[Item],
        cases: Mapping[UUID, Case],
    ) -> list[Item]:
        """The claimed pushes whose plan holds, perhaps planned anew; the others are held, ended, or wait."""
        company = settings.company_id
        go: list[Item] = []
        newer: list[Item] = []
        later: list[Item] = []
        said: list[Outgoing] = []
        resumed: list[tuple[UUID, UUID]] = []
        over: list[Outcome] = []
        for item in items:
            case = cases[item.record_id]
            found = core.recheck(case, item)
            if (call_id := core.awaited(case)) is not None:
                resumed.append((item.item_id, call_id))
            elif found.held:
                over.append(Outcome(item, held=True))
            elif found.ended:
                over.append(Outcome(item))
            elif found.item.action == "create" and core.unchecked(case):
                later.append(item)
            else:
                go.append(found.item)
                if found.item is not item:
                    newer.append(found.item)
                if found.replanned:
                    planned = deciding.planned(found.item)
                    said.append(Outgoing(planned, company, lane=Lane(item.lane), run_id=item.run_id))
        await calls.resume_calls(tx, company, resumed)
        await pushes.postpone(tx, company, later, GATE_SECONDS, attempt=False)
        await pushes.save_items(tx, company, newer)
        await self._recorder.record(tx, company, over, cases)
        go = await self._gate(tx, settings, account, go)
        await self._outbox.append(tx, said)
        return go

    async def _gate(
        self, tx: Tx, settings: CompanySettings, account: Account, items: list[Item]
    ) -> list[Item]:
        """Creations pass only with a directory matched recently enough; else a newer one is asked for (decision 9)."""
        company = settings.company_id
        creations = [i for i in items if i.action == "create"]
        if not creations or settings.route is None:
            return items
        now = self._clock.now()
        max_age = timedelta(seconds=settings.route.rules.directory_max_age_seconds)
        if await directories.directory_is_fresh(tx, company, account.account_id, now, max_age):
            return items
        await pushes.postpone(tx, company, creations, GATE_SECONDS, attempt=False)
        if await directories.want_directory(tx, company, account.account_id, now):
            wanted = DirectoryWanted(account_id=account.account_id, not_before=now - max_age)
            await self._outbox.append(tx, [Outgoing(wanted, company, lane=Lane.REAL_TIME)])
        return [i for i in items if i.action != "create"]
