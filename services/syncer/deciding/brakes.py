"""The brake on plans that grow while they are written: what rules push, and what waits for a match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.syncer.core import Decision, Push, PushState, planning, sync_status
from services.syncer.store import plan_brakes, plans
from services.syncer.store.plan_brakes import Braked, Grown
from shared.contracts.events import PlanCreated, PlanHeld, SyncStarted
from shared.db.tx import Tx
from shared.domain.plans import Brake, PlanKind, PlanState, SafetyLimits, Tripped
from shared.messaging.outbox import Outgoing

RULE = "auto_sync"
"""The rule that pushes by itself."""
Key = tuple[UUID, UUID]


async def brake(
    tx: Tx, decisions: Sequence[Decision], now: datetime
) -> tuple[list[Decision], list[Outgoing]]:
    """These decisions with the pushes that the company's limits do not allow held, and the events of their plans."""
    rules: dict[Key, list[Decision]] = defaultdict(list)
    direct: dict[Key, list[Decision]] = defaultdict(list)
    for decision in decisions:
        push, company = decision.push, decision.state.company_id
        if not decision.planned or push is None:
            continue
        if push.automatic:
            rules[company, planning.rules_plan(company, RULE, now)].append(decision)
        elif push.run_id is not None and decision.state.push is not None:
            direct[company, push.run_id].append(decision)
    if not rules and not direct:
        return list(decisions), []
    grown = await plan_brakes.grow(tx, [_braked(*one) for one in sorted(rules.items())], rules=True)
    grown += await plan_brakes.grow(tx, [_braked(*one) for one in sorted(direct.items())], rules=False)
    events: list[Outgoing] = []
    held: set[Key] = set()
    for plan in grown:
        members = (rules | direct)[plan.company_id, plan.plan_id]
        if plan.new:
            events += _begun(plan, members)
        if plan.state is PlanState.HELD:
            held.add((plan.company_id, plan.plan_id))
        elif tripped := await _tripped(tx, plan, members):
            await plan_brakes.hold(tx, plan.company_id, plan.plan_id, tripped)
            events.append(
                Outgoing(PlanHeld(run_id=plan.plan_id, tripped=tripped), plan.company_id, run_id=plan.plan_id)
            )
            held.add((plan.company_id, plan.plan_id))
    changed = {
        decision.state.record_id: _planned(decision, plan_id, held=(company, plan_id) in held)
        for (company, plan_id), members in (rules | direct).items()
        for decision in members
    }
    return [changed.get(d.state.record_id, d) for d in decisions], events


def _planned(decision: Decision, plan_id: UUID, *, held: bool) -> Decision:
    """The decision with its push in its plan, and held if the plan is."""
    assert decision.push is not None
    push = decision.push._replace(run_id=plan_id, state=PushState.HELD if held else decision.push.state)
    return decision._replace(push=push, sync_status=sync_status(decision.state, push))


def _limits(decision: Decision) -> SafetyLimits:
    settings = decision.state.settings
    return settings.route.rules.limits if settings and settings.route else SafetyLimits()


def _marks(decision: Decision) -> tuple[str, ...]:
    push = decision.push
    assert push is not None
    action = planning.action_of(push.action)
    return planning.marks_of(action, push.fields, _limits(decision))


def _braked(key: Key, members: Sequence[Decision]) -> Braked:
    push: Push | None = members[0].push
    assert push is not None
    counted = planning.counted(mark for one in members for mark in _marks(one))
    return Braked(*key, push.account_id, len(members), counted)


async def _tripped(tx: Tx, plan: Grown, members: Sequence[Decision]) -> tuple[Tripped, ...]:
    limits = _limits(members[0])
    samples: Mapping[str, Sequence[UUID]] = {
        mark.value: [one.state.record_id for one in members if mark.value in _marks(one)] for mark in Brake
    } | {"": [one.state.record_id for one in members]}
    needed = planning.linked_needed(plan.counted, limits)
    linked = await plans.count_linked(tx, plan.company_id, needed)
    first = plan.total if plan.new and plan.first else 0
    return planning.tripped(plan.counted, limits, first=first, linked=linked, samples=samples)


def _begun(plan: Grown, members: Sequence[Decision]) -> list[Outgoing]:
    """The events of a plan of the rules that has just begun; it counts when it is over."""
    push = members[0].push
    assert push is not None
    created = PlanCreated(
        run_id=plan.plan_id, kind=PlanKind.RULES, account_id=push.account_id, total=plan.total, counts={}
    )
    started = SyncStarted(run_id=plan.plan_id, total=plan.total, skipped={})
    return [Outgoing(body, plan.company_id, run_id=plan.plan_id) for body in (created, started)]
