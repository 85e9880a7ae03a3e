"""Plans: what is to be written, record by record, and where each plan is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from services.syncer.core.planning import PlanRecord
from shared.db.tx import Record, Tx
from shared.domain.plans import PlanKind, PlanState, Tripped
from shared.telemetry.traces import traceparent

PLANS = "plans"
"""The kind of work: approved plans whose records are to become pushes, and plans whose time is over."""
HOURS = 24
"""So long a person may look at a plan before it expires."""


class Plan(NamedTuple):
    """A plan without its records."""

    plan_id: UUID
    account_id: UUID
    kind: PlanKind
    state: PlanState
    owner: str | None
    decided_by: str | None
    total: int
    ready: bool
    tripped: tuple[Tripped, ...]
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    traceparent: str | None = None
    """The trace of who approved it; known while it is applied."""


def plan_of(row: Record) -> Plan:
    """The plan in the columns of its names."""
    tripped = tuple(Tripped.model_validate(one) for one in orjson.loads(row["tripped"]))
    kind, state = PlanKind(row["kind"]), PlanState(row["state"])
    return Plan(**dict(row) | {"tripped": tripped, "kind": kind, "state": state})


def as_json(value: object) -> str:
    """For a column of JSON."""
    return orjson.dumps(value).decode()


_ADD_PART = """
INSERT INTO plans (company_id, plan_id, account_id, kind, state, owner, total, parts, parts_seen, expires_at)
VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7, 1, now() + make_interval(hours => $8))
ON CONFLICT (plan_id, company_id) DO UPDATE SET parts_seen = plans.parts_seen + 1
RETURNING parts_seen = parts AND state = 'draft'
"""


async def add_part(
    tx: Tx,
    company: UUID,
    plan: UUID,
    account: UUID,
    kind: PlanKind,
    owner: str | None,
    total: int,
    parts: int,
) -> bool:
    """One more part of a plan has been planned; whether it is whole now, and nobody has cancelled it."""
    return bool(await tx.fetchval(_ADD_PART, company, plan, account, kind, owner, total, parts, HOURS))


_ADD_RECORDS = """
INSERT INTO plan_records (company_id, plan_id, record_id, place, action, reason, field, fields, changed, marks, source_rev,
                          push_id)
SELECT $1, $2, r.* FROM unnest($3::plan_record_row[]) r ON CONFLICT DO NOTHING
"""


async def add_records(tx: Tx, company: UUID, plan: UUID, records: Sequence[PlanRecord]) -> None:
    """Keep what the plan does with these records."""
    rows = [
        (
            r.record_id, r.place, r.action, r.reason, r.field, as_json(dict(r.fields)), list(r.fields), list(r.marks),
            r.source_rev, r.push_id,
        ) for r in records
    ]  # fmt: skip
    if rows:
        await tx.execute(_ADD_RECORDS, company, plan, rows)


_PLAN = """
SELECT plan_id, account_id, kind, state, owner, decided_by, total, parts_seen = parts AS ready, tripped, created_at,
       expires_at, ended_at
FROM plans WHERE company_id = $1 AND plan_id = $2
"""


async def find_plan(tx: Tx, company: UUID, plan: UUID) -> Plan | None:
    """One plan."""
    row = await tx.fetchrow(_PLAN, company, plan)
    return plan_of(row) if row else None


_PAGE = """
SELECT plan_id, account_id, kind, state, owner, decided_by, total, parts_seen = parts AS ready, tripped, created_at,
       expires_at, ended_at
FROM plans WHERE company_id = $1 AND ($2::text[] = '{}' OR state = ANY ($2))
  AND ($4::uuid IS NULL OR (created_at, plan_id) < ($3, $4))
ORDER BY created_at DESC, plan_id DESC LIMIT $5
"""


async def newest_plans(
    tx: Tx, company: UUID, states: Sequence[str], after: tuple[datetime, UUID] | None, limit: int
) -> list[Plan]:
    """Plans in these states (none means all), newest first."""
    time, plan = after or (None, None)
    return [plan_of(row) for row in await tx.fetch(_PAGE, company, states, time, plan, limit)]


_HELD = """
SELECT company_id, plan_id, total, tripped FROM plans
WHERE company_id = ANY ($1::uuid[]) AND state = 'held' ORDER BY created_at DESC, plan_id DESC
"""


async def held_plans(tx: Tx, companies: Sequence[UUID]) -> list[Record]:
    """The plans of these companies that wait for their release, newest first; `tripped` is JSON."""
    return await tx.fetch(_HELD, companies)


_COUNTS = """
SELECT r.action, r.reason, r.field, r.excluded, 'waits' = ANY (r.marks) AS waits,
       CASE r.outcome WHEN 'pushed' THEN CASE i.state WHEN 'done' THEN i.outcome ELSE 'waiting' END ELSE r.outcome END
       AS outcome, count(*) AS count
