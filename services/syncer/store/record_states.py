"""What each source record's status depends on, how mapper matched it, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson

from services.syncer.core import AutomaticWrite, Failure, MatchResult, RecordState
from services.syncer.store.names import with_clashes
from services.syncer.store.push_queue import push_of
from services.syncer.store.snapshots import snapshot_of
from shared.db.tx import Record, Tx
from shared.domain.employee import Employee
from shared.domain.settings import CompanySettings
from shared.domain.values import Situation, Status

RECORDS = "records"
"""The kind of work: records to decide again."""

_MATCH_RESULT = """
INSERT INTO records (company_id, record_id, situation, link_rev, link_source_rev, link_reason, destination_record_id,
                      destination_remote_id, create_asked_at)
SELECT r.* FROM unnest($1::match_result_row[]) r
ON CONFLICT (company_id, record_id) DO UPDATE SET
    situation = excluded.situation, link_rev = excluded.link_rev, link_source_rev = excluded.link_source_rev,
    link_reason = excluded.link_reason, create_asked_at = excluded.create_asked_at,
    created = records.created AND excluded.situation IS DISTINCT FROM 'linked',
    destination_record_id = CASE WHEN records.created AND excluded.situation IS DISTINCT FROM 'linked'
                                 THEN records.destination_record_id ELSE excluded.destination_record_id END,
    destination_remote_id = CASE WHEN records.created AND excluded.situation IS DISTINCT FROM 'linked'
                                 THEN records.destination_remote_id ELSE excluded.destination_remote_id END,
    sent = CASE WHEN records.destination_record_id IS DISTINCT FROM excluded.destination_record_id
                 AND excluded.situation = 'linked' THEN NULL ELSE records.sent END,
    answered = CASE WHEN records.destination_record_id IS DISTINCT FROM excluded.destination_record_id
                     AND excluded.situation = 'linked' THEN NULL ELSE records.answered END
WHERE records.link_rev < excluded.link_rev
RETURNING record_id, situation = 'linked' AND EXISTS (  -- as it was before this statement
    SELECT FROM records o WHERE o.company_id = records.company_id AND o.record_id = records.record_id
       AND o.destination_record_id = records.destination_record_id AND o.failure IS NULL
       AND (o.created OR (o.situation = 'linked' AND o.reason NOT IN ('waiting', 'checking')))) AS known
"""


async def save_match_results(tx: Tx, links: Sequence[MatchResult]) -> set[UUID]:
    """Keep mapper's newest results; a creation of ours outranks them until they are `linked`.

    Those whose link is no news: linked as before, or to what we created there ourselves, and nothing waits or has failed.
    """
    if not links:
        return set()
    return {row["record_id"] for row in await tx.fetch(_MATCH_RESULT, links) if row["known"]}


_RELEASE_CREATED = """
UPDATE records s SET created = false, destination_record_id = NULL, destination_remote_id = NULL, sent = NULL, answered = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (company_id, record_id, destination_id)
JOIN records o ON o.company_id = n.company_id AND o.record_id = n.record_id AND o.situation = 'linked'
 AND o.destination_record_id = n.destination_id
