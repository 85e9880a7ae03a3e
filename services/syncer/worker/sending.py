"""Send what is due: several calls side by side, the same call again where an outcome is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from uuid import UUID

from opentelemetry.trace import Span

from services.syncer import core
from services.syncer.core import Push, RecordState, Turn
from services.syncer.settings import Settings
from services.syncer.store import calls, names, plans, push_queue, record_states, retention
from services.syncer.store.calls import Call
from services.syncer.worker.applying import Applier
from services.syncer.worker.call_results import CallResult, CallResults
from services.syncer.worker.claiming import CLAIM, Claimed, Claimer
from services.syncer.worker.due_records import DueRecords
from services.syncer.worker.holders import Directory, find_holders
from services.syncer.worker.names import NameReader
from services.syncer.worker.recording import Outcome, Recorder
from shared.backoff import backoff_seconds
from shared.clock import Clock
from shared.connectors.opening import Connectors
from shared.connectors.ports import Connector, PreparedCall, Write, Written
from shared.db.companies import load_settings
from shared.db.leases import LEASE_SECONDS, LeaseLostError, renewing
from shared.db.tx import Database
from shared.db.work import IDLE_SECONDS, keep_running, keep_working
from shared.domain.employee import Remote, Unread
from shared.domain.settings import Account
from shared.domain.values import Action, Holder
from shared.errors import MusterError, RateLimited, Rejected, Unavailable, Unexpected, where
from shared.messaging.outbox import Outbox
from shared.systems import SYSTEMS
from shared.telemetry import traces
from shared.telemetry.logs import log

CALLS_AT_ONCE = 64
"""So few that others wait for the slowest system no longer than about a lease."""

FORGET_SECONDS = 3600.0
PATIENCE_SECONDS = 3600.0
"""So long a call of unknown outcome is tried again whenever the system asks to wait; then it is given up like others."""


@dataclass(frozen=True, slots=True)
class Ready:
    """One push whose plan still holds over a fresh read of the record."""

    push: Push
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
        self._claimer = Claimer(database, outbox, self._recorder)
        self._names = NameReader(database, connectors, clock)
        self._due = DueRecords(database, outbox)
        self._applier = Applier(database, outbox, self._recorder)
        self._call_results = CallResults(database, self._recorder)
        self._served: dict[tuple[UUID, UUID], float] = {}
        self._limits: dict[UUID, int] = {}
        self._wakeup = database.wakeups[push_queue.PUSHES]

    async def run(self) -> None:
        """Send what is due, several calls side by side; decide again what is due to be decided."""
        records = self._database.wakeups[record_states.RECORDS]
        async with asyncio.TaskGroup() as group:
            senders = self._settings.senders
            for n in range(senders):
                group.create_task(
                    keep_working(
                        "push",
                        self.step,
                        self._wakeup,
                        after=n * IDLE_SECONDS / senders,
                        notified_of_more=True,
                    )
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
        """Settle one unknown call, or send the next pushes of the queue served longest ago; False when nothing is due."""
        async with self._database.system() as tx:
            call = await calls.claim_call(tx, LEASE_SECONDS)
            waiting = [] if call else await push_queue.queues(tx)
        if call is None and not waiting:
            return False
        if call is not None or len(waiting) > 1:
            self._wakeup.notify()
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
        with _traced("push", claimed.pushes):
            await self._push_claimed(company, claimed)
        return True

    async def _push_claimed(self, company: UUID, claimed: Claimed) -> None:
        creates = [Ready(i, core.values(i), None) for i in claimed.pushes if i.action is Action.CREATE]
        try:
            connector = await self._connectors.get(claimed.account, company)
            self._limits[claimed.account.account_id] = min(CLAIM, CALLS_AT_ONCE * connector.batch_size)
            updates, over = await self._read_afresh(company, connector, claimed)
            ready = [*creates, *updates]
            prepared = [
                (self._call(company, claimed.account, connector, group), [r.push for r in group])
                for group in _groups(ready, connector.batch_size)
            ]
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
        await self._send(company, connector, prepared, before)

    async def _read_afresh(
        self, company: UUID, connector: Connector, claimed: Claimed
    ) -> tuple[list[Ready], list[Outcome]]:
        """Compare each update's `before` once more with the destination itself; meanwhile the pushes stay ours."""

        async def renew() -> bool:
            async with self._database.locked([company]) as tx:
                return await push_queue.renew(tx, company, claimed.pushes, LEASE_SECONDS)

        pushes = [i for i in claimed.pushes if i.action is not Action.CREATE]
        remote_ids = {i.push_id: _remote_id(claimed.states[i.record_id], i) for i in pushes}
        scales = SYSTEMS[claimed.account.system].scales
        requested_at = self._clock.now()
        found = await renewing(connector.read_many(list(remote_ids.values())), renew) if pushes else {}
        answered_at = self._clock.now()
        ready: list[Ready] = []
        over: list[Outcome] = []
        for push in pushes:
            current = found.get(remote_ids[push.push_id])
            if current is None or isinstance(current, Unread):
                side = "source" if push.action is Action.ADOPT else "destination"
                over.append(Outcome(push, error=Rejected(f"deleted_at_{side}")))
                continue
            turn = claimed.turns.get(push.push_id, Turn.GO)
            wanted, moved = core.remaining_changes(push, current.employee, scales, turn)
            if moved is not None and push.action is Action.ADOPT:
                over.append(Outcome(push, error=Rejected("conflict", field=moved)))
            elif moved is not None:
                over.append(
                    Outcome(push, current, moved=moved, requested_at=requested_at, answered_at=answered_at)
                )
            elif not wanted:
                over.append(Outcome(push, current, requested_at=requested_at, answered_at=answered_at))
            else:
                ready.append(Ready(push, wanted, current))
        return ready, over

    async def _send(
        self,
        company: UUID,
        connector: Connector,
        stored: Sequence[tuple[Call, Sequence[Push]]],
        before: Mapping[UUID, str],
    ) -> None:
        """Store all calls in one transaction, then send them, as many at once as the system takes; meanwhile they stay ours."""
        if not stored:
            return
        async with self._database.transaction([company]) as tx:
            if not await calls.add_calls(tx, stored, before, LEASE_SECONDS):
                raise LeaseLostError
        limit = asyncio.Semaphore(connector.parallel_calls)
        sent = [self._transmit(call, members, connector, limit) for call, members in stored]

        async def renew() -> bool:
            async with self._database.locked([company]) as tx:
                await calls.renew(tx, company, [call for call, _ in stored], LEASE_SECONDS)
            return True

        for result in await renewing(asyncio.gather(*sent, return_exceptions=True), renew):
            if isinstance(result, BaseException):
                raise result

    def _call(self, company: UUID, account: Account, connector: Connector, ready: Sequence[Ready]) -> Call:
        action = Action.CREATE if ready[0].current is None else Action.UPDATE
        call_id = self._clock.new_id()
        writes = [Write(action, str(r.push.push_id), r.fields, r.current) for r in ready]
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
            [r.push.push_id for r in ready],
        )

    async def _send_again(self, call: Call) -> None:
        async with self._database.transaction([call.company_id]) as tx:
            settings = (await load_settings(tx, [call.company_id])).get(call.company_id)
            pushes = await calls.members(tx, call)
        account = settings.account(call.account_id) if settings else None
        if call.attempts > self._settings.send_attempts and call.age_seconds > PATIENCE_SECONDS:
            await self._call_failed(call, Unavailable("tried too often", outcome_unknown=True), again=True)
            return
        if account is None:
            raise Unavailable("the account of a call is not known yet")
        with _traced("push again", pushes):
            try:
                await self._settle_or_repeat(call, pushes, account)
            except (MusterError, LeaseLostError):
                raise
            except Exception as error:  # noqa: BLE001  (a bug ends this call after some tries)
                await self._call_failed(call, Unexpected(error, outcome_unknown=True), again=True)

    async def _settle_or_repeat(self, call: Call, pushes: Sequence[Push], account: Account) -> None:
        connector = await self._connectors.get(account, call.company_id)
        creates = call.action is Action.CREATE
        too_old = creates and call.age_seconds > connector.keys_hold_seconds
        resumed = creates and call.resumed and all(map(core.can_be_found, pushes))
        wait = connector.settled_after_seconds - call.quiet_seconds
        if (too_old or resumed) and wait < 0:
            await self._settle(call, pushes, connector)
            return
        async with self._database.transaction([call.company_id]) as tx:
            if too_old:
                await calls.close_calls(
                    tx, call.company_id, [(call, "unknown", calls.NO_ANSWERS)], again_seconds=wait
                )
                return
            if not await calls.send_again(tx, call):
                raise LeaseLostError
        await self._transmit(call, pushes, connector, asyncio.Semaphore(1), again=True)

    async def _settle(self, call: Call, pushes: Sequence[Push], connector: Connector) -> None:
        """Look for what a call of creations has made; what is not there was not made, and may be made again.

        What cannot be looked for stays unknown: a person must look.
        """
        asked_at = self._clock.now()
        written = []
        try:
            for push in pushes:
                write = Write(Action.CREATE, str(push.push_id), core.values(push))
                if not core.can_be_found(push):
                    unclear = Unavailable("nothing to look for", outcome_unknown=True)
                    written.append(Written(write.push_id, error=unclear))
                elif (found := await connector.find_created(write)) is not None:
                    written.append(Written(write.push_id, found))
        except MusterError as error:
            await self._call_failed(call, error, again=True)
            return
        members = {str(i.push_id): i for i in pushes}
        await self._record(CallResult(call, members, written, asked_at, self._clock.now(), looked_up=True))

    async def _transmit(
        self,
        call: Call,
        pushes: Sequence[Push],
        connector: Connector,
        limit: asyncio.Semaphore,
        *,
        again: bool = False,
    ) -> None:
        """Send a stored call and record its outcome; a failure of the whole call decides what may happen to it next."""
        try:
            async with limit:
                requested_at = self._clock.now()
                written = await connector.send(_prepared(call), again=again)
                answered_at = self._clock.now()
        except Exception as error:  # noqa: BLE001  (a bug ends this call, not the process)
            known = error if isinstance(error, MusterError) else Unexpected(error, outcome_unknown=True)
            await self._call_failed(call, known, again=again)
            return
        members = {str(push.push_id): push for push in pushes}
        holders = await self._holders(connector, call, members, written)
        await self._record(CallResult(call, members, written, requested_at, answered_at, holders=holders))

    async def _holders(
        self, connector: Connector, call: Call, members: Mapping[str, Push], written: Sequence[Written]
    ) -> Mapping[UUID, Holder]:
        """Who has what was refused; an answer is recorded even where that cannot be told."""
        try:
            return await find_holders(Directory(self._database, connector, call), members, written)
        except Exception as error:  # noqa: BLE001
            log.error("work.failed", operation="holders", outcome=type(error).__name__, where=where(error))
            return {}

    async def _record(self, result: CallResult) -> None:
        """An answer that a bug keeps from being recorded leaves its call's outcome unknown: repeated, then given up."""
        try:
            await self._call_results.record(result)
        except (Unavailable, LeaseLostError):
            raise
        except Exception as error:  # noqa: BLE001
            await self._call_failed(result.call, Unexpected(error, outcome_unknown=True), again=True)

    async def _call_failed(self, call: Call, error: MusterError, *, again: bool) -> None:
        """Unknown outcome: the same call again later, at last given up; certainly not carried out: its members again later."""
        log.warning("push.failed", outcome=type(error).__name__, reason=str(error), count=len(call.members))
        async with self._database.locked([call.company_id]) as tx:
            unknown = core.leaves_unknown(error, again=again)
            patient = isinstance(error, RateLimited) and call.age_seconds < PATIENCE_SECONDS
            last = call.attempts >= self._settings.send_attempts and not patient
            state = ("given_up" if last else "unknown") if unknown else "refused"
            pause = backoff_seconds(
                call.attempts, first=self._settings.retry_seconds, most=core.LONGEST_PAUSE_SECONDS
            )
            if isinstance(error, RateLimited):
                pause = max(pause, error.retry_after)
            received = {calls.WHOLE: error.received} if error.received else calls.NO_ANSWERS
            ended = [(call, state, received)]
            if not await calls.close_calls(tx, call.company_id, ended, again_seconds=pause):
                raise LeaseLostError
            if unknown and not last:
                return
            pushes = await calls.members(tx, call)
            pushes += await calls.waiting_for(tx, call.company_id, [call])
            if unknown:
                gone = Rejected("outcome_unknown")
                gone.received = error.received
                await self._recorder.record(tx, call.company_id, [Outcome(i, error=gone) for i in pushes])
            else:
                await self._recorder.retry_or_fail(tx, call.company_id, pushes, error)


def _remote_id(state: RecordState, push: Push) -> str:
    """Whom an update writes to."""
    if push.action is Action.ADOPT:
        return state.source.remote_id if state.source else ""
    return state.destination_remote_id or ""


def _traced(name: str, pushes: Sequence[Push]) -> AbstractContextManager[Span | None]:
    """A span that belongs to what asked for these pushes."""
    return traces.span(name, links=(push.traceparent for push in pushes), count=len(pushes))


def _groups(ready: Sequence[Ready], size: int) -> list[Sequence[Ready]]:
    """The calls to make: creations and updates apart, at most `size` in one, and some isolated."""
    groups: list[Sequence[Ready]] = [[r] for r in ready if r.push.isolated]
    together = [r for r in ready if not r.push.isolated]
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
