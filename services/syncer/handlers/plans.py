"""Commands about plans: made from a selection, amended, approved, released, cancelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.syncer import deciding
from services.syncer.core import planning
from services.syncer.core.planning import WAITS, WRITING, PlanRecord
from services.syncer.settings import Settings
from services.syncer.store import plan_brakes, plan_steps, plans, record_states, runs
from services.syncer.store.plans import Plan
from shared.clock import Clock
from shared.contracts.commands import (
    ApplyPlan,
    CancelPlan,
    CreatePlan,
    ExcludeRecords,
    ReleasePlan,
)
from shared.contracts.events import (
    Body,
    Message,
    PlanAmended,
    PlanApproved,
    PlanCancelled,
    PlanCreated,
    PlanReleased,
    SyncCompleted,
    SyncStarted,
)
from shared.db.tx import Record, Tx
from shared.domain.plans import PlanAction, PlanKind, PlanState, SafetyLimits, Tripped
from shared.domain.reasons import SKIPPED
from shared.domain.settings import CompanySettings
from shared.messaging.outbox import Outbox, Outgoing

NOBODY = UUID(int=0)
"""The account of a plan that was asked for while there was no destination: all of it is blocked."""
_OPEN = (PlanState.DRAFT, PlanState.HELD)


@dataclass(frozen=True, slots=True)
class Plans:
    """What the commands do to plans, each under the company's lock."""

    outbox: Outbox
    clock: Clock
    settings: Settings

    async def on_command(self, tx: Tx, event: Message[Any], settings: Mapping[UUID, CompanySettings]) -> None:
        """Carry out one command about a plan."""
        match event.body:
            case CreatePlan():
                await self.create(tx, event, settings)
            case ExcludeRecords():
                await self.exclude(tx, event, settings)
            case ApplyPlan():
                await self.approve(tx, event)
            case ReleasePlan():
                await self.release(tx, event)
            case CancelPlan():
                await self.cancel(tx, event)
            case _:
                pass

    async def create(
        self, tx: Tx, event: Message[CreatePlan], settings: Mapping[UUID, CompanySettings]
    ) -> None:
        """Plan one part of a selection; with the last part the plan is whole."""
        command, company = event.body, event.company_id
        document = settings.get(company)
        account = document.destination() if document else None
        limits = limits_of(document)
        states = await record_states.load_states(tx, [s.record_id for s in command.records], settings)
        expired = event.time < self.clock.now() - timedelta(days=self.settings.inbox_days - 1)
        planned = []
        for selected in command.records:
            asked = None
            if account is not None and account.connected:
                asked = planning.asked_for(company, command.run_id, selected.record_id, account.account_id)
            single = command.total == 1
            record = planning.planned(states.get(selected.record_id), selected, asked, limits, single=single)
            if expired:
                record = PlanRecord(
                    record.record_id, PlanAction.BLOCKED, record.push_id, record.source_rev, "moved"
                )
            planned.append(
                record if command.apply or WAITS not in record.marks else record._replace(marks=())
            )
        await plans.add_records(tx, company, command.run_id, planned)
        kind = PlanKind.DIRECT if command.apply else PlanKind.PERSON
        destination = account.account_id if account else NOBODY
        whole = await plans.add_part(
            tx, company, command.run_id, destination, kind, event.actor, command.total, command.parts
        )
        if whole:
            await self._whole(tx, event, limits)

    async def _whole(self, tx: Tx, event: Message[CreatePlan], limits: SafetyLimits) -> None:
        """All of a plan's parts are in: the brakes are asked, and one that is applied at once goes on."""
        company, plan = event.company_id, await self._find(tx, event)
        if plan is None:
            return
        counts = await plans.counts(tx, company, plan)
        tripped = await tripped_by(tx, company, plan, counts, limits)
        body = PlanCreated(
            run_id=plan.plan_id,
            kind=plan.kind,
            account_id=plan.account_id,
            total=plan.total,
            counts=by_action(counts),
            expires_at=plan.expires_at,
            tripped=tripped,
        )
        await self._publish(tx, event, body)
        if tripped:
            await plans.move(tx, company, plan.plan_id, _OPEN, PlanState.HELD, tripped=tripped)
        elif plan.kind is PlanKind.DIRECT:
            await plans.move(tx, company, plan.plan_id, _OPEN, PlanState.APPLYING)
            await self._start(tx, event, plan, counts)

    async def exclude(
        self, tx: Tx, event: Message[ExcludeRecords], settings: Mapping[UUID, CompanySettings]
    ) -> None:
        """Take records out of a plan, or put them back; the brakes are asked again."""
        command, company, plan = event.body, event.company_id, await self._find(tx, event)
        if plan is None or plan.state not in _OPEN or plan.kind is PlanKind.RULES:
            return
        if await runs.is_known(tx, company, plan.plan_id):  # a limit stopped it while it was written
            return
        changed = await plans.exclude(tx, company, plan.plan_id, command.records, excluded=command.excluded)
        if not changed:
            return
        limits = limits_of(settings.get(company))
        tripped = await tripped_by(tx, company, plan, await plans.counts(tx, company, plan), limits)
        state = PlanState.HELD if tripped else PlanState.DRAFT
        await plans.move(tx, company, plan.plan_id, _OPEN, state, tripped=tripped)
        body = PlanAmended(run_id=plan.plan_id, records=tuple(changed), excluded=command.excluded)
        await self._publish(tx, event, body)

    async def approve(self, tx: Tx, event: Message[ApplyPlan]) -> None:
        """Write what a draft holds. A plan that is held, over or being written is left as it is."""
        company, plan = event.company_id, await self._find(tx, event)
        if plan is None or not plan.ready or _is_late(plan, self.clock):
            return
        if await plans.move(tx, company, plan.plan_id, [PlanState.DRAFT], PlanState.APPLYING, event.actor):
            counts = await plans.counts(tx, company, plan)
            await self._publish(tx, event, PlanApproved(run_id=plan.plan_id, records=to_apply(counts)))
            await self._start(tx, event, plan, counts)

    async def release(self, tx: Tx, event: Message[ReleasePlan]) -> None:
        """Let a held plan go, or these records of it; what the rules pushed stays held otherwise, the rest is taken out."""
        command, company, plan = event.body, event.company_id, await self._find(tx, event)
        if plan is None or plan.state is not PlanState.HELD or _is_late(plan, self.clock):
            return
        released, more = await plan_brakes.release_pushes(tx, company, plan.plan_id, command.records)
        if plan.kind is PlanKind.RULES:
            if not more:
                await plans.move(tx, company, plan.plan_id, [PlanState.HELD], PlanState.APPROVED, event.actor)
            await self._publish(tx, event, PlanReleased(run_id=plan.plan_id, records=released))
            return
        if command.records is not None:
            await plans.exclude_others(tx, company, plan.plan_id, command.records)
        counts = await plans.counts(tx, company, plan)
        await plans.move(tx, company, plan.plan_id, [PlanState.HELD], PlanState.APPLYING, event.actor)
        body = PlanReleased(run_id=plan.plan_id, records=released + to_apply(counts))
        await self._publish(tx, event, body)
        if not await runs.is_known(tx, company, plan.plan_id):
            await self._start(tx, event, plan, counts)

    async def cancel(self, tx: Tx, event: Message[CancelPlan]) -> None:
        """Write nothing more of a plan."""
        company, plan = event.company_id, await self._find(tx, event)
        if plan is None or plan.state not in (*_OPEN, PlanState.APPROVED, PlanState.APPLYING):
            return
        left = to_apply(await plans.counts(tx, company, plan)) if plan.kind is not PlanKind.RULES else 0
        await plans.move(tx, company, plan.plan_id, [plan.state], PlanState.CANCELLED, event.actor)
        stopped = await plan_brakes.cancel_pushes(tx, company, plan.plan_id)
        await record_states.mark_automatic_due(tx, company)
        await self._publish(tx, event, PlanCancelled(run_id=plan.plan_id, records=left + stopped))
        if plan.kind is PlanKind.RULES:
            await self._publish(
                tx, event, completed(await plan_steps.rules_totals(tx, company, plan.plan_id))
            )
        elif await runs.is_known(tx, company, plan.plan_id):
            await runs.skip(tx, company, plan.plan_id, {"cancelled": left + stopped})
            over = await runs.end_runs(tx, company, [plan.plan_id])
            await self.outbox.append(tx, deciding.run_events(company, over))

    async def failed(self, tx: Tx, event: Message[CreatePlan]) -> None:
        """A part of a plan could not be made: the whole is cancelled, and its run, if it was to be applied, has failed."""
        command, company = event.body, event.company_id
        kind = PlanKind.DIRECT if command.apply else PlanKind.PERSON
        plan, total = command.run_id, command.total
        await plans.add_part(tx, company, plan, NOBODY, kind, event.actor, total, command.parts)
        if not await plans.move(tx, company, plan, _OPEN, PlanState.CANCELLED):
            return
        await self._publish(tx, event, PlanCancelled(run_id=plan, records=total))
        if command.apply:
            await self._publish(tx, event, SyncStarted(run_id=plan, total=total, skipped={}))
            body = SyncCompleted(run_id=plan, total=total, succeeded=0, failed=total, skipped={})
            await self._publish(tx, event, body)

    async def _start(self, tx: Tx, event: Message[Any], plan: Plan, counts: Sequence[Record]) -> None:
        """Begin the run of an approved plan; the worker makes pushes of its records."""
        skipped = not_applied(counts)
        await runs.add_run_part(
            tx, event.company_id, plan.plan_id, event.actor, plan.total, 1, to_apply(counts), skipped
        )
        await self._publish(tx, event, SyncStarted(run_id=plan.plan_id, total=plan.total, skipped=skipped))

    async def _publish(self, tx: Tx, event: Message[Any], body: Body) -> None:
        await self.outbox.append(
            tx, [Outgoing(body, event.company_id, event, run_id=event.body.run_id, actor=event.actor)]
        )

    async def _find(self, tx: Tx, event: Message[Any]) -> Plan | None:
        return await plans.find_plan(tx, event.company_id, event.body.run_id)


