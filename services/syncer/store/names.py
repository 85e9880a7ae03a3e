"""Names that a creation may not repeat: those in the destination's other lists, and its people's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.syncer.core import NameClash, RecordState, name_form, wanted_name
from shared.db.tx import Record, Tx
from shared.domain.employee import Employee
from shared.domain.values import Holder

LISTS = "name_lists"
"""The kind of work: lists to read."""


class DueList(NamedTuple):
    """A list to read on: from `cursor`, or, without one, what has changed since `as_of`."""

    company_id: UUID
    account_id: UUID
    kind: str
    cursor: str | None
    begun_at: datetime | None
    as_of: datetime | None
    read_at: datetime | None
    due_at: datetime


_WANT = """
INSERT INTO name_lists (company_id, account_id, kind)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
ON CONFLICT (account_id, kind, company_id) DO UPDATE SET due_at = least(name_lists.due_at, now())
"""


async def want_lists(tx: Tx, lists: Sequence[tuple[UUID, UUID, str]]) -> None:
    """Read these (company, account, kind) soon, and keep them read."""
    if lists:
        await tx.execute(_WANT, *zip(*lists, strict=True))
        tx.made_due(LISTS)


_CLAIM = """
UPDATE name_lists n SET due_at = now() + make_interval(secs => $1)
FROM (SELECT company_id, account_id, kind FROM name_lists WHERE due_at <= now() ORDER BY due_at LIMIT 1
      FOR UPDATE SKIP LOCKED) d
WHERE n.company_id = d.company_id AND n.account_id = d.account_id AND n.kind = d.kind
RETURNING n.company_id, n.account_id, n.kind, n.cursor, n.begun_at, n.as_of, n.read_at, n.due_at
"""


async def claim_list(tx: Tx, seconds: float) -> DueList | None:
    """The list that has waited longest, for so long; None when none is due."""
    row = await tx.fetchrow(_CLAIM, seconds)
    return DueList(**dict(row.items())) if row else None


_POSTPONE = """
UPDATE name_lists SET due_at = now() + make_interval(secs => $5), cursor = CASE WHEN $6 THEN NULL ELSE cursor END,
       read_at = CASE WHEN $6 THEN NULL ELSE read_at END
WHERE company_id = $1 AND account_id = $2 AND kind = $3 AND due_at = $4
"""
_STOP = "DELETE FROM name_lists WHERE company_id = $1 AND account_id = $2 AND kind = $3"


async def postpone(tx: Tx, due: DueList, seconds: float, *, whole: bool = False) -> None:
    """Look again later; `whole`: by reading all of it."""
    await tx.execute(_POSTPONE, due.company_id, due.account_id, due.kind, due.due_at, seconds, whole)


async def stop(tx: Tx, due: DueList) -> None:
    """Read this list no more. What is known of it stays."""
    await tx.execute(_STOP, due.company_id, due.account_id, due.kind)


_ADVANCE = """
UPDATE name_lists SET cursor = $5, due_at = now() + make_interval(secs => $6),
       begun_at = CASE WHEN $7 THEN coalesce(begun_at, now()) END,
       as_of = CASE WHEN $7 AND cursor IS NOT NULL THEN as_of ELSE $8 END,
       read_at = CASE WHEN $7 AND $5::text IS NULL THEN now() ELSE read_at END
WHERE company_id = $1 AND account_id = $2 AND kind = $3 AND due_at = $4
RETURNING begun_at
"""
_SAVE = """
INSERT INTO taken_names AS t (company_id, account_id, kind, remote_id, name_form, active, seen_at)
SELECT $1, $2, $3, n.*, now() FROM unnest($4::text[], $5::text[], $6::boolean[]) AS n
ON CONFLICT (account_id, kind, remote_id, company_id) DO UPDATE
SET name_form = excluded.name_form, active = excluded.active, seen_at = excluded.seen_at
"""
_FORGET = """
WITH gone AS (
    DELETE FROM taken_names WHERE company_id = $1 AND account_id = $2 AND kind = $3
       AND (remote_id = ANY ($4::text[]) OR seen_at < $5) RETURNING name_form)
