"""Saving what the core decided: sync statuses, pushes, and the events that announce them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

import orjson

from services.syncer import core
from services.syncer.core import Decision, Push, PushOutcome, PushState, RecordState
from services.syncer.deciding import handover
from services.syncer.deciding.brakes import brake
from services.syncer.deciding.handover import Claimed
from services.syncer.store import decisions as saving
from services.syncer.store import moves, push_queue
from shared.contracts.events import (
    Body,
    Message,
    PushPlanned,
    RecordStatus,
    StatusChanged,
    SyncCompleted,
    SyncProgressed,
)
from shared.db.handover import Handover
from shared.db.tx import Record, Tx
from shared.domain.values import Lane
from shared.messaging.outbox import Outbox, Outgoing
from shared.systems import SYSTEMS

Caused = Callable[[RecordState], Message[Body] | None]
NOTHING: Mapping[UUID, Sequence[Outgoing]] = MappingProxyType({})


async def save(
    tx: Tx,
    outbox: Outbox,
    decisions: Sequence[Decision],
    cause: Caused,
    *,
    pushed: Mapping[UUID, Push] | None = None,
    results: Mapping[UUID, Sequence[Outgoing]] = NOTHING,
    senders: Handover[Claimed] | None = None,
) -> None:
    """Store all of it in a few statements, and publish it. `cause` gives the message that a decision answers, if any.

    With `pushed` (by record) the record states are what these pushes left: they are stored whole, and published as theirs
    (lane, run and actor), with the `results` (by record) that they had. What exceeds the company's limits is held
    (`brakes`); what one of the `senders` may send at once is claimed for it (`handover`).
    """
    decisions, begun = await brake(tx, decisions, outbox.now())
    if senders is not None:
        decisions = await handover.claim(tx, senders, decisions)
    pushes: list[tuple[UUID, Push]] = []
    ended: dict[UUID, list[tuple[UUID, PushOutcome]]] = defaultdict(list)
    outgoing = begun + published(decisions, cause, pushed or {}, results)
    for decision in decisions:
        company, push = decision.state.company_id, decision.push
        if push is not None and push != decision.state.push:
            pushes.append((company, _open(push)))
        if decision.ended is not None:
            if decision.state.push is None:
                pushes.append((company, _open(decision.ended)))
            ended[company].append((decision.ended.push_id, decision.ended.outcome or PushOutcome.FAILED))
    if pushed is not None:
        await saving.save_outcomes(tx, decisions)
    shown = [d for d in decisions if d.moved()] if pushed is None else []
    tokens = await saving.save_decisions(tx, shown, pushes, _moves(decisions))
    if senders is not None:
        handover.hand_over(tx, senders, decisions, tokens)
    for company, over in ended.items():
        runs = await push_queue.end_pushes(tx, company, over)
        outgoing += run_events(company, runs)
    await outbox.append(tx, outgoing)


def published(
    decisions: Sequence[Decision],
    cause: Caused,
    pushed: Mapping[UUID, Push],
    results: Mapping[UUID, Sequence[Outgoing]],
) -> list[Outgoing]:
    """The events of these decisions. A status that moved goes with the last event of a push; without one it has its own."""
    outgoing: list[Outgoing] = []
    for decision in decisions:
        state, push = decision.state, decision.push
        events = list(results.get(state.record_id, ()))
        if decision.planned and push is not None:
            events.append(_outgoing(planned(push), state, cause, push))
        if decision.moved():
            status = _status(decision)
            if events:
                body = events[-1].body.model_copy(update={"record_status": status})
                events[-1] = events[-1]._replace(body=body)
            else:
                changed = StatusChanged(record_id=state.record_id, **dict(status))
                push = push or state.push or pushed.get(state.record_id)
                events.append(_outgoing(changed, state, cause, push))
        outgoing += events
    return outgoing


def _moves(decisions: Sequence[Decision]) -> list[tuple[object, ...]]:
    """The unique values that the newly planned pushes move."""
    found: list[tuple[object, ...]] = []
    for decision in decisions:
        settings, push = decision.state.settings, decision.push
        account = settings.account(push.account_id) if settings and push else None
        if decision.planned and push is not None and account is not None:
            found += moves.rows_of(decision.state.company_id, SYSTEMS[account.system], push)
    return found


def _open(push: Push) -> Push:
    """An intent that ends at once is stored as waiting first, so that ending it counts in its run."""
    if push.state is not PushState.DONE:
        return push
    return push._replace(state=PushState.WAITING, action=None, fields={}, basis=None, outcome=None)


def _outgoing(body: Body, state: RecordState, cause: Caused, push: Push | None) -> Outgoing:
    message = cause(state)
    lane = push.lane if push is not None else (message.lane if message else Lane.BULK)
    run, actor = (push.run_id, push.actor) if push is not None else (None, None)
    return Outgoing(body, state.company_id, message, lane=lane, run_id=run, actor=actor)


def _status(decision: Decision) -> RecordStatus:
    state, sync_status = decision.state, decision.sync_status
    return RecordStatus(
        status_rev=state.status_rev + 1,
        status=sync_status.status,
        reason=sync_status.reason,
        field=sync_status.field,
        retry_at=sync_status.retry_at,
        holder=sync_status.holder,
        answer=sync_status.answer,
        synced_at=state.synced_at,
        basis=decision.push.basis if decision.planned and decision.push else state.basis(),
    )


async def end_retries(
    tx: Tx, company: UUID, states: Mapping[UUID, RecordState], outcome: PushOutcome
) -> dict[UUID, RecordState]:
    """The pushes of these records that wait to be retried are over; the records without them."""
    retried = [s.push for s in states.values() if s.push and core.waits_for_retry(s.push)]
    await push_queue.end_pushes(tx, company, [(push.push_id, outcome) for push in retried])
    over = {push.record_id for push in retried}
    return {r: s._replace(push=None) if r in over else s for r, s in states.items()}


def planned(push: Push) -> PushPlanned:
    """The event of a plan."""
    return PushPlanned.model_validate(
        {
            "record_id": push.record_id,
            "push_id": push.push_id,
            "action": push.action,
            "fields": push.fields,
            "basis": push.basis,
        }
    )


def run_events(company: UUID, runs: Sequence[Record]) -> list[Outgoing]:
    """How far these runs are, or that they are over."""
    outgoing = []
    for run in runs:
        kind = SyncCompleted if run["ended"] else SyncProgressed
        body = kind.model_validate(
            {
                "run_id": run["run_id"],
                "total": run["total"],
                "succeeded": run["succeeded"],
                "failed": run["failed"],
                "retrying": run["retrying"],
                "skipped": orjson.loads(run["skipped"]),
            }
        )
        outgoing.append(Outgoing(body, company, run_id=run["run_id"], actor=run["actor"]))
    return outgoing
