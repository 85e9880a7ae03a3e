"""Facts, cases and what was decided of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from services.syncer.core import Case, Decision, Fact, Failure, Item, Standing
from shared.contracts.events import Basis, DirectoryMatched, Message, StatusChanged
from shared.contracts.records import CHANGES, CompanySettings, Employee, Situation, Status
from shared.db.tx import Record, Tx

_FACTS = """
SELECT record_id, account_id, remote_id, rev, state, employee, remote_version, read_at, reason FROM facts
WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])
"""


async def load_facts(tx: Tx, records: Sequence[UUID]) -> dict[UUID, Fact]:
    """These records of either account as they are known."""
    rows = await tx.fetch(_FACTS, list(tx.companies), records)
    return {
        r["record_id"]: Fact(**{**r, "employee": Employee.model_validate_json(r["employee"])}) for r in rows
    }


_SAVE = """
INSERT INTO facts (company_id, record_id, account_id, remote_id, rev, state, employee, remote_version, read_at, reason)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::json[], $8::text[],
                     $9::timestamptz[], $10::text[])
ON CONFLICT (company_id, record_id) DO UPDATE SET
    rev = excluded.rev, state = excluded.state, remote_version = excluded.remote_version, read_at = excluded.read_at,
    reason = excluded.reason,
    employee = CASE WHEN excluded.state = 'present' THEN excluded.employee ELSE facts.employee END
"""


async def save_facts(tx: Tx, facts: Sequence[tuple[UUID, Fact]]) -> None:
    """Put these (company, fact) in place of what was known. A removed or unreadable record keeps its last values."""
    if facts:
        await tx.execute(
            _SAVE,
            [c for c, _ in facts],
            [f.record_id for _, f in facts],
            [f.account_id for _, f in facts],
            [f.remote_id for _, f in facts],
            [f.rev for _, f in facts],
            [f.state for _, f in facts],
            [f.employee.model_dump_json(exclude_unset=True) for _, f in facts],
            [f.remote_version for _, f in facts],
            [f.read_at for _, f in facts],
            [f.reason for _, f in facts],
        )


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
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::bigint[], $6::text[], $7::uuid[], $8::text[],
                     $9::timestamptz[])
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


async def save_links(
    tx: Tx,
    links: Sequence[tuple[UUID, UUID, str | None, int, int, str, UUID | None, str | None, datetime | None]],
) -> None:
    """Keep mapper's newest answers; a creation of ours outranks them until they say `linked`."""
    if links:
        await tx.execute(_LINK, *(list(column) for column in zip(*links, strict=True)))


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
SELECT s.*, f.account_id, f.remote_id, f.rev, f.state, f.employee, f.remote_version, f.read_at, f.reason AS fact_reason,
       d.account_id AS d_account_id, d.remote_id AS d_remote_id, d.rev AS d_rev, d.state AS d_state,
       d.employee AS d_employee, d.remote_version AS d_remote_version, d.read_at AS d_read_at,
       i.item_id, i.account_id AS i_account_id, i.state AS i_state, i.action, i.fields, i.basis, i.automatic, i.run_id,
       i.actor, i.lane, i.attempts, i.lease_token, i.call_id,
       (SELECT c.call_id FROM creations n JOIN calls c ON c.company_id = n.company_id AND c.call_id = n.call_id
        WHERE n.company_id = s.company_id AND n.record_id = s.record_id AND n.remote_id IS NULL
          AND c.state IN ('sending', 'unknown', 'given_up') LIMIT 1) AS unknown_call,
       EXISTS (SELECT FROM creations n WHERE n.company_id = s.company_id AND n.record_id = s.record_id
               AND n.account_id = ANY ($3::uuid[]) AND n.remote_id IS NOT NULL
               AND (s.create_asked_at IS NULL OR s.create_asked_at <= n.finished_at)) AS created_before
