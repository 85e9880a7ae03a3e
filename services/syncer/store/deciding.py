"""Saving what the core decided: standings, pushes, and the events that tell of them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import orjson

from services.syncer.core import Case, Decision, Item
from services.syncer.store import pushes, subjects
from shared.contracts.events import Body, Message, PushPlanned, StatusChanged, SyncCompleted, SyncProgressed
from shared.contracts.records import Lane
from shared.db.tx import Record, Tx
from shared.messaging.outbox import Outbox, Outgoing

Caused = Callable[[Case], Message[Body] | None]


async def save(
    tx: Tx,
    outbox: Outbox,
    decisions: Sequence[Decision],
    cause: Caused,
    *,
    pushed: Mapping[UUID, Item] | None = None,
) -> None:
    """Store all of it in a few statements and say it. `cause` gives the message that a decision answers, if any.

    With `pushed` (by record) the cases are what these pushes left: they are stored whole, and said as theirs
    (lane, run and actor).
    """
    moved = [d for d in decisions if d.moved()]
    await (subjects.save_standings(tx, moved) if pushed is None else subjects.save_outcomes(tx, decisions))
    items: dict[UUID, list[Item]] = defaultdict(list)
    ended: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    said: list[Outgoing] = []
    for decision in decisions:
        company, item = decision.case.company_id, decision.item
        if item is not None and item != decision.case.item:
            items[company].append(item)
        if decision.planned and item is not None:
            said.append(_say(planned(item), decision.case, cause, item))
        if decision.ended is not None:
            if decision.case.item is None:
                items[company].append(decision.ended)
            ended[company].append((decision.ended.item_id, decision.ended.outcome or "failed"))
    for decision in moved:
        item = decision.item or decision.case.item or (pushed or {}).get(decision.case.record_id)
        said.append(_say(_status_changed(decision), decision.case, cause, item))
    for company, rows in items.items():
        await pushes.save_items(tx, company, [_open(i) for i in rows])
    for company, over in ended.items():
        runs = await pushes.end_items(tx, company, over)
        said += run_events(company, runs)
    await outbox.append(tx, said)


def _open(item: Item) -> Item:
    """An intent that ends at once is stored as waiting first, so that ending it counts in its run."""
    if item.state != "done":
        return item
    return item._replace(state="waiting", action="", fields={}, basis=None, outcome=None)


def _say(body: Body, case: Case, cause: Caused, item: Item | None) -> Outgoing:
    message = cause(case)
    lane = Lane(item.lane) if item is not None else (message.lane if message else Lane.BULK)
    run, actor = (item.run_id, item.actor) if item is not None else (None, None)
    return Outgoing(body, case.company_id, message, lane=lane, run_id=run, actor=actor)


def _status_changed(decision: Decision) -> StatusChanged:
    case, standing = decision.case, decision.standing
    return StatusChanged(
        record_id=case.record_id,
        status_rev=case.status_rev + 1,
        status=standing.status,
        reason=standing.reason,
        field=standing.field,
        synced_at=case.synced_at,
        basis=decision.item.basis if decision.planned and decision.item else case.basis(),
    )


def planned(item: Item) -> PushPlanned:
    """The event of a plan."""
    return PushPlanned.model_validate(
        {
            "record_id": item.record_id,
            "item_id": item.item_id,
            "action": item.action,
            "fields": item.fields,
            "basis": item.basis,
        }
    )


def run_events(company: UUID, runs: Sequence[Record]) -> list[Outgoing]:
    """How far these runs are, or that they are over."""
    said = []
    for run in runs:
        kind = SyncCompleted if run["ended"] else SyncProgressed
        body = kind.model_validate(
            {
                "run_id": run["run_id"],
                "total": run["total"],
                "succeeded": run["succeeded"],
                "failed": run["failed"],
                "skipped": orjson.loads(run["skipped"]),
            }
        )
        said.append(Outgoing(body, company, run_id=run["run_id"], actor=run["actor"]))
    return said
