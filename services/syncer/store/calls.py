"""Calls as they were stored before they were sent, and the creations they carry (decision 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from uuid import UUID

import orjson

from services.syncer.core import Push
from services.syncer.store.push_queue import PUSHES, push_of
from shared.db.tx import Record, Tx
from shared.domain.values import Action
from shared.errors import Received


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call as stored before it was sent, with its members (push ids) in order. Its id is its key."""

    company_id: UUID
    call_id: UUID
    account_id: UUID
    action: Action
    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    members: Sequence[UUID]
    attempts: int = 1
    """How often it has been tried, this time included; counted again when a call that was given up is resumed."""
    lease_token: int = 1
    resumed: bool = False
    """It was given up once, and a later push of its records took it up again."""
    age_seconds: float = 0.0
    quiet_seconds: float = 0.0
    """Since it was last about to be sent."""


Answers = Mapping[str, Received]
"""What a call was answered, by the id of a member's push; what concerns the whole call under `WHOLE`."""
WHOLE = "*"
NO_ANSWERS: Answers = MappingProxyType({})

_ADD_CALLS = """
WITH taken AS (
    UPDATE pushes i SET state = 'sending', call_id = n.call_id, before = n.before
    FROM unnest($11::sending_row[]) n
    WHERE i.company_id = n.company_id AND i.push_id = n.push_id AND i.lease_token = n.lease_token AND i.lease_until IS NOT NULL
    RETURNING i.push_id
), stored AS (
    INSERT INTO calls (company_id, call_id, account_id, action, method, path, headers, body, members, state, attempts,
                       lease_until)
    SELECT $1, c, a, n, m, p, h, b, i::uuid[], 'sending', 1, now() + make_interval(secs => $10)
    FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::json[], $8::text[], $9::text[])
         AS t (c, a, n, m, p, h, b, i)
    WHERE (SELECT count(*) FROM taken) = cardinality($11)
)
SELECT count(*) FROM taken
"""
_ADD_CREATIONS = """
INSERT INTO creations (company_id, record_id, account_id, call_id, ordinal)
SELECT $1, n.*, CASE
    WHEN last.remote_id IS NOT NULL AND last.finished_at < (
        SELECT s.create_asked_at FROM records s WHERE s.company_id = $1 AND s.record_id = n.record_id)
    THEN last.ordinal + 1
    ELSE coalesce(last.ordinal, 1) END
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS n (record_id, account_id, call_id)
LEFT JOIN LATERAL (
    SELECT c.ordinal, c.remote_id, c.finished_at FROM creations c
    WHERE c.company_id = $1 AND c.record_id = n.record_id AND c.account_id = n.account_id
    ORDER BY c.ordinal DESC LIMIT 1
) AS last ON true
ON CONFLICT (record_id, company_id, account_id, ordinal) DO UPDATE SET call_id = excluded.call_id
WHERE creations.remote_id IS NULL
RETURNING record_id
"""


async def add_calls(
    tx: Tx,
    calls: Sequence[tuple[Call, Sequence[Push]]],
    before: Mapping[UUID, str | None],
    lease_seconds: float,
) -> bool:
    """Store calls before they are sent, with the before-images by push. False when a lease was lost or a creation is done."""
    company = calls[0][0].company_id
    pairs = [(call, push) for call, pushes in calls for push in pushes]
    rows = [(company, i.push_id, i.lease_token, c.call_id, before.get(i.push_id)) for c, i in pairs]
    taken = await tx.fetchval(
        _ADD_CALLS,
        company,
        [c.call_id for c, _ in calls],
        [c.account_id for c, _ in calls],
        [c.action for c, _ in calls],
        [c.method for c, _ in calls],
        [c.path for c, _ in calls],
        [orjson.dumps(dict(c.headers)).decode() for c, _ in calls],
        [c.body for c, _ in calls],
        ["{" + ",".join(map(str, c.members)) + "}" for c, _ in calls],
        lease_seconds,
        rows,
    )
    if taken != len(pairs):
        return False
    new = [(c, i) for c, i in pairs if c.action is Action.CREATE]
    if not new:
        return True
    made = await tx.fetch(
        _ADD_CREATIONS,
        company,
        [i.record_id for _, i in new],
        [c.account_id for c, _ in new],
        [c.call_id for c, _ in new],
    )
    return len(made) == len(new)


