"""What was decided of records, stored in one statement: their sync statuses, their pushes, and the values that those move."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson

from services.syncer.core import Decision, Push, PushState
from services.syncer.store.push_queue import PUSHES
from shared.db.leases import LEASE_SECONDS
from shared.db.tx import Tx
from shared.telemetry.traces import traceparent

_SAVE = """
WITH shown AS (
    UPDATE records s SET status = n.status, reason = n.reason, field = n.field, retry_at = n.retry_at,
           status_rev = s.status_rev + 1, due = false
    FROM unnest($1::status_row[]) n
    WHERE s.company_id = n.company_id AND s.record_id = n.record_id
), moved AS (
    INSERT INTO moved_values (company_id, account_id, push_id, frees, takes) SELECT r.* FROM unnest($3::moved_row[]) r
)
INSERT INTO pushes (company_id, push_id, record_id, account_id, state, action, fields, basis, automatic, run_id, actor, lane,
                    isolated, step, then_push, traceparent, lease_token, lease_until)
SELECT r.*, $4, (r.state = 'claimed')::int, CASE WHEN r.state = 'claimed' THEN now() + make_interval(secs => $5) END
FROM unnest($2::push_row[]) r
ON CONFLICT (company_id, push_id) DO UPDATE SET
    state = excluded.state, action = excluded.action, fields = excluded.fields, basis = excluded.basis,
    isolated = excluded.isolated, step = excluded.step, run_id = excluded.run_id,
    traceparent = coalesce(pushes.traceparent, excluded.traceparent),
    lease_token = pushes.lease_token + (excluded.state = 'claimed' AND pushes.state <> 'claimed')::int,
    lease_until = CASE WHEN excluded.state = 'waiting' THEN NULL
                       WHEN excluded.state = 'claimed' AND pushes.state <> 'claimed' THEN excluded.lease_until
                       ELSE pushes.lease_until END
RETURNING push_id, state, lease_token
"""


async def save_decisions(
    tx: Tx,
    shown: Sequence[Decision],
    pushes: Sequence[tuple[UUID, Push]],
    moved: Sequence[tuple[object, ...]] = (),
) -> dict[UUID, int]:
    """Store the statuses that moved, and new pushes by company, or newer plans of the same ones, with their `moves.rows_of`.

    One that waits again gives its lease back; one that is saved as claimed, and was not, gets one: the tokens of those that
    are claimed, by push.
    """
    if not shown and not pushes:
        return {}
    statuses = [(d.state.company_id, d.state.record_id, *d.sync_status[:4]) for d in shown]
    rows = [_push_row(company, push) for company, push in pushes]
    saved = await tx.fetch(_SAVE, statuses, rows, moved, traceparent(), LEASE_SECONDS)
    if any(push.state is PushState.PLANNED for _, push in pushes):
        tx.made_due(PUSHES)
    return {row["push_id"]: row["lease_token"] for row in saved if row["state"] == PushState.CLAIMED}


async def save_pushes(tx: Tx, company: UUID, pushes: Sequence[Push]) -> None:
    """Store new pushes, or a newer plan of the same ones; one that waits again gives its lease back."""
    await save_decisions(tx, [], [(company, push) for push in pushes])


def _push_row(company: UUID, push: Push) -> tuple[object, ...]:
    basis = push.basis.model_dump_json() if push.basis else None
    return (
        company,
        push.push_id,
        push.record_id,
        push.account_id,
        push.state,
        push.action,
        orjson.dumps(dict(push.fields)).decode(),
        basis,
        push.automatic,
        push.run_id,
        push.actor,
        push.lane,
        push.isolated,
        push.step,
        push.then_push,
    )


_OUTCOME = """
UPDATE records s SET status = n.status, reason = n.reason, field = n.field, retry_at = n.retry_at,
       status_rev = n.status_rev, due = false,
       synced_at = n.synced_at, sent = n.sent, answered = n.answered, failure = n.failure, automatic_rev = n.automatic_rev,
       destination_record_id = n.destination_record_id, destination_remote_id = n.destination_remote_id,
       created = n.created, writes = n.writes
FROM unnest($1::outcome_row[]) n
WHERE s.company_id = n.company_id AND s.record_id = n.record_id
"""


async def save_outcomes(tx: Tx, decisions: Sequence[Decision]) -> None:
    """Store these records as their pushes left them, with their sync statuses."""
    if decisions:
        await tx.execute(_OUTCOME, [_outcome_row(d) for d in decisions])


def _outcome_row(decision: Decision) -> tuple[object, ...]:
    state = decision.state
    return (
        state.company_id,
        state.record_id,
        *decision.sync_status[:4],
        state.status_rev + decision.moved(),
        state.synced_at,
        state.sent.text() if state.sent else None,
        state.answered.text() if state.answered else None,
        orjson.dumps(state.failure).decode() if state.failure else None,
        state.automatic_rev,
        state.destination_record_id,
        state.destination_remote_id,
        state.created,
        orjson.dumps([tuple(one) for one in state.writes]).decode(),
    )