FROM plan_records r LEFT JOIN pushes i ON i.company_id = r.company_id AND i.push_id = r.push_id
WHERE r.company_id = $1 AND r.plan_id = $2 GROUP BY 1, 2, 3, 4, 5, 6
"""
_RULES_COUNTS = """
SELECT coalesce(action, 'blocked') AS action,
       '' AS reason, NULL::text AS field, false AS excluded, false AS waits,
       CASE state WHEN 'done' THEN outcome WHEN 'held' THEN 'held' ELSE 'waiting' END AS outcome, count(*) AS count
FROM pushes WHERE company_id = $1 AND run_id = $2 GROUP BY 1, 2, 3, 4, 5, 6
"""


async def counts(tx: Tx, company: UUID, plan: Plan) -> list[Record]:
    """How many records of a plan have each action, reason and outcome."""
    return await tx.fetch(_RULES_COUNTS if plan.kind is PlanKind.RULES else _COUNTS, company, plan.plan_id)


_MARKED = """
SELECT mark, count(*) AS count, (array_agg(record_id ORDER BY record_id))[1:5] AS sample
FROM plan_records, unnest(marks) AS mark
WHERE company_id = $1 AND plan_id = $2 AND NOT excluded AND action <> 'blocked' GROUP BY mark
"""


async def marked(tx: Tx, company: UUID, plan: UUID) -> dict[str, tuple[int, list[UUID]]]:
    """How many of a plan's records count for each brake, and some of them."""
    return {r["mark"]: (r["count"], r["sample"]) for r in await tx.fetch(_MARKED, company, plan)}


_LINKED = """
SELECT count(*) FROM (SELECT FROM records WHERE company_id = $1 AND destination_record_id IS NOT NULL
                      AND (situation = 'linked' OR created) LIMIT $2) AS found
"""


async def count_linked(tx: Tx, company: UUID, most: int) -> int:
    """How many records are linked, counted up to `most`."""
    return int(await tx.fetchval(_LINKED, company, most)) if most else 0


_IS_FIRST = """
SELECT NOT EXISTS (SELECT FROM plans WHERE company_id = $1 AND account_id = $2 AND plan_id <> $3
                   AND state IN ('approved', 'applying', 'done'))
"""


async def is_first(tx: Tx, company: UUID, account: UUID, plan: UUID) -> bool:
    """Whether nothing has been applied to this account before."""
    return bool(await tx.fetchval(_IS_FIRST, company, account, plan))


_MOVE = """
UPDATE plans SET state = $4, decided_by = coalesce($5, decided_by), tripped = coalesce($6, tripped),
       unapplied = $4 = 'applying', traceparent = coalesce($7, traceparent), changed = 0, deactivated = 0, pay = 0,
       ended_at = CASE WHEN $4 IN ('cancelled', 'expired', 'done') THEN now() END,
       expires_at = CASE WHEN $4 <> 'applying' THEN expires_at END
WHERE company_id = $1 AND plan_id = $2 AND state = ANY ($3::text[])
RETURNING plan_id
"""


async def move(
    tx: Tx,
    company: UUID,
    plan: UUID,
    origins: Sequence[PlanState],
    state: PlanState,
    actor: str | None = None,
    tripped: Sequence[Tripped] | None = None,
) -> bool:
    """Bring a plan from one of these states to another; whether it was in one of them."""
    held = None if tripped is None else as_json([one.model_dump(mode="json") for one in tripped])
    moved = await tx.fetchval(_MOVE, company, plan, list(origins), state, actor, held, traceparent())
    if moved is not None and state is PlanState.APPLYING:
        tx.made_due(PLANS)
    return moved is not None


_EXCLUDE = """
UPDATE plan_records SET excluded = $4
WHERE company_id = $1 AND plan_id = $2 AND record_id = ANY ($3::uuid[]) AND excluded <> $4
  AND (action NOT IN ('blocked', 'no_change')) RETURNING record_id
"""


async def exclude(
    tx: Tx, company: UUID, plan: UUID, records: Sequence[UUID], *, excluded: bool
) -> list[UUID]:
    """Take these records out of a plan, or put them back; those that this changed."""
    return [r["record_id"] for r in await tx.fetch(_EXCLUDE, company, plan, records, excluded)]


_EXCLUDE_OTHERS = """
UPDATE plan_records SET excluded = true
WHERE company_id = $1 AND plan_id = $2 AND record_id <> ALL ($3::uuid[]) AND NOT excluded
  AND action NOT IN ('blocked', 'no_change')
"""


async def exclude_others(tx: Tx, company: UUID, plan: UUID, records: Sequence[UUID]) -> None:
    """Leave only these records in a plan."""
    await tx.execute(_EXCLUDE_OTHERS, company, plan, records)
