"""Cases: what each source record's status depends on, what mapper said of it, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from services.syncer.core import Case, Decision, Failure, Link
from services.syncer.store.directories import directories_read
from services.syncer.store.facts import fact_at
from services.syncer.store.pushes import item_of
from shared.contracts.records import CompanySettings, Employee, Situation, Status
from shared.db.tx import Tx

RECORDS = "records"
"""The kind of work: records to decide again."""

_SUBJECTS = """
INSERT INTO subjects (company_id, record_id, automatic_rev) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])
ON CONFLICT (company_id, record_id) DO UPDATE SET automatic_rev = excluded.automatic_rev
WHERE excluded.automatic_rev IS NOT NULL
RETURNING record_id, xmax = 0 AS new
"""


async def add_subjects(tx: Tx, records: Sequence[tuple[UUID, UUID, int | None]]) -> set[UUID]:
    """Make sure that these (company, source record, rev staged automatically or None) have a standing; the new ones."""
    if not records:
        return set()
    rows = await tx.fetch(
        _SUBJECTS, [r[0] for r in records], [r[1] for r in records], [r[2] for r in records]
    )
    return {row["record_id"] for row in rows if row["new"]}


_LINK = """
INSERT INTO subjects (company_id, record_id, situation, link_rev, link_source_rev, link_reason, destination_record_id,
                      destination_remote_id, create_asked_at)
SELECT r.* FROM unnest($1::link_row[]) r
ON CONFLICT (company_id, record_id) DO UPDATE SET
    situation = excluded.situation, link_rev = excluded.link_rev, link_source_rev = excluded.link_source_rev,
    link_reason = excluded.link_reason, create_asked_at = excluded.create_asked_at,
    created = subjects.created AND excluded.situation IS DISTINCT FROM 'linked',
    destination_record_id = CASE WHEN subjects.created AND excluded.situation IS DISTINCT FROM 'linked'
                                 THEN subjects.destination_record_id ELSE excluded.destination_record_id END,
    destination_remote_id = CASE WHEN subjects.created AND excluded.situation IS DISTINCT FROM 'linked'
                                 THEN subjects.destination_remote_id ELSE excluded.destination_remote_id END,
    sent = CASE WHEN subjects.destination_record_id IS DISTINCT FROM excluded.destination_record_id
                 AND excluded.situation = 'linked' THEN NULL ELSE subjects.sent END,
    answered = CASE WHEN subjects.destination_record_id IS DISTINCT FROM excluded.destination_record_id
                     AND excluded.situation = 'linked' THEN NULL ELSE subjects.answered END
WHERE subjects.link_rev < excluded.link_rev
"""


async def save_links(tx: Tx, links: Sequence[Link]) -> None:
    """Keep mapper's newest answers; a creation of ours outranks them until they say `linked`."""
    if links:
        await tx.execute(_LINK, links)


_DISOWN = """
UPDATE subjects s SET created = false, destination_record_id = NULL, destination_remote_id = NULL, sent = NULL, answered = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (company_id, record_id, destination_id)
JOIN subjects o ON o.company_id = n.company_id AND o.record_id = n.record_id AND o.situation = 'linked'
 AND o.destination_record_id = n.destination_id
WHERE s.company_id = n.company_id AND s.destination_record_id = n.destination_id AND s.created AND s.record_id <> n.record_id
RETURNING s.record_id
"""


async def disown(tx: Tx, links: Sequence[tuple[UUID, UUID, UUID]]) -> list[UUID]:
    """The records for which we created what these (company, source, destination) link to another one: it is theirs no more."""
    if not links:
        return []
    return [row["record_id"] for row in await tx.fetch(_DISOWN, *zip(*links, strict=True))]


_OWNERS = """
SELECT record_id, destination_record_id FROM subjects
WHERE company_id = ANY ($1::uuid[]) AND destination_record_id = ANY ($2::uuid[]) AND situation = 'linked'
"""


