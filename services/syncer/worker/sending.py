"""Send what is due: several calls side by side, the same call again where an outcome is unknown."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

from services.syncer import core
from services.syncer.deciding.handover import Claimed
from services.syncer.settings import Settings
from services.syncer.store import calls, names, plans, push_queue, record_states, retention
from services.syncer.worker.applying import Applier
from services.syncer.worker.claiming import CLAIM, Claimer
from services.syncer.worker.due_records import DueRecords
from services.syncer.worker.names import NameReader
from services.syncer.worker.preparing import Preparer, Ready
from services.syncer.worker.recording import Recorder
from services.syncer.worker.settling import Settler
from services.syncer.worker.transmitting import Transmitter
from shared.clock import Clock
from shared.connectors.opening import Connectors
from shared.db.handover import Handover
from shared.db.leases import LEASE_SECONDS
from shared.db.tx import Database
from shared.db.work import IDLE_SECONDS, keep_running, keep_working
from shared.domain.values import Action
from shared.errors import MusterError, Unavailable, Unexpected
from shared.messaging.outbox import Outbox
from shared.telemetry import traces

CALLS_AT_ONCE = 64
"""So few that others wait for the slowest system no longer than about a lease."""

FORGET_SECONDS = 3600.0


class Sender:
    """Pushes for all companies; `run` ends only when cancelled."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        connectors: Connectors,
        clock: Clock,
        settings: Settings,
        handover: Handover[Claimed],
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._settings = settings
        self._handover = handover
        self._recorder = Recorder(outbox, clock, settings)
        self._claimer = Claimer(database, outbox, self._recorder)
        self._preparer = Preparer(database, clock)
        self._transmitter = Transmitter(database, self._recorder, clock, settings)
        self._settler = Settler(database, connectors, self._transmitter, clock, settings)
        self._names = NameReader(database, connectors, clock)
        self._due = DueRecords(database, outbox)
        self._applier = Applier(database, outbox, self._recorder)
        self._served: dict[tuple[UUID, UUID], float] = {}
        self._limits: dict[UUID, int] = {}
        self._wakeup = database.wakeups[push_queue.PUSHES]

    async def run(self) -> None:
        """Send what is due, several calls side by side; decide again what is due to be decided."""
        records = self._database.wakeups[record_states.RECORDS]
        senders = self._settings.senders
        async with asyncio.TaskGroup() as group:
            for n in range(senders):
                after = n * IDLE_SECONDS / senders
                group.create_task(
                    keep_working("push", self.step, self._wakeup, after=after, notified_of_more=True)
                )
            group.create_task(keep_working("push", self.decide_due, records))
            group.create_task(keep_working("names", self.read_names, self._database.wakeups[names.LISTS]))
            group.create_task(keep_working("plan", self.apply_plans, self._database.wakeups[plans.PLANS]))
            group.create_task(keep_running("forget", self._keep_forgetting))

    async def _keep_forgetting(self) -> None:
        while True:
            await asyncio.sleep(FORGET_SECONDS)
            with suppress(Unavailable):
                await self.forget_old()

    async def forget_old(self) -> None:
        """Delete what has been over for long."""
        for forget in (retention.forget_plans, retention.forget_pushes):
            more = True
            while more:
                async with self._database.system() as tx:
                    more = await forget(tx, self._settings.push_days)

    async def apply_plans(self) -> bool:
        """Make pushes of one chunk of the approved plans, and close those whose time is over."""
        return await self._applier.step()

    async def read_names(self) -> bool:
        """Read one page of the names that creations may not repeat."""
        return await self._names.step()

    async def decide_due(self) -> bool:
        """Decide one chunk of due records again."""
        return await self._due.step()

    async def step(self) -> bool:
        """Send what was handed over, settle one unknown call, or send the next pushes of the queue served longest ago.

        False when nothing is due.
        """
        claimed = self._handover.take()
        if claimed is None:
            return await self._next()
        await self._push(claimed)
        return True

    async def _next(self) -> bool:
        async with self._database.system() as tx:
            call = await calls.claim_call(tx, LEASE_SECONDS)
            waiting = [] if call else await push_queue.queues(tx)
        if call is not None or len(waiting) > 1:
            self._wakeup.notify()
        else:
            self._handover.found_nothing()
        if call is None and not waiting:
            return False
        if call is not None:
            await self._settler.settle(call)
            return True
        company, account_id = min(waiting, key=lambda q: self._served.get(q, 0.0))
        self._served[company, account_id] = asyncio.get_running_loop().time()
        limit = self._limits.get(account_id, CALLS_AT_ONCE)
        claimed = await self._claimer.claim(company, account_id, limit)
        if claimed is None:
            return False
        await self._push(claimed)
        return True

    async def _push(self, claimed: Claimed) -> None:
        self._served[claimed.company, claimed.account.account_id] = asyncio.get_running_loop().time()
        links = (push.traceparent for push in claimed.pushes)
        with traces.span("push", links=links, count=len(claimed.pushes)):
            await self._push_claimed(claimed)

    async def _push_claimed(self, claimed: Claimed) -> None:
        company = claimed.company
        creates = [Ready(i, core.values(i), None) for i in claimed.pushes if i.action is Action.CREATE]
        try:
            connector = await self._connectors.get(claimed.account, company)
            self._limits[claimed.account.account_id] = min(CLAIM, CALLS_AT_ONCE * connector.batch_size)
            updates, over = await self._preparer.read_afresh(connector, claimed)
            prepared = self._preparer.calls(claimed, connector, [*creates, *updates])
        except Exception as error:  # noqa: BLE001  (a bug ends these pushes after some tries, not the process)
            known = error if isinstance(error, MusterError) else Unexpected(error)
            async with self._database.locked([company]) as tx:
                held = await push_queue.still_leased(tx, company, claimed.pushes)
                await self._recorder.retry_or_fail(tx, company, held, known)
            return
        if over:
            async with self._database.locked([company]) as tx:
                held = await push_queue.still_leased(tx, company, [o.push for o in over])
                await self._recorder.record(tx, company, [o for o in over if o.push in held])
        before = {r.push.push_id: r.current.payload for r in updates if r.current is not None}
        await self._transmitter.send(company, connector, prepared, before)
