"""The destination: claim due pushes, read afresh, store the call, send it, record what came of it.

A call whose outcome is not known is sent again to the letter, with its own key, before anything else happens to its
members; so a record is created once, however often a worker dies (architecture decision 7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from services.syncer import core
from services.syncer.core import Case, Failure, Item
from services.syncer.settings import Settings
from services.syncer.store import deciding, facts, work
from services.syncer.store.work import Call
from shared.clock import Clock
from shared.connectors.client import Connectors
from shared.connectors.ports import Connector, PreparedCall, Unread, Write, Written
from shared.contracts.events import DirectoryWanted, PushFailed, PushHeld, PushSucceeded
from shared.contracts.records import Account, CompanySettings, Lane, Remote, record_id
from shared.db.companies import load_settings
from shared.db.leases import LEASE_SECONDS, LeaseLostError
from shared.db.tx import Database, Tx
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.logs import log
from shared.telemetry.metrics import WORK

IDLE_SECONDS = 0.1
DUE_CHUNK = 500
CLAIM = 120
"""Pushes taken at once: the batches of 30 that QuickBooks takes side by side."""
GATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ready:
    """One push whose plan still holds over a fresh read of the record."""

    item: Item
    case: Case
    fields: Mapping[str, object]
    current: Remote | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one push ended: the record as the destination holds it, the error, or the field that someone else moved."""

    item: Item
    remote: Remote | None = None
    error: MusterError | None = None
    moved: str | None = None
    wrote: bool = True


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
        self._served: dict[tuple[UUID, UUID], float] = {}

    async def run(self) -> None:
        """Send what is due, several calls side by side; decide again what is due to be decided."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.senders):
                group.create_task(self._loop(self.step))
            group.create_task(self._loop(self.decide_due))

    async def _loop(self, step: object) -> None:
        while True:
            worked = False
            try:
                worked = await step()  # type: ignore[operator]
            except LeaseLostError:
                WORK.labels(kind="push", outcome="lease_lost").inc()
            except Unavailable as error:
                log.warning("push.pause", outcome=str(error))
                await asyncio.sleep(1)
            if not worked:
                await asyncio.sleep(IDLE_SECONDS)

    async def decide_due(self) -> bool:
        """Decide one chunk of due records again, with the same core and under the same lock as the handlers."""
        async with self._database.system() as tx:
            companies = await facts.companies_due(tx)
        for company in companies:
            async with self._database.transaction([company]) as tx:
                await tx.lock_companies()
                records = await facts.take_due(tx, DUE_CHUNK)
                cases = await facts.load_cases(tx, records, await load_settings(tx, [company]))
                decisions = [core.decide(case) for case in cases.values()]
                await deciding.save(tx, self._outbox, decisions, lambda _: None)
        return bool(companies)

    async def step(self) -> bool:
        """Settle one unknown call, or send the next pushes of the queue served longest ago; False when nothing is due."""
        async with self._database.system() as tx:
            call = await work.claim_call(tx, LEASE_SECONDS)
            waiting = [] if call else await work.queues(tx)
        if call is not None:
            await self._send_again(call)
            return True
        if not waiting:
            return False
        company, account_id = min(waiting, key=lambda q: self._served.get(q, 0.0))
        self._served[company, account_id] = asyncio.get_running_loop().time()
        return await self._push(company, account_id)

    async def _push(self, company: UUID, account_id: UUID) -> bool:
        async with self._database.transaction([company]) as tx:
            await tx.lock_companies()
            items = await work.claim_items(tx, company, account_id, CLAIM, LEASE_SECONDS)
            if not items:
                return False
            settings = (await load_settings(tx, [company])).get(company)
            account = settings.account(account_id) if settings else None
            if settings is None or account is None or not account.connected:
                await self._record(
                    tx, company, None, [Outcome(i, error=Unauthorized("destination")) for i in items]
                )
                return True
            cases = await facts.load_cases(tx, [i.record_id for i in items], {company: settings})
            items = await self._recheck(tx, company, settings, account, items, cases)
        if not items:
            return True
        try:
            connector = await self._connectors.get(account, company)
            ready, over = await self._read_afresh(
                connector, [i for i in items if i.action != "create"], cases
            )
        except MusterError as error:
            async with self._database.transaction([company]) as tx:
                await tx.lock_companies()
                await self._retry_or_fail(tx, company, items, error)
            return True
        if over:
            async with self._database.transaction([company]) as tx:
                await tx.lock_companies()
                await self._record(tx, company, None, over)
        ready += [Ready(i, cases[i.record_id], core.values(i), None) for i in items if i.action == "create"]
        await self._send(company, account, connector, ready)
        return True

    async def _recheck(
        self,
        tx: Tx,
        company: UUID,
        settings: CompanySettings,
        account: Account,
        items: Sequence[Item],
        cases: Mapping[UUID, Case],
    ) -> list[Item]:
        """The claimed pushes whose plan holds, perhaps planned anew; the others are held, ended, or wait."""
        go: list[Item] = []
        said: list[Outgoing] = []
        resumed: list[tuple[UUID, UUID]] = []
        held: list[Outcome] = []
        ended: list[Item] = []
        for item in items:
            case = cases[item.record_id]
            found = core.recheck(case, item)
            if case.unknown_call is not None and not case.created:
                resumed.append((item.item_id, case.unknown_call))
            elif found.held:
                held.append(Outcome(item))
            elif found.ended:
                ended.append(item)
            else:
                go.append(found.item)
                if found.replanned:
                    said.append(
                        Outgoing(
                            deciding.planned(found.item), company, lane=Lane(item.lane), run_id=item.run_id
                        )
                    )
        await work.resume_calls(tx, company, resumed)
        await self._hold(tx, company, held, cases)
        await self._end_unplanned(tx, company, ended, cases)
        go = await self._gate(tx, company, settings, account, go)
        await self._outbox.append(tx, said)
        return go

    async def _gate(
        self, tx: Tx, company: UUID, settings: CompanySettings, account: Account, items: list[Item]
    ) -> list[Item]:
        """Creations pass only with a directory matched recently enough; else a newer one is asked for (decision 9)."""
        creations = [i for i in items if i.action == "create"]
        if not creations or settings.route is None:
            return items
        now = self._clock.now()
        max_age = timedelta(seconds=settings.route.rules.directory_max_age_seconds)
        if await facts.directory_is_fresh(tx, company, account.account_id, now, max_age):
            return items
        await work.postpone(tx, company, creations, GATE_SECONDS, attempt=False)
        if await facts.want_directory(tx, company, account.account_id, now):
            wanted = DirectoryWanted(account_id=account.account_id, not_before=now - max_age)
            await self._outbox.append(tx, [Outgoing(wanted, company, lane=Lane.REAL_TIME)])
        return [i for i in items if i.action != "create"]

    async def _send(
        self, company: UUID, account: Account, connector: Connector, ready: Sequence[Ready]
    ) -> None:
        """Store all calls in one transaction, then send them, as many at once as the system takes."""
        size = connector.batch_size
        creates = [r for r in ready if r.current is None]
        updates = [r for r in ready if r.current is not None]
        groups = [c[i : i + size] for c in (creates, updates) for i in range(0, len(c), size)]
        if not groups:
            return
        calls = [
            (self._call(company, account, connector, group), [r.item for r in group]) for group in groups
        ]
        before = {r.item.item_id: r.current.payload for r in updates if r.current is not None}
        async with self._database.transaction([company]) as tx:
            if not await work.add_calls(tx, calls, before, LEASE_SECONDS):
                raise LeaseLostError
        limit = asyncio.Semaphore(connector.parallel_calls)
        sent = [self._transmit(call, connector, limit) for call, _ in calls]
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

    async def _read_afresh(
        self, connector: Connector, items: Sequence[Item], cases: Mapping[UUID, Case]
    ) -> tuple[list[Ready], list[Outcome]]:
        """Compare each plan's `before` once more with the destination itself."""
        remote_ids = {i.item_id: cases[i.record_id].destination_remote_id or "" for i in items}
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
                over.append(Outcome(item, remote=current, wrote=False))
            else:
                ready.append(Ready(item, cases[item.record_id], wanted, current))
        return ready, over

    async def _send_again(self, call: Call) -> None:
        async with self._database.transaction([call.company_id]) as tx:
            settings = (await load_settings(tx, [call.company_id])).get(call.company_id)
        account = settings.account(call.account_id) if settings else None
        if account is None:
            raise Unavailable("the account of a call is not known yet")
        connector = await self._connectors.get(account, call.company_id)
        await self._transmit(call, connector, asyncio.Semaphore(1), again=True)

    async def _transmit(
        self, call: Call, connector: Connector, limit: asyncio.Semaphore, *, again: bool = False
    ) -> None:
        """Send a stored call and record its outcome; a failure of the whole call decides what may happen to it next."""
        requested_at = self._clock.now()
        try:
            async with limit:
                written = await connector.send(_prepared(call))
        except MusterError as error:
            await self._call_failed(call, error, again=again)
            return
        await self._answered(call, written, requested_at)

    async def _answered(self, call: Call, written: Sequence[Written], requested_at: datetime) -> None:
        by_item = {UUID(w.item_id): w for w in written}
        async with self._database.transaction([call.company_id]) as tx:
            await tx.lock_companies()
            unknown = any(isinstance(w.error, Unavailable) and w.error.outcome_unknown for w in written)
            if not await work.close_call(tx, call, "given_up" if unknown else "answered"):
                raise LeaseLostError
            items = await work.members(tx, call)
            outcomes = [
                Outcome(i, by_item[i.item_id].remote, by_item[i.item_id].error)
                for i in items
                if i.item_id in by_item
            ]
            await self._record(tx, call.company_id, call, outcomes, requested_at)
            await work.postpone(tx, call.company_id, await work.waiting_for(tx, call), 0, attempt=False)

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
            if not await work.close_call(tx, call, state, again_seconds=pause):
                raise LeaseLostError
            if unknown and not last:
                return
            items = [*await work.members(tx, call), *await work.waiting_for(tx, call)]
            if unknown:
                gone = Rejected("outcome_unknown")
                await self._record(tx, call.company_id, None, [Outcome(i, error=gone) for i in items])
            else:
                await self._retry_or_fail(tx, call.company_id, items, error)

    async def _retry_or_fail(self, tx: Tx, company: UUID, items: Sequence[Item], error: MusterError) -> None:
        """Certainly not carried out: again later, or Failed after the last try."""
        retry = isinstance(error, Unavailable | Conflict)
        waits = isinstance(error, RateLimited) and error.ours
        again = [i for i in items if waits or (retry and i.attempts + 1 < self._settings.send_attempts)]
        pause = core.backoff_seconds(
            self._settings.retry_seconds, max((i.attempts for i in again), default=0) + 1
        )
        if isinstance(error, RateLimited):
            pause = max(pause, error.retry_after)
        await work.postpone(tx, company, again, pause, attempt=not waits)
        ids = {i.item_id for i in again}
        await self._record(
            tx, company, None, [Outcome(i, error=error) for i in items if i.item_id not in ids]
        )

    async def _record(
        self,
        tx: Tx,
        company: UUID,
        call: Call | None,
        outcomes: Sequence[Outcome],
        requested_at: datetime | None = None,
    ) -> None:
        """Store what came of these pushes and say it; then decide their records again."""
        settings = await load_settings(tx, [company])
        records = [o.item.record_id for o in outcomes]
        cases = await facts.load_cases(tx, records, settings)
        stale = [
            o
            for o in outcomes
            if isinstance(o.error, Conflict) and o.item.attempts + 1 < self._settings.send_attempts
        ]
        await work.postpone(tx, company, [o.item for o in stale], 0.0, attempt=True)
        await self._moved(tx, company, [o for o in outcomes if o.moved is not None], cases)
        failed = [o for o in outcomes if o.error is not None and o not in stale]
        said = await self._save_failed(tx, company, failed, cases)
        good = [o for o in outcomes if o.remote is not None and o.moved is None]
        said += await self._save_succeeded(tx, company, call, good, cases, requested_at or self._clock.now())
        ended = [(o.item.item_id, "failed") for o in failed] + [(o.item.item_id, "succeeded") for o in good]
        said += deciding.run_events(company, await work.end_items(tx, company, ended))
        await self._outbox.append(tx, said)
        await self._stand(tx, records, settings)
        WORK.labels(kind="push", outcome="succeeded").inc(len(good))
        WORK.labels(kind="push", outcome="failed").inc(len(failed))

    async def _moved(
        self, tx: Tx, company: UUID, moved: Sequence[Outcome], cases: Mapping[UUID, Case]
    ) -> None:
        """Someone else changed a planned field at the destination: planned again if automatic, Held if a person asked."""
        now = self._clock.now()
        fresh = []
        for outcome in moved:
            known, remote = cases[outcome.item.record_id].destination, outcome.remote
            if known is not None and remote is not None:
                fresh.append(
                    (
                        company,
                        replace(known, employee=remote.employee, remote_version=remote.version, read_at=now),
                    )
                )
        await facts.save_facts(tx, fresh)
        most = self._settings.send_attempts
        again = [o.item for o in moved if o.item.automatic and o.item.attempts + 1 < most]
        await work.postpone(tx, company, again, 0.0, attempt=True)
        retried = {i.item_id for i in again}
        await self._hold(tx, company, [o for o in moved if o.item.item_id not in retried], cases)

    async def _stand(self, tx: Tx, records: Sequence[UUID], settings: Mapping[UUID, CompanySettings]) -> None:
        cases = await facts.load_cases(tx, records, settings)
        await deciding.save(tx, self._outbox, [core.decide(c) for c in cases.values()], lambda _: None)

    async def _save_failed(
        self, tx: Tx, company: UUID, failed: Sequence[Outcome], cases: Mapping[UUID, Case]
    ) -> list[Outgoing]:
        failures, said = [], []
        for outcome in failed:
            assert outcome.error is not None
            reason, concerned = outcome.error.reason, outcome.error.field
            item, case = outcome.item, cases.get(outcome.item.record_id)
            basis = case.basis() if case else None
            if basis is not None:
                failure = Failure(reason, concerned, basis.source_rev, basis.link_rev, basis.settings_version)
                failures.append((company, item.record_id, failure))
            body = PushFailed(
                record_id=item.record_id,
                item_id=item.item_id,
                action=item.action,
                reason=reason,
                field=concerned,
                retryable=reason in core.RETRYABLE,
            )
            said.append(_outgoing(body, company, item))
        await facts.save_failures(tx, failures)
        return said

    async def _save_succeeded(
        self,
        tx: Tx,
        company: UUID,
        call: Call | None,
        good: Sequence[Outcome],
        cases: Mapping[UUID, Case],
        requested_at: datetime,
    ) -> list[Outgoing]:
        now = self._clock.now()
        said, successes, answers, made = [], [], [], []
        for outcome in good:
            item, remote, case = outcome.item, outcome.remote, cases[outcome.item.record_id]
            assert remote is not None
            assert case.source is not None
            there = record_id(item.account_id, remote.remote_id)
            action = "no_change" if not outcome.wrote else call.action if call else item.action
            source_rev = item.basis.source_rev if item.basis else case.source.rev
            sent, created = core.sent(case, item), action == "create"
            successes.append(
                (company, item.record_id, sent, remote.employee, there, remote.remote_id, created, source_rev)
            )
            rev = case.destination.rev if case.destination and case.destination.record_id == there else 0
            fact = core.Fact(
                there, item.account_id, remote.remote_id, rev, "present", remote.employee, remote.version, now
            )
            answers.append((company, fact))
            if action == "create":
                made.append((item.record_id, remote.remote_id))
            body = PushSucceeded(
                record_id=item.record_id,
                item_id=item.item_id,
                action=action,
                destination_account_id=item.account_id,
                destination_record_id=there,
                destination_remote_id=remote.remote_id,
                remote_version=remote.version,
                requested_at=requested_at,
                answered_at=now,
                employee=remote.employee,
                source_rev=source_rev,
            )
            said.append(_outgoing(body, company, item))
        await facts.save_facts(tx, answers)
        await facts.save_successes(tx, now, successes)
        if made and good:
            await work.close_creations(tx, company, good[0].item.account_id, made)
        return said

    async def _hold(self, tx: Tx, company: UUID, held: Sequence[Outcome], cases: Mapping[UUID, Case]) -> None:
        failures, said = [], []
        for outcome in held:
            item, basis, concerned = outcome.item, cases[outcome.item.record_id].basis(), outcome.moved
            if basis is not None:
                failure = Failure(
                    "conflict", concerned, basis.source_rev, basis.link_rev, basis.settings_version
                )
                failures.append((company, item.record_id, failure))
            body = PushHeld(
                record_id=item.record_id, item_id=item.item_id, reason="conflict", field=concerned
            )
            said.append(_outgoing(body, company, item))
        if not held:
            return
        await facts.save_failures(tx, failures)
        said += deciding.run_events(
            company, await work.end_items(tx, company, [(o.item.item_id, "held") for o in held])
        )
        await self._outbox.append(tx, said)
        settings = await load_settings(tx, [company])
        await self._stand(tx, [o.item.record_id for o in held], settings)

    async def _end_unplanned(
        self, tx: Tx, company: UUID, items: Sequence[Item], cases: Mapping[UUID, Case]
    ) -> None:
        """Nothing can be written for these any more; their records show why."""
        if items:
            runs = await work.end_items(tx, company, [(i.item_id, "needs_action") for i in items])
            await self._outbox.append(tx, deciding.run_events(company, runs))
            settings = {c.company_id: c.settings for c in cases.values() if c.settings}
            await self._stand(tx, [i.record_id for i in items], settings)


def _prepared(call: Call) -> PreparedCall:
    return PreparedCall(
        str(call.call_id),
        call.method,
        call.path,
        call.body,
        call.headers,
        [str(member) for member in call.members],
    )


def _outgoing(body: PushFailed | PushHeld | PushSucceeded, company: UUID, item: Item) -> Outgoing:
    return Outgoing(body, company, lane=Lane(item.lane), run_id=item.run_id, actor=item.actor)