SELECT name_form FROM gone
"""
_BEFORE = """
SELECT remote_id, name_form FROM taken_names
WHERE company_id = $1 AND account_id = $2 AND kind = $3 AND remote_id = ANY ($4::text[])
"""


async def save_page(
    tx: Tx,
    due: DueList,
    shown: Sequence[Holder],
    gone: Sequence[str],
    cursor: str | None,
    as_of: datetime,
    *,
    full: bool,
    again_seconds: float,
) -> set[str] | None:
    """Keep a page of names; the names that are taken or free now and were not before. None: another worker has the list.

    With the last page of a `full` read, names that it did not show are free.
    """
    key = (due.company_id, due.account_id, due.kind)
    moved = await tx.fetchrow(_ADVANCE, *key, due.due_at, cursor, again_seconds, full, as_of)
    if moved is None:
        return None
    found = {str(one.remote_id): one for one in shown}
    before = {row["remote_id"]: row["name_form"] for row in await tx.fetch(_BEFORE, *key, list(found))}
    forms = {remote: name_form(one.name) for remote, one in found.items()}
    await tx.execute(
        _SAVE, *key, list(forms), list(forms.values()), [one.active is not False for one in found.values()]
    )
    ended = moved["begun_at"] if full and cursor is None else None
    freed = await tx.fetch(_FORGET, *key, list(gone), ended)
    if ended is not None:
        await tx.execute(_END, *key)
    changed = {form for remote, form in forms.items() if before.get(remote) != form}
    changed |= {old for remote, old in before.items() if forms[remote] != old}
    return changed | {row["name_form"] for row in freed}


_END = "UPDATE name_lists SET begun_at = NULL WHERE company_id = $1 AND account_id = $2 AND kind = $3"

_HOLDERS = """
SELECT n.record_id, n.form, h.kind, h.remote_id, h.active, h.employee
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) AS n (company_id, record_id, account_id, source_id, form)
CROSS JOIN LATERAL (
    SELECT t.kind, t.remote_id, t.active, NULL::json AS employee FROM taken_names t
    WHERE t.name_form = n.form AND t.account_id = n.account_id AND t.company_id = n.company_id
    UNION ALL
    SELECT 'employee', s.remote_id, NULL, s.employee FROM snapshots s
    WHERE s.name_form = n.form AND s.account_id = n.account_id AND s.company_id = n.company_id
    UNION ALL
    SELECT 'employee', NULL, NULL, s.employee FROM snapshots s
    JOIN records r ON r.company_id = s.company_id AND r.record_id = s.record_id AND r.situation = 'unmatched'
    WHERE s.name_form = n.form AND s.account_id = n.source_id AND s.company_id = n.company_id AND s.record_id < n.record_id
      AND (s.employee ->> 'active') IS DISTINCT FROM 'false'
    LIMIT 1) h
"""


async def with_clashes(tx: Tx, states: Mapping[UUID, RecordState]) -> dict[UUID, RecordState]:
    """The same states; those that would be created know who has their name at the destination.

    Where the company's rule tells namesakes apart, that may also be another person of the source who is to be created.
    """
    wanted = {record: name for record, state in states.items() if (name := wanted_name(state))}
    rows = [(w.company_id, r, w.account_id, w.namesakes, name_form(w.name)) for r, w in wanted.items()]
    rows += [(w.company_id, r, w.account_id, None, name_form(w.near)) for r, w in wanted.items() if w.near]
    if not rows:
        return dict(states)
    found = {
        (r["record_id"], r["form"]): _holder(r) for r in await tx.fetch(_HOLDERS, *zip(*rows, strict=True))
    }
    clashes = {}
    for record, name in wanted.items():
        if (holder := found.get((record, name_form(name.name)))) is not None:
            free = name.near if name.near and (record, name_form(name.near)) not in found else None
            named = holder.model_copy(update={"free": free})
            clashes[record] = NameClash(named, free if name.by_rule else None)
    return {r: s._replace(clash=clashes[r]) if r in clashes else s for r, s in states.items()}


def _holder(row: Record) -> Holder:
    """Who has a name; of the other lists no name leaves this service."""
    if row["employee"] is None:
        return Holder(kind=row["kind"], remote_id=row["remote_id"], active=row["active"])
    person = Employee.model_validate_json(row["employee"])
    return Holder(
        kind=row["kind"],
        remote_id=row["remote_id"],
        name=person.full_name(),
        number=person.number,
        active=person.active,
    )