_RENEW = """
UPDATE calls c SET lease_until = now() + make_interval(secs => $4)
FROM unnest($2::uuid[], $3::bigint[]) AS n (id, token)
WHERE c.company_id = $1 AND c.call_id = n.id AND c.lease_token = n.token AND c.state = 'sending'
"""


async def renew(tx: Tx, company: UUID, calls: Sequence[Call], lease_seconds: float) -> None:
    """Keep the leases of those that have no outcome yet, while their system is waited for."""
    ids, tokens = [c.call_id for c in calls], [c.lease_token for c in calls]
    await tx.execute(_RENEW, company, ids, tokens, lease_seconds)


_CLAIM_CALL = """
UPDATE calls SET lease_token = lease_token + 1, attempts = attempts + 1, lease_until = now() + make_interval(secs => $1),
       state = 'sending'
WHERE (company_id, call_id) = (
    SELECT company_id, call_id FROM calls
    WHERE (state = 'sending' AND lease_until < now()) OR (state = 'unknown' AND due_at <= now())
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *, extract(epoch FROM now() - created_at)::float8 AS age_seconds,
          extract(epoch FROM now() - sent_at)::float8 AS quiet_seconds
"""


async def claim_call(tx: Tx, lease_seconds: float) -> Call | None:
    """A call whose outcome is not known: its worker died, the answer never came, or it was given up and taken up again."""
    row = await tx.fetchrow(_CLAIM_CALL, lease_seconds)
    if row is None:
        return None
    names = (name for name in Call.__slots__ if name != "headers")
    values = {name: row[name] for name in names} | {"action": Action(row["action"])}
    return Call(**values, headers=orjson.loads(row["headers"]))


_SENDING = """
UPDATE calls SET sent_at = now() WHERE company_id = $1 AND call_id = $2 AND lease_token = $3 AND state = 'sending'
"""


async def send_again(tx: Tx, call: Call) -> bool:
    """Note that the call is sent now, once more; False when the lease is lost."""
    return await tx.execute(_SENDING, call.company_id, call.call_id, call.lease_token) == "UPDATE 1"


_CLOSE = """
UPDATE calls c SET state = n.state, lease_until = NULL, due_at = now() + make_interval(secs => $5),
       answers = coalesce(n.answers, c.answers)
FROM unnest($2::uuid[], $3::bigint[], $4::text[], $6::json[]) AS n (id, token, state, answers)
WHERE c.company_id = $1 AND c.call_id = n.id AND c.lease_token = n.token AND c.state = 'sending'
RETURNING c.call_id
"""


async def close_calls(
    tx: Tx, company: UUID, ended: Sequence[tuple[Call, str, Answers]], *, again_seconds: float = 0
) -> set[UUID]:
    """Record how these calls ended and what they were answered; the ids of those whose lease we still hold."""
    rows = await tx.fetch(
        _CLOSE,
        company,
        [call.call_id for call, _, _ in ended],
        [call.lease_token for call, _, _ in ended],
        [state for _, state, _ in ended],
        again_seconds,
        [_answers(received) for _, _, received in ended],
    )
    return {row["call_id"] for row in rows}


def _answers(received: Answers) -> str | None:
    kept = {key: asdict(one.answer) | {"body": orjson.Fragment(one.body)} for key, one in received.items()}
    return orjson.dumps(kept).decode() if kept else None


_MEMBERS = """
SELECT i.push_id, i.record_id, i.account_id, i.state, i.action, i.fields, i.basis, i.automatic, i.run_id, i.actor, i.lane,
       i.attempts, i.lease_token, i.call_id, i.outcome, i.isolated, i.step, i.waits_for, i.retry_at,
       i.then_push, i.traceparent
FROM pushes i WHERE i.company_id = $1 AND i.push_id = ANY ($2::uuid[]) AND ($3 <> 'create' OR EXISTS (
    SELECT FROM creations c WHERE c.company_id = i.company_id AND c.record_id = i.record_id
      AND c.account_id = i.account_id AND c.call_id = $4 AND c.remote_id IS NULL))
"""