def limits_of(document: CompanySettings | None) -> SafetyLimits:
    """The company's limits."""
    return document.route.rules.limits if document and document.route else SafetyLimits()


def _is_late(plan: Plan, clock: Clock) -> bool:
    return plan.expires_at is not None and plan.expires_at <= clock.now()


def _is_applied(row: Record) -> bool:
    return bool(row["waits"]) or (row["action"] != PlanAction.BLOCKED and row["reason"] == "")


def to_apply(counts: Sequence[Record]) -> int:
    """How many of a plan's records become pushes from now on."""
    return sum(r["count"] for r in counts if _is_applied(r) and not r["excluded"] and r["outcome"] is None)


def not_applied(counts: Sequence[Record]) -> dict[str, int]:
    """How many of a plan's records are left out, by reason."""
    found: Counter[str] = Counter()
    for row in counts:
        if row["excluded"]:
            found["taken_out"] += row["count"]
        elif not _is_applied(row):
            known = row["reason"] in SKIPPED
            found[row["reason"] if known else "needs_action"] += row["count"]
    return dict(found)


def by_action(counts: Sequence[Record]) -> dict[str, int]:
    """How many of a plan's records have each action."""
    found: Counter[str] = Counter()
    for row in counts:
        found[row["action"]] += row["count"]
    return dict(found)


def completed(totals: Record) -> SyncCompleted:
    """The end of what a rule pushed within an hour."""
    return SyncCompleted(**dict(totals), skipped={})


async def tripped_by(
    tx: Tx, company: UUID, plan: Plan, counts: Sequence[Record], limits: SafetyLimits
) -> tuple[Tripped, ...]:
    """The brakes that a plan as it is now trips."""
    marks = await plans.marked(tx, company, plan.plan_id)
    counted = planning.counted([mark for mark, (count, _) in marks.items() for _ in range(count)])
    writing = sum(r["count"] for r in counts if not r["excluded"] and (r["action"] in WRITING or r["waits"]))
    first = writing if writing and await plans.is_first(tx, company, plan.account_id, plan.plan_id) else 0
    linked = await plans.count_linked(tx, company, planning.linked_needed(counted, limits))
    samples = {mark: sample for mark, (_, sample) in marks.items()}
    return planning.tripped(counted, limits, first=first, linked=linked, samples=samples)