async def owners(tx: Tx, destinations: Sequence[UUID]) -> dict[UUID, UUID]:
    """The source record that mapper has linked each of these destination records to, where there is one."""
    if not destinations:
        return {}
    rows = await tx.fetch(_OWNERS, list(tx.companies), destinations)
    return {row["destination_record_id"]: row["record_id"] for row in rows}


_CONFIRMED = """
SELECT n.record_id FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (company_id, record_id, destination_id)
WHERE n.destination_id = (
    SELECT CASE WHEN s.created AND s.failure IS NULL THEN s.destination_record_id END FROM subjects s
    WHERE s.company_id = n.company_id AND s.record_id = n.record_id)
"""


async def confirmed(tx: Tx, links: Sequence[tuple[UUID, UUID, UUID]]) -> set[UUID]:
    """The source records of these (company, source, destination) that we created there ourselves: the link is no news."""
    if not links:
        return set()
    return {row["record_id"] for row in await tx.fetch(_CONFIRMED, *zip(*links, strict=True))}


_OF_DESTINATIONS = """
SELECT record_id FROM subjects WHERE company_id = ANY ($1::uuid[]) AND destination_record_id = ANY ($2::uuid[])
"""


async def subjects_of(tx: Tx, destinations: Sequence[UUID]) -> list[UUID]:
    """The source records whose destination record is one of these."""
    if not destinations:
        return []
    return [r["record_id"] for r in await tx.fetch(_OF_DESTINATIONS, list(tx.companies), destinations)]


_CASES = """
SELECT s.company_id, s.record_id, s.situation, s.link_rev, s.link_source_rev, s.link_reason, s.destination_record_id,
       s.destination_remote_id, s.created,
       EXISTS (SELECT FROM creations n WHERE n.company_id = s.company_id AND n.record_id = s.record_id
               AND n.account_id = ANY ($3::uuid[]) AND n.remote_id IS NOT NULL
               AND (s.create_asked_at IS NULL OR s.create_asked_at <= n.finished_at)) AS created_before,
       (SELECT c.call_id FROM creations n JOIN calls c ON c.company_id = n.company_id AND c.call_id = n.call_id
        WHERE n.company_id = s.company_id AND n.record_id = s.record_id AND n.remote_id IS NULL
          AND c.state IN ('sending', 'unknown', 'given_up') LIMIT 1) AS unknown_call,
       s.status, s.reason, s.field, s.status_rev, s.synced_at, s.sent, s.answered, s.failure, s.automatic_rev,
       f.record_id, f.account_id, f.remote_id, f.rev, f.state, f.employee, f.remote_version, f.read_at, f.reason,
       d.record_id, d.account_id, d.remote_id, d.rev, d.state, d.employee, d.remote_version, d.read_at, d.reason,
       i.item_id, i.record_id, i.account_id, i.state, i.action, i.fields, i.basis, i.automatic, i.run_id, i.actor, i.lane,
       i.attempts, i.lease_token, i.call_id, i.outcome, i.alone
FROM subjects s
LEFT JOIN facts f ON f.company_id = s.company_id AND f.record_id = s.record_id
LEFT JOIN facts d ON d.company_id = s.company_id AND d.record_id = s.destination_record_id
LEFT JOIN items i ON i.company_id = s.company_id AND i.record_id = s.record_id AND i.state <> 'done'
WHERE s.company_id = ANY ($1::uuid[]) AND s.record_id = ANY ($2::uuid[])
"""
_SITUATIONS = {situation.value: situation for situation in Situation}
_STATUSES = {status.value: status for status in Status}


async def load_cases(
    tx: Tx, records: Iterable[UUID], settings: Mapping[UUID, CompanySettings]
) -> dict[UUID, Case]:
    """Everything that these source records' standings depend on, by record id."""
    wanted = list(set(records))
    if not wanted:
        return {}
    accounts = {c: d.account_id for c, s in settings.items() if (d := s.destination())}
    rows = await tx.fetch(_CASES, list(tx.companies), wanted, list(accounts.values()))
    read = {c for c, account in await directories_read(tx) if accounts.get(c) == account}
    return {row[1]: _case(tuple(row), settings.get(row[0]), row[0] in read) for row in rows}