FROM subjects s
LEFT JOIN facts f ON f.company_id = s.company_id AND f.record_id = s.record_id
LEFT JOIN facts d ON d.company_id = s.company_id AND d.record_id = s.destination_record_id
LEFT JOIN items i ON i.company_id = s.company_id AND i.record_id = s.record_id AND i.state <> 'done'
WHERE s.company_id = ANY ($1::uuid[]) AND s.record_id = ANY ($2::uuid[])
"""
_DIRECTORIES = """
SELECT company_id, account_id FROM directories WHERE company_id = ANY ($1::uuid[]) AND matched_as_of IS NOT NULL
"""


async def load_cases(
    tx: Tx, records: Iterable[UUID], settings: Mapping[UUID, CompanySettings]
) -> dict[UUID, Case]:
    """Everything that these source records' standings depend on, by record id."""
    wanted = list(set(records))
    if not wanted:
        return {}
    accounts = [d.account_id for s in settings.values() if (d := s.destination())]
    rows = await tx.fetch(_CASES, list(tx.companies), wanted, accounts)
    read = {(r["company_id"], r["account_id"]) for r in await tx.fetch(_DIRECTORIES, list(tx.companies))}
    return {row["record_id"]: _case(row, settings.get(row["company_id"]), read) for row in rows}


def _case(row: Record, settings: CompanySettings | None, read: set[tuple[UUID, UUID]]) -> Case:
    destination = settings.destination() if settings else None
    return Case(
        company_id=row["company_id"],
        record_id=row["record_id"],
        settings=settings,
        source=_fact(row, row["record_id"], "") if row["account_id"] else None,
        destination=_fact(row, row["destination_record_id"], "d_") if row["d_account_id"] else None,
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
        status_rev=row["status_rev"],
        synced_at=row["synced_at"],
        sent=Employee.model_validate_json(row["sent"]) if row["sent"] else None,
        answered=Employee.model_validate_json(row["answered"]) if row["answered"] else None,
        failure=Failure(**orjson.loads(row["failure"])) if row["failure"] else None,
        automatic_rev=row["automatic_rev"],
        item=item_of(row, "i_") if row["item_id"] else None,
        directory_read=destination is not None and (row["company_id"], destination.account_id) in read,
    )


def _fact(row: Record, record: UUID, prefix: str) -> Fact:
    return Fact(
        record,
        row[f"{prefix}account_id"],
        row[f"{prefix}remote_id"],
        row[f"{prefix}rev"],
        row[f"{prefix}state"],
        Employee.model_validate_json(row[f"{prefix}employee"]),
        row[f"{prefix}remote_version"],
        row[f"{prefix}read_at"],
        row["fact_reason"] if not prefix else "",
    )


def item_of(row: Record, prefix: str = "") -> Item:
    """An item from a row of `items`, or of `_CASES`."""
    return Item(
        row["item_id"],
        row["record_id"],
        row[f"{prefix}account_id"],
        row[f"{prefix}state"],
        row["action"],
        CHANGES.validate_json(row["fields"]),
        Basis.model_validate_json(row["basis"]) if row["basis"] else None,
        row["automatic"],
        row["run_id"],
        row["actor"],
        row["lane"],
        row["attempts"],
        row["lease_token"],
        row["call_id"],
    )


_STAND = """
UPDATE subjects s SET status = n.status, reason = n.reason, field = n.field, status_rev = s.status_rev + 1, due = false
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) AS n (company_id, record_id, status, reason, field)
WHERE s.company_id = n.company_id AND s.record_id = n.record_id
"""


async def save_standings(tx: Tx, decisions: Sequence[Decision]) -> None:
    """Store the standings that moved."""
    if decisions:
        await tx.execute(
            _STAND,
            [d.case.company_id for d in decisions],
            [d.case.record_id for d in decisions],
            [d.standing.status.value for d in decisions],
            [d.standing.reason for d in decisions],
            [d.standing.field for d in decisions],
        )


def status_changed(case: Case, standing: Standing, synced_at: datetime | None = None) -> StatusChanged:
    """The event of a standing that `save_standings` stores."""
    return StatusChanged(
        record_id=case.record_id,
        status_rev=case.status_rev + 1,
        status=standing.status,
        reason=standing.reason,
        field=standing.field,
        synced_at=synced_at or case.synced_at,
        basis=case.basis(),
    )


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
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[], $8::json[],
            $9::json[], $10::json[], $11::bigint[], $12::uuid[], $13::text[], $14::boolean[])
     AS n (company_id, record_id, status, reason, field, status_rev, synced_at, sent, answered, failure, automatic_rev,
           destination_record_id, destination_remote_id, created)
