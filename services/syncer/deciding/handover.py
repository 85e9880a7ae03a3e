"""From a plan to a sender in one transaction: what a rule pushes in real time is claimed by who planned it.

Its sender hears of it through this process's memory, once it is committed. The claim is an ordinary one: where the process
ends before anything was sent, its lease runs out and the queue has the push again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.syncer.core import Decision, Push, PushState, RecordState, Turn, moving, sync_status
from services.syncer.store import push_queue
from shared.db.handover import Handover
from shared.db.tx import Tx
from shared.domain.settings import Account
from shared.domain.values import Action, Lane
from shared.systems import SYSTEMS
from shared.telemetry.traces import traceparent

MOST = 30
"""Pushes handed over together: one call of the largest batches. More go through the queue, which shares among accounts."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Pushes under our lease whose plans hold, with the record states they were compared with."""

    company: UUID
    account: Account
    pushes: Sequence[Push]
    states: Mapping[UUID, RecordState]
    turns: Mapping[UUID, Turn]
    """By push: what it may write now, where that is not its whole plan."""


async def claim(tx: Tx, handover: Handover[Claimed], decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions, with those pushes claimed that an idle sender may send at once; `hand_over` gives them to it.

    Only where nothing else is due for the account, and nobody holds a value that they take. Creations wait for the
    directory, so they go through the queue.
    """
    groups: defaultdict[tuple[UUID, UUID], list[Decision]] = defaultdict(list)
    for decision in decisions:
        if _goes_at_once(decision):
            assert decision.push is not None
            groups[decision.state.company_id, decision.push.account_id].append(decision)
    freed = frozenset().union(*(_moving(d)[0] for d in decisions if d.planned)) if groups else frozenset()
    chosen: dict[UUID, Decision] = {}
    given = 0
    for (company, account), members in groups.items():
        taken = frozenset[str]().union(*(_moving(d)[1] for d in members))
        if len(members) > MOST or taken & freed or not handover.has_room(given):
            continue
        if await push_queue.is_free(tx, company, account, taken):
            chosen |= {d.state.record_id: _claimed(d) for d in members}
            given += 1
    return [chosen.get(d.state.record_id, d) for d in decisions]


def hand_over(
    tx: Tx, handover: Handover[Claimed], decisions: Sequence[Decision], tokens: Mapping[UUID, int]
) -> None:
    """Give what was claimed to the senders once it is committed, with the `tokens` of its leases by push."""
    groups: defaultdict[UUID, list[Decision]] = defaultdict(list)
    for decision in decisions:
        if decision.planned and decision.push and decision.push.state is PushState.CLAIMED:
            groups[decision.push.account_id].append(decision)
    for members in groups.values():
        first, account = members[0].state, _account(members[0])
        assert account is not None
        pushes = [d.push._replace(lease_token=tokens[d.push.push_id]) for d in members if d.push]
        claimed = Claimed(
            first.company_id, account, pushes, {d.state.record_id: d.state for d in members}, {}
        )
        handover.give(tx, claimed)


def _goes_at_once(decision: Decision) -> bool:
    push = decision.push
    return (
        decision.planned
        and push is not None
        and push.automatic
        and push.lane is Lane.REAL_TIME
        and push.state is PushState.PLANNED
        and push.action is not Action.CREATE
        and push.attempts == 0
        and _account(decision) is not None
    )


def _claimed(decision: Decision) -> Decision:
    assert decision.push is not None
    push = decision.push._replace(
        state=PushState.CLAIMED, traceparent=decision.push.traceparent or traceparent()
    )
    return decision._replace(push=push, sync_status=sync_status(decision.state, push))


def _moving(decision: Decision) -> tuple[frozenset[str], frozenset[str]]:
    """The unique values that this decision's push frees, and those that it takes."""
    account = _account(decision)
    nothing: frozenset[str] = frozenset()
    return moving(SYSTEMS[account.system], decision.push) if account and decision.push else (nothing, nothing)


def _account(decision: Decision) -> Account | None:
    settings, push = decision.state.settings, decision.push
    return settings.account(push.account_id) if settings and push else None
