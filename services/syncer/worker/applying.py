"""Approved plans become pushes, a chunk at a time; plans whose time is over are closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from services.syncer import deciding
from services.syncer.core import PushOutcome, PushState, planning
from services.syncer.core.planning import Applied
from services.syncer.store import plan_steps, plans, record_states, runs
from services.syncer.store.decisions import save_pushes
from services.syncer.store.plans import Plan
from services.syncer.worker.outcomes import Outcome
from services.syncer.worker.recording import Recorder
from shared.contracts.commands import MAX_IDS
from shared.contracts.events import PlanExpired, SyncCompleted
from shared.db.companies import load_settings
from shared.db.tx import Database, Tx
from shared.db.work import for_each_company
from shared.domain.values import Action, Lane
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry import traces

CHUNK = 500


class Applier:
    """Works through the plans of all companies."""

    def __init__(self, database: Database, outbox: Outbox, recorder: Recorder) -> None:
        self._database = database
        self._outbox = outbox
        self._recorder = recorder

    async def step(self) -> bool:
        """One chunk of each company that has plans to apply or to close; False when none has."""
        async with self._database.system() as tx:
            companies = await plan_steps.companies_due(tx)
        return await for_each_company("plan", companies, self._chunk)

    async def _chunk(self, company: UUID) -> bool:
        async with self._database.locked([company]) as tx:
            await self._close(tx, company)
            if (plan := await plan_steps.unapplied(tx, company)) is not None:
                with traces.span("apply plan", parent=plan.traceparent):
                    await self._apply(tx, company, plan)
        return True

    async def _close(self, tx: Tx, company: UUID) -> None:
        expired = [PlanExpired(run_id=plan) for plan in await plan_steps.expire(tx, company)]
        over = [SyncCompleted(**dict(row), skipped={}) for row in await plan_steps.close_rules(tx, company)]
        outgoing = [Outgoing(one, company, run_id=one.run_id) for one in expired]
        outgoing += [Outgoing(one, company, run_id=one.run_id) for one in over]
        await self._outbox.append(tx, outgoing)

    async def _apply(self, tx: Tx, company: UUID, plan: Plan) -> None:
        """The next records of a plan, compared with what is known now."""
        records = await plan_steps.take_records(tx, company, plan.plan_id, CHUNK)
        if not records:
            await plan_steps.all_applied(tx, company, plan.plan_id)
            document = (await load_settings(tx, [company])).get(company)
            if document and document.route and document.route.rules.auto_sync:
                await record_states.mark_automatic_due(tx, company)
            over = await runs.end_runs(tx, company, [plan.plan_id])
            await self._outbox.append(tx, deciding.run_events(company, over))
            return
        tx.made_due(plans.PLANS)  # there may be more
        settings = await load_settings(tx, [company])
        account = document.destination() if (document := settings.get(company)) else None
        open_ = account is not None and account.connected and account.account_id == plan.account_id
        lane = Lane.REAL_TIME if plan.total <= MAX_IDS else Lane.BULK
        actor = plan.decided_by or plan.owner
        known = await record_states.load_states(tx, [r.record_id for r in records], settings)
        states = await deciding.end_retries(tx, company, known, PushOutcome.REPLACED)
        applied = []
        for record in records:
            push = planning.asked_for(company, plan.plan_id, record.record_id, plan.account_id)
            asked = push._replace(lane=lane, actor=actor) if open_ else None
            applied.append(planning.apply(states.get(record.record_id), record, asked))
        await self._save(tx, company, plan, applied)

    async def _save(self, tx: Tx, company: UUID, plan: Plan, applied: Sequence[Applied]) -> None:
        pushed = [a.decision for a in applied if a.decision is not None]
        await record_states.save_failures(tx, [(company, d.state.record_id, None) for d in pushed])
        await deciding.save(tx, self._outbox, pushed, lambda _: None)
        held = [
            (a.held._replace(state=PushState.PLANNED, action=Action.UPDATE), a.field)
            for a in applied
            if a.held is not None
        ]
        await save_pushes(tx, company, [push for push, _ in held])
        outcomes = [Outcome(push, held=True, moved=field, reason="moved") for push, field in held]
        await self._recorder.record(tx, company, outcomes)
        await runs.skip(tx, company, plan.plan_id, Counter(a.skipped for a in applied if a.skipped))
        await plan_steps.save_applied(tx, company, plan.plan_id, applied)