WHERE s.company_id = n.company_id AND s.destination_record_id = n.destination_id AND s.created AND s.record_id <> n.record_id
RETURNING s.record_id
"""


async def release_created(tx: Tx, links: Sequence[tuple[UUID, UUID, UUID]]) -> list[UUID]:
    """The records for which we created what these (company, source, destination) link to another one: it is theirs no more."""
    if not links:
        return []
    return [row["record_id"] for row in await tx.fetch(_RELEASE_CREATED, *zip(*links, strict=True))]


_LINKED_SOURCES = """
SELECT record_id, destination_record_id FROM records
WHERE company_id = ANY ($1::uuid[]) AND destination_record_id = ANY ($2::uuid[]) AND situation = 'linked'
"""


async def linked_sources(tx: Tx, destinations: Sequence[UUID]) -> dict[UUID, UUID]:
    """The source record that mapper has linked each of these destination records to, where there is one."""
    if not destinations:
        return {}
    rows = await tx.fetch(_LINKED_SOURCES, list(tx.companies), destinations)
    return {row["destination_record_id"]: row["record_id"] for row in rows}


_OF_DESTINATIONS = """
SELECT record_id FROM records WHERE company_id = ANY ($1::uuid[]) AND destination_record_id = ANY ($2::uuid[])
"""


async def sources_of(tx: Tx, destinations: Sequence[UUID]) -> list[UUID]:
    """The source records whose destination record is one of these."""
    if not destinations:
        return []
    return [r["record_id"] for r in await tx.fetch(_OF_DESTINATIONS, list(tx.companies), destinations)]


_STATES = """
SELECT s.company_id, s.record_id, s.situation, s.link_rev, s.link_source_rev, s.link_reason, s.destination_record_id,
       s.destination_remote_id, s.created,
       EXISTS (SELECT FROM creations n WHERE n.company_id = s.company_id AND n.record_id = s.record_id
               AND n.account_id = ANY ($3::uuid[]) AND n.remote_id IS NOT NULL
               AND (s.create_asked_at IS NULL OR s.create_asked_at <= n.finished_at)) AS created_before,
       (SELECT c.call_id FROM creations n JOIN calls c ON c.company_id = n.company_id AND c.call_id = n.call_id
        WHERE n.company_id = s.company_id AND n.record_id = s.record_id AND n.remote_id IS NULL
          AND n.account_id = ANY ($3::uuid[]) AND c.state IN ('sending', 'unknown', 'given_up') LIMIT 1) AS unknown_call,
       s.status, s.reason, s.field, s.retry_at, s.status_rev, s.synced_at, s.sent, s.answered, s.failure, s.automatic_rev,
       s.ignored, s.writes,
       EXISTS (SELECT FROM directories t WHERE t.company_id = s.company_id AND t.account_id = ANY ($3::uuid[])
               AND t.matched_as_of IS NOT NULL) AS directory_read,
       EXISTS (SELECT FROM plans p JOIN plan_records r ON r.company_id = p.company_id AND r.plan_id = p.plan_id
                   AND r.place = ANY ('{0,1,2,3,4,5}') AND r.record_id = s.record_id
               WHERE p.company_id = s.company_id AND p.unapplied AND r.outcome IS NULL AND NOT r.excluded) AS in_plan,
       f.record_id AS source_record_id, f.account_id AS source_account_id, f.remote_id AS source_remote_id,
       f.rev AS source_rev, f.state AS source_state, f.employee AS source_employee,
       f.remote_version AS source_remote_version, f.remote_updated_at AS source_remote_updated_at,
       f.requested_at AS source_requested_at, f.answered_at AS source_answered_at, f.written AS source_written,
       f.reason AS source_reason,
       d.record_id AS there_record_id, d.account_id AS there_account_id, d.remote_id AS there_remote_id,
       d.rev AS there_rev, d.state AS there_state, d.employee AS there_employee,
       d.remote_version AS there_remote_version, d.remote_updated_at AS there_remote_updated_at,
       d.requested_at AS there_requested_at, d.answered_at AS there_answered_at, d.written AS there_written,
       d.reason AS there_reason,
       i.push_id AS push_push_id, i.record_id AS push_record_id, i.account_id AS push_account_id, i.state AS push_state,
       i.action AS push_action, i.fields AS push_fields, i.basis AS push_basis, i.automatic AS push_automatic,
       i.run_id AS push_run_id, i.actor AS push_actor, i.lane AS push_lane, i.attempts AS push_attempts,
       i.lease_token AS push_lease_token, i.call_id AS push_call_id, i.outcome AS push_outcome, i.isolated AS push_isolated,
       i.step AS push_step, i.waits_for AS push_waits_for, i.retry_at AS push_retry_at, i.then_push AS push_then_push,
       i.traceparent AS push_traceparent
FROM records s
LEFT JOIN snapshots f ON f.company_id = s.company_id AND f.record_id = s.record_id
LEFT JOIN snapshots d ON d.company_id = s.company_id AND d.record_id = s.destination_record_id
LEFT JOIN pushes i ON i.company_id = s.company_id AND i.record_id = s.record_id AND i.state <> 'done'
WHERE s.company_id = ANY ($1::uuid[]) AND s.record_id = ANY ($2::uuid[])
"""


async def load_states(
    tx: Tx, records: Iterable[UUID], settings: Mapping[UUID, CompanySettings]
) -> dict[UUID, RecordState]:
    """Everything that these source records' sync statuses depend on, by record id."""
    wanted = list(set(records))
    if not wanted:
        return {}
    accounts = [d.account_id for s in settings.values() if (d := s.destination())]
    rows = await tx.fetch(_STATES, list(tx.companies), wanted, accounts)
    states = {row["record_id"]: _state(row, settings.get(row["company_id"])) for row in rows}
    return await with_clashes(tx, states)