WHERE s.company_id = n.company_id AND s.record_id = n.record_id
"""


async def save_outcomes(tx: Tx, decisions: Sequence[Decision]) -> None:
    """Store these records as their pushes left them, with their standings."""
    if not decisions:
        return
    cases = [d.case for d in decisions]
    await tx.execute(
        _OUTCOME,
        [c.company_id for c in cases],
        [c.record_id for c in cases],
        [d.standing.status.value for d in decisions],
        [d.standing.reason for d in decisions],
        [d.standing.field for d in decisions],
        [d.case.status_rev + d.moved() for d in decisions],
        [c.synced_at for c in cases],
        [c.sent.model_dump_json(exclude_unset=True) if c.sent else None for c in cases],
        [c.answered.model_dump_json(exclude_unset=True) if c.answered else None for c in cases],
        [orjson.dumps(c.failure).decode() if c.failure else None for c in cases],
        [c.automatic_rev for c in cases],
        [c.destination_record_id for c in cases],
        [c.destination_remote_id for c in cases],
        [c.created for c in cases],
    )


_MARK = """
INSERT INTO marks (company_id, account_id, as_of, lane, part, parts)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::int[], $6::int[]) ON CONFLICT DO NOTHING
"""
_COMPLETE = """
WITH whole AS (
    SELECT company_id, account_id, max(as_of) AS as_of FROM (
        SELECT company_id, account_id, as_of FROM marks WHERE company_id = ANY ($1::uuid[])
        GROUP BY company_id, account_id, as_of HAVING count(*) = 2 * max(parts)) m
    GROUP BY company_id, account_id
), gone AS (
    DELETE FROM marks m USING whole w
    WHERE m.company_id = w.company_id AND m.account_id = w.account_id AND m.as_of < w.as_of
)
INSERT INTO directories (company_id, account_id, matched_as_of) SELECT * FROM whole
ON CONFLICT (company_id, account_id) DO UPDATE SET matched_as_of = excluded.matched_as_of
WHERE directories.matched_as_of IS NULL OR directories.matched_as_of < excluded.matched_as_of
RETURNING company_id
"""


async def save_marks(tx: Tx, events: Sequence[Message[DirectoryMatched]]) -> set[UUID]:
    """Keep the marks; the companies for which one became whole (all parts of both lanes)."""
    if not events:
        return set()
    await tx.execute(
        _MARK,
        [e.company_id for e in events],
        [e.body.account_id for e in events],
        [e.body.as_of for e in events],
        [e.lane.value for e in events],
        [e.body.part for e in events],
        [e.body.parts for e in events],
    )
    return {row["company_id"] for row in await tx.fetch(_COMPLETE, list(tx.companies))}


_FRESH = "SELECT matched_as_of FROM directories WHERE company_id = $1 AND account_id = $2"


async def directory_is_fresh(tx: Tx, company: UUID, account: UUID, now: datetime, max_age: timedelta) -> bool:
    """Whether this account's directory has been read and matched completely, recently enough to create there."""
    as_of = await tx.fetchval(_FRESH, company, account)
    return as_of is not None and as_of >= now - max_age


_FORGET = """
UPDATE directories SET matched_as_of = NULL WHERE company_id = ANY ($1::uuid[]) AND account_id = ANY ($2::uuid[])
"""
_FORGET_MARKS = "DELETE FROM marks WHERE company_id = ANY ($1::uuid[]) AND account_id = ANY ($2::uuid[])"


async def forget_directories(tx: Tx, accounts: Sequence[UUID]) -> None:
    """What was matched of these accounts counts no more."""
    if accounts:
        await tx.execute(_FORGET, list(tx.companies), accounts)
        await tx.execute(_FORGET_MARKS, list(tx.companies), accounts)


_WANT = """
INSERT INTO directories (company_id, account_id, wanted_at) VALUES ($1, $2, $3)
ON CONFLICT (company_id, account_id) DO UPDATE SET wanted_at = excluded.wanted_at
WHERE directories.wanted_at IS NULL OR directories.wanted_at < excluded.wanted_at - interval '10 seconds'
RETURNING account_id
"""


async def want_directory(tx: Tx, company: UUID, account: UUID, now: datetime) -> bool:
    """Note that a newer directory is wanted; False when it was asked for a moment ago."""
    return await tx.fetchval(_WANT, company, account, now) is not None


_DUE = """
UPDATE subjects SET due = true
WHERE company_id = ANY ($1::uuid[]) AND NOT due AND ($2 OR reason = 'directory_being_read' OR status = 'syncing')
"""


async def mark_due(tx: Tx, companies: Iterable[UUID], *, everything: bool) -> None:
    """Decide again, later and in chunks: all records, or those that wait for a directory."""
    await tx.execute(_DUE, list(companies), everything)


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


def as_json(value: Any) -> str:
    """JSON text for a `json` column."""
    return orjson.dumps(value).decode()
