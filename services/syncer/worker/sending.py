"""Send what is due: several calls side by side, the same call again where an outcome is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.syncer import core
from services.syncer.core import Item
from services.syncer.settings import Settings
from services.syncer.store import calls, deciding, pushes, subjects
from services.syncer.store.calls import Call
from services.syncer.worker.answers import Answer, Answers
from services.syncer.worker.claiming import CLAIM, Claimed, Claimer
from services.syncer.worker.recording import Outcome, Recorder
from shared.clock import Clock
from shared.connectors.client import Connectors
from shared.connectors.ports import Connector, PreparedCall, Unread, Write, Written
from shared.contracts.records import Account, Lane, Remote
from shared.db.companies import load_settings
from shared.db.leases import LEASE_SECONDS, LeaseLostError
from shared.db.tx import Database
from shared.db.work import IDLE_SECONDS, keep_working
from shared.errors import MusterError, RateLimited, Rejected, Unavailable
from shared.messaging.outbox import Outbox
from shared.telemetry.logs import log

DUE_CHUNK = 500
CALLS_AT_ONCE = 64
"""So few that the slowest system takes them within a lease."""


@dataclass(frozen=True, slots=True)
class Ready:
    """One push whose plan still holds over a fresh read of the record."""

    item: Item
    fields: Mapping[str, object]
    current: Remote | None


class Sender:
    """Pushes for all companies; `run` ends only when cancelled."""

    def __init__(
        self, database: Database, outbox: Outbox, connectors: Connectors, clock: Clock, settings: Settings
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._connectors = connectors
        self._clock = clock
        self._settings = settings
        self._recorder = Recorder(outbox, clock, settings)
        self._claimer = Claimer(database, outbox, self._recorder, clock)
        self._answers = Answers(database, self._recorder)
        self._served: dict[tuple[UUID, UUID], float] = {}
        self._limits: dict[UUID, int] = {}
        self._bell = database.bells[pushes.PUSHES]

    async def run(self) -> None:
        """Send what is due, several calls side by side; decide again what is due to be decided."""
        records = self._database.bells[subjects.RECORDS]
        async with asyncio.TaskGroup() as group:
            senders = self._settings.senders
            for n in range(senders):
                group.create_task(
                    keep_working("push", self.step, self._bell, after=n * IDLE_SECONDS / senders)
                )
            group.create_task(keep_working("push", self.decide_due, records))

    async def decide_due(self) -> bool:
        """Decide one chunk of due records again, with the same core and under the same lock as the handlers."""
        async with self._database.system() as tx:
            companies = await subjects.companies_due(tx)
        for company in companies:
            async with self._database.transaction([company]) as tx:
                await tx.lock_companies()
                records = await subjects.take_due(tx, DUE_CHUNK)
                cases = await subjects.load_cases(tx, records, await load_settings(tx, [company]))
                decisions = [core.decide(case, lane=Lane.BULK) for case in cases.values()]
                await deciding.save(tx, self._outbox, decisions, lambda _: None)
        return bool(companies)

    async def step(self) -> bool:
        """Settle one unknown call, or send the next pushes of the queue served longest ago; False when nothing is due."""
        async with self._database.system() as tx:
            call = await calls.claim_call(tx, LEASE_SECONDS)
            waiting = [] if call else await pushes.queues(tx)
        if call is None and not waiting:
            return False
        if call is not None or len(waiting) > 1:
            self._bell.ring()
        if call is not None:
            await self._send_again(call)
            return True
        company, account_id = min(waiting, key=lambda q: self._served.get(q, 0.0))
        self._served[company, account_id] = asyncio.get_running_loop().time()
        return await self._push(company, account_id)

    async def _push(self, company: UUID, account_id: UUID) -> bool:
        limit = self._limits.get(account_id, CALLS_AT_ONCE)
        claimed = await self._claimer.claim(company, account_id, limit)
        if claimed is None:
            return False
        creates = [Ready(i, core.values(i), None) for i in claimed.items if i.action == "create"]
        try:
            connector = await self._connectors.get(claimed.account, company)
            self._limits[account_id] = min(CLAIM, CALLS_AT_ONCE * connector.batch_size)
            updates, over = await self._read_afresh(connector, claimed)
        except MusterError as error:
            async with self._database.transaction([company]) as tx:
                await tx.lock_companies()
                held = await pushes.still_held(tx, company, claimed.items)
                await self._recorder.retry_or_fail(tx, company, held, error)
            return True
        if over:
            async with self._database.transaction([company]) as tx:
                await tx.lock_companies()
                held = await pushes.still_held(tx, company, [o.item for o in over])
                await self._recorder.record(tx, company, [o for o in over if o.item in held])
        await self._send(company, claimed.account, connector, [*creates, *updates])
        return True

    async def _read_afresh(self, connector: Connector, claimed: Claimed) -> tuple[list[Ready], list[Outcome]]:
        """Compare each update's `before` once more with the destination itself."""
        items = [i for i in claimed.items if i.action != "create"]
        remote_ids = {i.item_id: claimed.cases[i.record_id].destination_remote_id or "" for i in items}
        found = await connector.read_many(list(remote_ids.values())) if items else {}
        ready: list[Ready] = []
        over: list[Outcome] = []
        for item in items:
            current = found.get(remote_ids[item.item_id])
            if current is None or isinstance(current, Unread):
                over.append(Outcome(item, error=Rejected("deleted_at_destination")))
                continue
            wanted, moved = core.still_wanted(item, current.employee)
            if moved is not None:
                over.append(Outcome(item, remote=current, moved=moved))
            elif not wanted:
                over.append(Outcome(item, remote=current))
            else:
                ready.append(Ready(item, wanted, current))
        return ready, over

    async def _send(
        self, company: UUID, account: Account, connector: Connector, ready: Sequence[Ready]
    ) -> None:
        """Store all calls in one transaction, then send them, as many at once as the system takes."""
        if not ready:
            return
        stored = [
            (self._call(company, account, connector, group), [r.item for r in group])
            for group in _groups(ready, connector.batch_size)
        ]
        before = {r.item.item_id: r.current.payload for r in ready if r.current is not None}
        async with self._database.transaction([company]) as tx:
            if not await calls.add_calls(tx, stored, before, LEASE_SECONDS):
                raise LeaseLostError
        limit = asyncio.Semaphore(connector.parallel_calls)
        sent = [self._transmit(call, members, connector, limit) for call, members in stored]
        for result in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _call(self, company: UUID, account: Account, connector: Connector, ready: Sequence[Ready]) -> Call:
        action: Literal["create", "update"] = "create" if ready[0].current is None else "update"
        call_id = self._clock.new_id()
        writes = [Write(action, str(r.item.item_id), r.fields, r.current) for r in ready]
        prepared = connector.prepare(str(call_id), writes)
        return Call(
            company,
            call_id,
            account.account_id,
            action,
            prepared.method,
            prepared.path,
            prepared.headers,
            prepared.body,
            [r.item.item_id for r in ready],
        )

    async def _send_again(self, call: Call) -> None:
        async with self._database.transaction([call.company_id]) as tx:
            settings = (await load_settings(tx, [call.company_id])).get(call.company_id)
            items = await calls.members(tx, call)
        account = settings.account(call.account_id) if settings else None
        if account is None:
            raise Unavailable("the account of a call is not known yet")
        connector = await self._connectors.get(account, call.company_id)
        creates = call.action == "create"
        too_old = creates and call.age_seconds > connector.keys_hold_seconds
        resumed = creates and call.resumed and all(map(core.can_be_found, items))
        wait = connector.settled_after_seconds - call.quiet_seconds
        if (too_old or resumed) and wait < 0:
            await self._settle(call, items, connector)
            return
        async with self._database.transaction([call.company_id]) as tx:
            if too_old:
                await calls.close_calls(tx, call.company_id, [(call, "unknown")], again_seconds=wait)
                return
            if not await calls.send_again(tx, call):
                raise LeaseLostError
        await self._transmit(call, items, connector, asyncio.Semaphore(1), again=True)

    async def _settle(self, call: Call, items: Sequence[Item], connector: Connector) -> None:
        """Look for what a call of creations has made; what is not there was not made, and may be made anew.

        What cannot be looked for stays unknown: a person must look.
        """
        asked_at = self._clock.now()
        written = []
        try:
            for item in items:
                write = Write("create", str(item.item_id), core.values(item))
                if not core.can_be_found(item):
                    unclear = Unavailable("nothing to look for", outcome_unknown=True)
                    written.append(Written(write.item_id, error=unclear))
                elif (found := await connector.find_created(write)) is not None:
                    written.append(Written(write.item_id, found))
        except MusterError as error:
            await self._call_failed(call, error, again=True)
            return
        members = {str(i.item_id): i for i in items}
        await self._answers.record(Answer(call, members, written, asked_at, looked_up=True))

    async def _transmit(
        self,
        call: Call,
        items: Sequence[Item],
        connector: Connector,
        limit: asyncio.Semaphore,
        *,
        again: bool = False,
    ) -> None:
        """Send a stored call and record its outcome; a failure of the whole call decides what may happen to it next."""
        try:
            async with limit:
                requested_at = self._clock.now()
                written = await connector.send(_prepared(call))
        except MusterError as error:
            await self._call_failed(call, error, again=again)
            return
        members = {str(item.item_id): item for item in items}
        await self._answers.record(Answer(call, members, written, requested_at))

    async def _call_failed(self, call: Call, error: MusterError, *, again: bool) -> None:
        """Unknown outcome: the same call again later, at last given up; certainly not carried out: its members again later."""
        log.warning("push.failed", outcome=type(error).__name__, reason=str(error), count=len(call.members))
        async with self._database.transaction([call.company_id]) as tx:
            await tx.lock_companies()
            unknown = core.leaves_unknown(error, again=again)
            last = call.attempts >= self._settings.send_attempts and not isinstance(error, RateLimited)
            state = ("given_up" if last else "unknown") if unknown else "refused"
            pause = core.backoff_seconds(self._settings.retry_seconds, call.attempts)
            if isinstance(error, RateLimited):
                pause = max(pause, error.retry_after)
            if not await calls.close_calls(tx, call.company_id, [(call, state)], again_seconds=pause):
                raise LeaseLostError
            if unknown and not last:
                return
            items = await calls.members(tx, call)
            items += await calls.waiting_for(tx, call.company_id, [call])
            if unknown:
                gone = Rejected("outcome_unknown")
                await self._recorder.record(tx, call.company_id, [Outcome(i, error=gone) for i in items])
            else:
                await self._recorder.retry_or_fail(tx, call.company_id, items, error)


def _groups(ready: Sequence[Ready], size: int) -> list[Sequence[Ready]]:
    """The calls to make: creations and updates apart, at most `size` in one, and some alone."""
    groups: list[Sequence[Ready]] = [[r] for r in ready if r.item.alone]
    together = [r for r in ready if not r.item.alone]
    creates = [r for r in together if r.current is None]
    updates = [r for r in together if r.current is not None]
    groups += [some[i : i + size] for some in (creates, updates) for i in range(0, len(some), size)]
    return groups


def _prepared(call: Call) -> PreparedCall:
    return PreparedCall(
        str(call.call_id),
        call.method,
        call.path,
        call.body,
        call.headers,
        [str(member) for member in call.members],
    )