def _state(row: Record, settings: CompanySettings | None) -> RecordState:
    """A row of `_STATES`."""
    sent, answered, failure = row["sent"], row["answered"], row["failure"]
    return RecordState(
        company_id=row["company_id"],
        record_id=row["record_id"],
        settings=settings,
        source=snapshot_of(row, "source_") if row["source_record_id"] else None,
        destination=snapshot_of(row, "there_") if row["there_record_id"] else None,
        situation=Situation(row["situation"]) if row["situation"] else None,
        link_rev=row["link_rev"],
        link_source_rev=row["link_source_rev"],
        link_reason=row["link_reason"],
        destination_record_id=row["destination_record_id"],
        destination_remote_id=row["destination_remote_id"],
        created=row["created"],
        created_before=row["created_before"],
        unknown_call=row["unknown_call"],
        status=Status(row["status"]),
        reason=row["reason"],
        field=row["field"],
        retry_at=row["retry_at"],
        status_rev=row["status_rev"],
        synced_at=row["synced_at"],
        sent=Employee.model_validate_json(sent) if sent else None,
        answered=Employee.model_validate_json(answered) if answered else None,
        failure=Failure(**orjson.loads(failure)) if failure else None,
        automatic_rev=row["automatic_rev"],
        push=push_of(row, "push_") if row["push_push_id"] else None,
        directory_read=row["directory_read"],
        ignored=orjson.loads(row["ignored"]),
        in_plan=row["in_plan"],
        writes=tuple(
            AutomaticWrite(datetime.fromisoformat(at), values) for at, values in orjson.loads(row["writes"])
        ),
    )


_IGNORE = "UPDATE records SET ignored = $3 WHERE company_id = $1 AND record_id = $2"


async def save_ignored(tx: Tx, company: UUID, record: UUID, ignored: Mapping[str, object]) -> None:
    """Keep the differences of this record that a person lets stand."""
    await tx.execute(_IGNORE, company, record, orjson.dumps(dict(ignored)).decode())


_FAIL = """
UPDATE records s SET failure = n.failure
FROM unnest($1::uuid[], $2::uuid[], $3::json[]) AS n (company_id, record_id, failure)
WHERE s.company_id = n.company_id AND s.record_id = n.record_id
"""


async def save_failures(tx: Tx, failures: Sequence[tuple[UUID, UUID, Failure | None]]) -> None:
    """Keep how the last attempt of these (company, record) ended."""
    if failures:
        await tx.execute(
            _FAIL,
            [f[0] for f in failures],
            [f[1] for f in failures],
            [orjson.dumps(f[2]).decode() if f[2] else None for f in failures],
        )


_DUE = """
UPDATE records SET due = true
WHERE company_id = ANY ($1::uuid[]) AND NOT due AND ($2 OR reason = 'directory_being_read' OR status = 'syncing')
"""


async def mark_due(tx: Tx, companies: Iterable[UUID], *, everything: bool) -> None:
    """Decide again, later and in chunks: all records, or those that wait for a directory."""
    await tx.execute(_DUE, list(companies), everything)
    tx.made_due(RECORDS)


_SOME_DUE = "UPDATE records SET due = true WHERE company_id = $1 AND record_id = ANY ($2::uuid[]) AND NOT due"


async def mark_some_due(tx: Tx, company: UUID, records: Sequence[UUID]) -> None:
    """Decide these records again, later."""
    if records:
        await tx.execute(_SOME_DUE, company, records)
        tx.made_due(RECORDS)


_AUTOMATIC_DUE = (
    "UPDATE records SET due = true WHERE company_id = $1 AND automatic_rev IS NOT NULL AND NOT due"
)


async def mark_automatic_due(tx: Tx, company: UUID) -> None:
    """Decide again, later, what the rules may push: a plan that it waited for is over."""
    await tx.execute(_AUTOMATIC_DUE, company)
    tx.made_due(RECORDS)


_NEXT_DUE = """
WITH RECURSIVE waiting AS (
    (SELECT company_id FROM records WHERE due ORDER BY company_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.company_id FROM records r WHERE r.due AND r.company_id > w.company_id ORDER BY r.company_id LIMIT 1)
    FROM waiting w WHERE w.company_id IS NOT NULL
)
SELECT company_id FROM waiting WHERE company_id IS NOT NULL
"""


async def companies_due(tx: Tx) -> list[UUID]:
    """The companies that have records to decide again."""
    return [row["company_id"] for row in await tx.fetch(_NEXT_DUE)]


_TAKE_DUE = """
UPDATE records SET due = false WHERE (company_id, record_id) IN (
    SELECT company_id, record_id FROM records WHERE company_id = $1 AND due
    ORDER BY company_id, record_id LIMIT $2 FOR UPDATE)
RETURNING record_id
"""


async def take_due(tx: Tx, company: UUID, limit: int) -> list[UUID]:
    """The company's next records to decide again."""
    return [row["record_id"] for row in await tx.fetch(_TAKE_DUE, company, limit)]
