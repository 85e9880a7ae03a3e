"""What people look at: cases, linked pairs, records that nobody is linked to, excluded ones and duplicates."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from shared.db.tx import Record, Tx
from shared.domain.search import pattern, searchable


class Place(NamedTuple):
    """Where a page by name ended: the last row's last and first name and id."""

    last: str
    first: str
    record_id: UUID


class Ends(NamedTuple):
    """The company and both accounts of its route."""

    company: UUID
    source: UUID
    destination: UUID


class Page(NamedTuple):
    """Rows of a list, one more than asked for if there are more, and how many the filter lets through."""

    rows: list[Record]
    total: int
    counts: dict[str, int]


_NOWHERE = Place("", "", UUID(int=0))

_CASES = """
SELECT p.*, m.situation, m.reason, m.link_rev, m.source_rev, w.decided_at AS postponed_at,
    (SELECT count(*) FROM candidates c WHERE c.source_record_id = p.record_id AND c.company_id = $1) AS candidates
FROM match_results m JOIN people p ON p.company_id = m.company_id AND p.record_id = m.record_id
LEFT JOIN decisions w ON w.company_id = m.company_id AND w.source_record_id = m.record_id AND w.kind = 'later'
WHERE m.company_id = $1 AND p.account_id = $2
  AND m.situation IN ('disputed', 'unlinked') AND m.reason <> 'directory_being_read'
  AND ($3::text IS NULL OR p.search LIKE $3) AND ($4::text[] = '{}' OR m.reason = ANY ($4))
  AND ($5::boolean IS NULL OR (w.decided_at IS NOT NULL) = $5)
  AND (p.sort_last, p.sort_first, p.record_id) > ($6, $7, $8::uuid)
ORDER BY p.sort_last, p.sort_first, p.record_id LIMIT $9
"""
_CASE_COUNTS = """
SELECT m.reason, w.decided_at IS NOT NULL AS postponed, count(*) AS n
FROM match_results m JOIN people p ON p.company_id = m.company_id AND p.record_id = m.record_id
LEFT JOIN decisions w ON w.company_id = m.company_id AND w.source_record_id = m.record_id AND w.kind = 'later'
WHERE m.company_id = $1 AND p.account_id = $2
  AND m.situation IN ('disputed', 'unlinked') AND m.reason <> 'directory_being_read'
  AND ($3::text IS NULL OR p.search LIKE $3)
GROUP BY 1, 2
"""


class Wanted(NamedTuple):
    """Which cases: a LIKE pattern, reasons (none: all), and whether they were left for later (None: either)."""

    pattern: str | None = None
    reasons: Sequence[str] = ()
    postponed: bool | None = None


async def cases(tx: Tx, ends: Ends, wanted: Wanted, after: Place | None, limit: int) -> Page:
    """Source records that need a decision, by name; the counts are by reason, over the search."""
    rows = await tx.fetch(
        _CASES, ends.company, ends.source, wanted.pattern, list(wanted.reasons), wanted.postponed,
        *(after or _NOWHERE), limit + 1,
    )  # fmt: skip
    counts: dict[str, int] = {}
    total = 0
    for reason, postponed, n in await tx.fetch(_CASE_COUNTS, ends.company, ends.source, wanted.pattern):
        if wanted.postponed in (None, postponed):
            counts[reason] = counts.get(reason, 0) + n
            total += n if not wanted.reasons or reason in wanted.reasons else 0
    return Page(rows, total, counts)


async def case_counts(tx: Tx, ends: Ends) -> dict[str, int]:
    """How many cases there are, by reason."""
    counts: dict[str, int] = {}
    for reason, _, n in await tx.fetch(_CASE_COUNTS, ends.company, ends.source, None):
        counts[reason] = counts.get(reason, 0) + n
    return counts


_STANDINGS = """
SELECT w.record_id, m.link_rev, u.decision AS undo,
    (SELECT d.decided_at FROM decisions d WHERE d.company_id = $1 AND d.source_record_id = w.record_id AND d.kind = 'later')
        AS postponed_at,
    (SELECT d.note FROM decisions d WHERE d.company_id = $1 AND d.source_record_id = w.record_id AND d.kind = 'exclude')
        AS excluded_for
FROM unnest($2::uuid[]) AS w (record_id)
LEFT JOIN match_results m ON m.company_id = $1 AND m.record_id = w.record_id
LEFT JOIN undoable_decisions u ON u.company_id = $1 AND u.source_record_id = w.record_id
"""


async def standings(tx: Tx, company: UUID, records: Sequence[UUID]) -> dict[UUID, Record]:
    """What people decided about these source records besides links, and the rev of each one's last result."""
    return {row["record_id"]: row for row in await tx.fetch(_STANDINGS, company, list(records))}