def _case(row: tuple[Any, ...], settings: CompanySettings | None, directory_read: bool) -> Case:  # noqa: FBT001
    """A row of `_CASES`; its columns stand in the order of what is made of them."""
    sent, answered, failure, automatic_rev = row[16:20]
    parts = (
        *row[:2],
        settings,
        fact_at(row[20:29]) if row[20] else None,
        fact_at(row[29:38]) if row[29] else None,
        _SITUATIONS.get(row[2]),
        *row[3:11],
        _STATUSES[row[11]],
        *row[12:16],
        Employee.model_validate_json(sent) if sent else None,
        Employee.model_validate_json(answered) if answered else None,
        Failure(**orjson.loads(failure)) if failure else None,
        automatic_rev,
        item_of(row[38:]) if row[38] else None,
        directory_read,
    )
    return Case._make(parts)


_STAND = """
UPDATE subjects s SET status = n.status, reason = n.reason, field = n.field, status_rev = s.status_rev + 1, due = false
FROM unnest($1::standing_row[]) n
WHERE s.company_id = n.company_id AND s.record_id = n.record_id
"""


async def save_standings(tx: Tx, decisions: Sequence[Decision]) -> None:
    """Store the standings that moved."""
    if decisions:
        rows = [(d.case.company_id, d.case.record_id, *d.standing) for d in decisions]
        await tx.execute(_STAND, rows)


_FAIL = """
UPDATE subjects s SET failure = n.failure
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


_OUTCOME = """
UPDATE subjects s SET status = n.status, reason = n.reason, field = n.field, status_rev = n.status_rev, due = false,
       synced_at = n.synced_at, sent = n.sent, answered = n.answered, failure = n.failure, automatic_rev = n.automatic_rev,
       destination_record_id = n.destination_record_id, destination_remote_id = n.destination_remote_id,
       created = n.created
FROM unnest($1::outcome_row[]) n
WHERE s.company_id = n.company_id AND s.record_id = n.record_id
"""


async def save_outcomes(tx: Tx, decisions: Sequence[Decision]) -> None:
    """Store these records as their pushes left them, with their standings."""
    if decisions:
        await tx.execute(_OUTCOME, [_outcome(d) for d in decisions])


def _outcome(decision: Decision) -> tuple[object, ...]:
    case = decision.case
    return (
        case.company_id,
        case.record_id,
        *decision.standing,
        case.status_rev + decision.moved(),
        case.synced_at,
        case.sent.text() if case.sent else None,
        case.answered.text() if case.answered else None,
        orjson.dumps(case.failure).decode() if case.failure else None,
        case.automatic_rev,
        case.destination_record_id,
        case.destination_remote_id,
        case.created,
    )


_DUE = """
UPDATE subjects SET due = true
WHERE company_id = ANY ($1::uuid[]) AND NOT due AND ($2 OR reason = 'directory_being_read' OR status = 'syncing')
"""


async def mark_due(tx: Tx, companies: Iterable[UUID], *, everything: bool) -> None:
    """Decide again, later and in chunks: all records, or those that wait for a directory."""
    await tx.execute(_DUE, list(companies), everything)
    tx.made_due(RECORDS)


_NEXT_DUE = "SELECT DISTINCT company_id FROM subjects WHERE due"


async def companies_due(tx: Tx) -> list[UUID]:
    """The companies that have records to decide again."""
    return [row["company_id"] for row in await tx.fetch(_NEXT_DUE)]


_TAKE_DUE = """
UPDATE subjects SET due = false WHERE (company_id, record_id) IN (
    SELECT company_id, record_id FROM subjects WHERE company_id = ANY ($1::uuid[]) AND due
    ORDER BY record_id LIMIT $2 FOR UPDATE)
RETURNING record_id
"""


async def take_due(tx: Tx, limit: int) -> list[UUID]:
    """The next records to decide again."""
    return [row["record_id"] for row in await tx.fetch(_TAKE_DUE, list(tx.companies), limit)]