async def members(tx: Tx, call: Call) -> list[Push]:
    """The pushes that this call carries, those that ended meanwhile included; of creations, those not settled yet."""
    rows = await tx.fetch(_MEMBERS, call.company_id, list(call.members), call.action, call.call_id)
    return [push_of(row) for row in rows]


_CREATED = """
UPDATE creations c SET remote_id = coalesce(c.remote_id, n.remote_id), finished_at = coalesce(c.finished_at, now())
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS n (company_id, record_id, account_id, remote_id)
WHERE c.company_id = n.company_id AND c.record_id = n.record_id AND c.account_id = n.account_id
"""


async def close_creations(tx: Tx, company: UUID, made: Sequence[tuple[UUID, UUID, str]]) -> None:
    """These (record, account, remote id) exist now; nothing is created for them again."""
    if made:
        await tx.execute(_CREATED, [company] * len(made), *zip(*made, strict=True))


_NOT_MADE = """
DELETE FROM creations c USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (company_id, record_id, call_id)
WHERE c.company_id = n.company_id AND c.record_id = n.record_id AND c.call_id = n.call_id AND c.remote_id IS NULL
"""


async def not_made(tx: Tx, company: UUID, missing: Sequence[tuple[UUID, UUID]]) -> None:
    """What these (record, call) were to create does not exist: whatever becomes of the call, another may create it."""
    if missing:
        records, call_ids = zip(*missing, strict=True)
        await tx.execute(_NOT_MADE, [company] * len(missing), records, call_ids)


_RESUME = """
UPDATE calls SET state = 'unknown', attempts = 0, due_at = now(), resumed = true
WHERE company_id = $1 AND call_id = ANY ($2::uuid[]) AND state = 'given_up'
"""
_HOLD_FOR_CALL = """
UPDATE pushes SET state = 'sending', call_id = n.call_id, lease_until = NULL
FROM unnest($2::uuid[], $3::uuid[]) AS n (id, call_id)
WHERE company_id = $1 AND push_id = n.id AND state IN ('planned', 'claimed')
"""


async def resume_calls(tx: Tx, company: UUID, waits: Sequence[tuple[UUID, UUID]]) -> None:
    """These (push, call): the record's creation has an unknown outcome, so that call is settled, and the push waits for it."""
    if waits:
        await tx.execute(_RESUME, company, [w[1] for w in waits])
        await tx.execute(_HOLD_FOR_CALL, company, [w[0] for w in waits], [w[1] for w in waits])
        tx.made_due(PUSHES)


_WAITING = """
SELECT push_id, record_id, account_id, state, action, fields, basis, automatic, run_id, actor, lane, attempts,
       lease_token, call_id, outcome, isolated, step, waits_for, retry_at, then_push, traceparent
FROM pushes
WHERE company_id = $1 AND call_id = ANY ($2::uuid[]) AND state = 'sending' AND push_id <> ALL ($3::uuid[])
"""


async def waiting_for(tx: Tx, company: UUID, calls: Sequence[Call]) -> list[Push]:
    """Later pushes that wait for the outcome of one of these calls: only creations are waited for."""
    ids = [c.call_id for c in calls if c.action is Action.CREATE]
    if not ids:
        return []
    own = [member for call in calls for member in call.members]
    return [push_of(row) for row in await tx.fetch(_WAITING, company, ids, own)]


_LAST_CALL = """
SELECT c.account_id, c.call_id, c.action, c.method, c.path, c.body, c.state, c.attempts, c.sent_at,
       cardinality(c.members) AS members, array_position(c.members, i.push_id) AS place,
       coalesce(c.answers -> i.push_id::text, c.answers -> '*')::text AS answer
FROM pushes i JOIN calls c ON c.company_id = i.company_id AND c.call_id = i.call_id
WHERE i.company_id = $1 AND i.record_id = $2 AND i.push_id = ANY (c.members)
ORDER BY c.sent_at DESC LIMIT 1
"""


async def last_call(tx: Tx, company: UUID, record: UUID) -> Record | None:
    """The last call that carried a push of this record, its place in it, and what was answered of it."""
    return await tx.fetchrow(_LAST_CALL, company, record)