_LINKS = """
SELECT s.*, d.record_id AS there_record_id, d.remote_id AS there_remote_id, d.number AS there_number,
    d.email AS there_email, d.first_name AS there_first_name, d.last_name AS there_last_name, d.active AS there_active,
    d.state AS there_state, l.destination_record_id, l.destination_remote_id, l.origin, l.actor, l.linked_at
FROM links l JOIN people s ON s.company_id = l.company_id AND s.record_id = l.source_record_id
LEFT JOIN people d ON d.company_id = l.company_id AND d.record_id = l.destination_record_id
WHERE l.company_id = $1 AND l.source_account_id = $2 AND l.destination_account_id = $3
  AND ($4::text IS NULL OR s.search LIKE $4 OR d.search LIKE $4) AND ($5::text IS NULL OR l.origin = $5)
  AND (s.sort_last, s.sort_first, s.record_id) > ($6, $7, $8::uuid)
ORDER BY s.sort_last, s.sort_first, s.record_id LIMIT $9
"""
_LINK_COUNTS = """
SELECT l.origin, count(*) AS n
FROM links l JOIN people s ON s.company_id = l.company_id AND s.record_id = l.source_record_id
LEFT JOIN people d ON d.company_id = l.company_id AND d.record_id = l.destination_record_id
WHERE l.company_id = $1 AND l.source_account_id = $2 AND l.destination_account_id = $3
  AND ($4::text IS NULL OR s.search LIKE $4 OR d.search LIKE $4)
GROUP BY 1
"""


async def links(
    tx: Tx, ends: Ends, pattern: str | None, origin: str | None, after: Place | None, limit: int
) -> Page:
    """Linked pairs by the source record's name; the counts are by origin, over the search."""
    rows = await tx.fetch(_LINKS, *ends, pattern, origin, *(after or _NOWHERE), limit + 1)
    counts = {row["origin"]: row["n"] for row in await tx.fetch(_LINK_COUNTS, *ends, pattern)}
    return Page(rows, counts.get(origin, 0) if origin else sum(counts.values()), counts)


_ORPHANS = """
SELECT p.* FROM people p
WHERE p.company_id = $1 AND p.account_id = $3 AND p.state = 'present'
  AND NOT EXISTS (SELECT FROM links l WHERE l.company_id = p.company_id AND l.destination_record_id = p.record_id
                  AND l.source_account_id = $2)
  AND ($4::text IS NULL OR p.search LIKE $4) AND ($5::boolean IS NULL OR p.active = $5)
  AND (p.sort_last, p.sort_first, p.record_id) > ($6, $7, $8::uuid)
ORDER BY p.sort_last, p.sort_first, p.record_id LIMIT $9
"""
_ORPHAN_COUNT = """
SELECT count(*) FROM people p
WHERE p.company_id = $1 AND p.account_id = $3 AND p.state = 'present'
  AND NOT EXISTS (SELECT FROM links l WHERE l.company_id = p.company_id AND l.destination_record_id = p.record_id
                  AND l.source_account_id = $2)
  AND ($4::text IS NULL OR p.search LIKE $4) AND ($5::boolean IS NULL OR p.active = $5)
"""


async def orphans(
    tx: Tx, ends: Ends, pattern: str | None, after: Place | None, limit: int, *, active: bool | None
) -> Page:
    """Destination records that nobody is linked to, by name."""
    rows = await tx.fetch(_ORPHANS, *ends, pattern, active, *(after or _NOWHERE), limit + 1)
    return Page(rows, await tx.fetchval(_ORPHAN_COUNT, *ends, pattern, active), {})


_EXCLUDED = """
SELECT p.*, d.note, d.actor, d.decided_at, l.destination_record_id AS linked_to
FROM decisions d JOIN people p ON p.company_id = d.company_id AND p.record_id = d.source_record_id
LEFT JOIN links l ON l.company_id = d.company_id AND l.source_record_id = d.source_record_id AND l.destination_account_id = $3
WHERE d.company_id = $1 AND d.kind = 'exclude' AND p.account_id = $2 AND ($4::text IS NULL OR p.search LIKE $4)
  AND (p.sort_last, p.sort_first, p.record_id) > ($5, $6, $7::uuid)
ORDER BY p.sort_last, p.sort_first, p.record_id LIMIT $8
"""
_EXCLUDED_COUNT = """
SELECT count(*) FROM decisions d JOIN people p ON p.company_id = d.company_id AND p.record_id = d.source_record_id
WHERE d.company_id = $1 AND d.kind = 'exclude' AND p.account_id = $2 AND ($3::text IS NULL OR p.search LIKE $3)
"""


async def excluded(tx: Tx, ends: Ends, pattern: str | None, after: Place | None, limit: int) -> Page:
    """Excluded source records by name."""
    rows = await tx.fetch(_EXCLUDED, *ends, pattern, *(after or _NOWHERE), limit + 1)
    return Page(rows, await tx.fetchval(_EXCLUDED_COUNT, ends.company, ends.source, pattern), {})


MAX_GROUPS = 200
_DUPLICATES = """
WITH here AS (
    SELECT p.record_id, p.account_id, v.field, v.value FROM people p CROSS JOIN LATERAL (VALUES
        ('number', nullif(ltrim(lower(p.number), '0'), '')), ('email', lower(p.email)),
        ('name', nullif(p.sort_first || ' ' || p.sort_last, ' '))
    ) AS v (field, value)
    WHERE p.company_id = $1 AND p.account_id = ANY ($2::uuid[]) AND p.state = 'present' AND v.value IS NOT NULL
), shared AS (
    SELECT account_id, field, array_agg(record_id ORDER BY record_id) AS records
    FROM here GROUP BY account_id, field, value HAVING count(*) BETWEEN 2 AND 20
), ours AS (
    SELECT r.account_id, c.kind AS field,
        array_remove(ARRAY[c.destination_record_id, l.destination_record_id], NULL) AS records
    FROM match_cases c JOIN people r ON r.company_id = c.company_id AND r.record_id = c.destination_record_id
    LEFT JOIN links l ON l.company_id = c.company_id AND l.source_record_id = c.source_record_id
    WHERE c.company_id = $1 AND r.account_id = ANY ($2::uuid[]) AND r.state = 'present'
      AND NOT EXISTS (SELECT FROM links o WHERE o.company_id = c.company_id AND o.destination_record_id = c.destination_record_id)
      AND NOT EXISTS (SELECT FROM decisions d WHERE d.company_id = c.company_id AND d.source_record_id = c.source_record_id
                      AND d.kind = 'refuse' AND d.destination_record_id = c.destination_record_id)
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY field, records) AS n
    FROM (SELECT * FROM shared UNION ALL SELECT * FROM ours) AS found
)
SELECT account_id, field, records FROM numbered WHERE n <= $3 ORDER BY account_id, field, records
"""


async def duplicates(tx: Tx, ends: Ends) -> list[Record]:
    """Records of one side that share a number, address or name, were created without need, or are a linked one's twin."""
    return await tx.fetch(_DUPLICATES, ends.company, [ends.source, ends.destination], MAX_GROUPS)


_PEOPLE = """
SELECT p.*, coalesce(s.destination_record_id, d.source_record_id) AS linked_to FROM people p
LEFT JOIN links s ON s.company_id = p.company_id AND s.source_record_id = p.record_id AND s.destination_account_id = $3
LEFT JOIN links d ON d.company_id = p.company_id AND d.destination_record_id = p.record_id AND d.source_account_id = $2
WHERE p.company_id = $1 AND p.record_id = ANY ($4::uuid[])
"""


async def people(tx: Tx, ends: Ends, records: Sequence[UUID]) -> dict[UUID, Record]:
    """These records of either side as lists show them, by id, and whom each is linked to."""
    return {row["record_id"]: row for row in await tx.fetch(_PEOPLE, *ends, list(records))}


_REPORT = """
SELECT 'situation' AS kind, situation AS name, count(*) AS n FROM match_results m
    JOIN records r ON r.company_id = m.company_id AND r.record_id = m.record_id
    WHERE m.company_id = $1 AND r.account_id = $2 GROUP BY 2
UNION ALL
SELECT 'origin', origin, count(*) FROM links
    WHERE company_id = $1 AND source_account_id = $2 AND destination_account_id = $3 GROUP BY 2
UNION ALL
SELECT 'corrected', d.note, count(*) FROM decisions d
    JOIN records r ON r.company_id = d.company_id AND r.record_id = d.source_record_id
    WHERE d.company_id = $1 AND r.account_id = $2 AND d.kind IN ('unlink', 'refuse') AND d.note <> '' GROUP BY 2
"""


async def report(tx: Tx, ends: Ends) -> dict[str, dict[str, int]]:
    """How many source records are in each `situation`, links of each `origin`, and links that people `corrected` by origin."""
    found: dict[str, dict[str, int]] = {"situation": {}, "origin": {}, "corrected": {}}
    for kind, name, n in await tx.fetch(_REPORT, *ends):
        found[kind][name] = n
    return found


_DIGITS = re.compile(r"\d+")
_SEARCH = """
SELECT p.*, l.source_record_id AS linked_to
FROM unnest(found($1, $3, $4, $5, $6, 50)) WITH ORDINALITY AS f (record_id, n)
JOIN people p ON p.company_id = $1 AND p.record_id = f.record_id
LEFT JOIN links l ON l.company_id = $1 AND l.destination_record_id = f.record_id AND l.source_account_id = $2
ORDER BY f.n
"""


async def search(tx: Tx, ends: Ends, text: str) -> list[Record]:
    """At most 50 records of the destination that hold this text, or nearly so, nearest first; the first by name for no text."""
    wanted = searchable(text)
    groups = _DIGITS.findall(wanted)
    digits = groups[0].lstrip("0") if len(groups) == 1 else ""
    return await tx.fetch(_SEARCH, *ends, wanted, pattern(text) or "%", digits)
