"""Links, results and candidates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from services.mapper.core import Facts, MatchResult
from shared.db.tx import Tx

_AUTO = """
INSERT INTO links (company_id, source_record_id, destination_record_id, source_account_id, destination_account_id,
                   destination_remote_id, origin)
SELECT *, 'auto' FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[])
"""


async def add_auto_links(tx: Tx, pairs: Sequence[tuple[Facts, Facts]]) -> None:
    """Store these certain pairs. A conflict would be a bug of the core and fails the transaction."""
    await tx.execute(
        _AUTO,
        [s.company_id for s, _ in pairs],
        [s.record_id for s, _ in pairs],
        [d.record_id for _, d in pairs],
        [s.account_id for s, _ in pairs],
        [d.account_id for _, d in pairs],
        [d.remote_id for _, d in pairs],
    )


_CREATED = """
WITH written AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[])
        AS t (company_id, source_id, destination_id, source_account_id, destination_account_id, remote_id)
), linked AS (
    INSERT INTO links (company_id, source_record_id, destination_record_id, source_account_id, destination_account_id,
                       destination_remote_id, origin)
    SELECT t.*, 'created' FROM written t
    WHERE NOT EXISTS (SELECT FROM decisions d WHERE d.company_id = t.company_id AND d.source_record_id = t.source_id
                      AND d.kind IN ('unlink', 'refuse') AND d.destination_record_id = t.destination_id)
    ON CONFLICT DO NOTHING
    RETURNING company_id, source_record_id, destination_record_id
), opened AS (
    INSERT INTO match_cases (company_id, destination_record_id, source_record_id)
    SELECT t.company_id, t.destination_id, t.source_id FROM written t
    WHERE NOT EXISTS (SELECT FROM linked l WHERE l.company_id = t.company_id AND l.source_record_id = t.source_id
                      AND l.destination_record_id = t.destination_id)
      AND NOT EXISTS (SELECT FROM links l WHERE l.company_id = t.company_id AND l.source_record_id = t.source_id
                      AND l.destination_record_id = t.destination_id)
    ON CONFLICT DO NOTHING
)
SELECT company_id, source_record_id, destination_record_id FROM linked
"""


class Created(NamedTuple):
    """A destination record that we wrote for a source record."""

    company_id: UUID
    source_record_id: UUID
    destination_record_id: UUID
    source_account_id: UUID
    destination_account_id: UUID
    destination_remote_id: str


async def add_created(tx: Tx, written: Iterable[Created]) -> list[tuple[UUID, UUID, UUID]]:
    """Link what we created, unless a link or a person's decision stands against it: then it becomes a match case.

    Returns the new links: company, source, destination.
    """
    pairs = {(c.source_record_id, c.destination_record_id): c for c in written}
    rows = await tx.fetch(_CREATED, *zip(*pairs.values(), strict=True)) if pairs else []
    return [(r[0], r[1], r[2]) for r in rows]


_TWINS = """
INSERT INTO match_cases (company_id, destination_record_id, source_record_id, kind)
SELECT *, 'twin' FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING
"""


async def add_twins(tx: Tx, twins: Sequence[tuple[Facts, Facts]]) -> None:
    """Open a match case for each destination record that would link to a source record which is linked elsewhere."""
    if twins:
        await tx.execute(
            _TWINS,
            [s.company_id for s, _ in twins],
            [d.record_id for _, d in twins],
            [s.record_id for s, _ in twins],
        )


_PUT = """
INSERT INTO links (company_id, source_record_id, destination_record_id, source_account_id, destination_account_id,
                   destination_remote_id, origin, actor)
VALUES ($1, $2, $3, $4, $5, $6, 'manual', $7)
"""


async def put_link(tx: Tx, source: Facts, destination: Facts, actor: str | None) -> None:
    """A person's link; the caller has removed the old one of this source."""
    await tx.execute(
        _PUT,
        source.company_id,
        source.record_id,
        destination.record_id,
        source.account_id,
        destination.account_id,
        destination.remote_id,
        actor,
    )


_REMOVE = """
WITH gone AS (
    DELETE FROM links WHERE company_id = $1 AND source_record_id = $2 AND destination_account_id = $3
    RETURNING company_id, source_record_id, destination_record_id, origin
), opened AS (
    INSERT INTO match_cases (company_id, destination_record_id, source_record_id)
    SELECT company_id, destination_record_id, source_record_id FROM gone WHERE origin = 'created'
    ON CONFLICT DO NOTHING
)
SELECT destination_record_id, origin FROM gone
"""


async def remove_link(
    tx: Tx, company: UUID, source: UUID, destination_account: UUID
) -> tuple[UUID, str] | None:
    """Take the link away: the destination record that is free now, and the link's origin.

    A record that we created becomes a match case.
    """
    row = await tx.fetchrow(_REMOVE, company, source, destination_account)
    return (row["destination_record_id"], row["origin"]) if row else None


_LINKED_SOURCES = """
SELECT l.source_record_id, l.destination_record_id FROM unnest($1::uuid[], $2::uuid[]) AS t (company_id, record_id)
JOIN links l ON l.company_id = t.company_id AND l.destination_record_id = t.record_id
"""


async def linked_sources(tx: Tx, destinations: Sequence[Facts]) -> dict[UUID, UUID]:
    """The source record that each of these destination records is linked to, by destination; one that is free is left out."""
    if not destinations:
        return {}
    rows = await tx.fetch(
        _LINKED_SOURCES, [d.company_id for d in destinations], [d.record_id for d in destinations]
    )
    return {row["destination_record_id"]: row["source_record_id"] for row in rows}


_PARTNERS = """
SELECT source_record_id, destination_record_id FROM links
WHERE company_id = $1 AND source_account_id = $2 AND destination_account_id = $3
  AND (source_record_id = ANY ($4::uuid[]) OR destination_record_id = ANY ($4::uuid[]))
"""


async def load_partners(
    tx: Tx, company: UUID, source: UUID, destination: UUID, records: Sequence[UUID]
) -> dict[UUID, UUID]:
    """Whom these records of either side are linked to; one that is free is left out."""
    rows = await tx.fetch(_PARTNERS, company, source, destination, list(records))
    pairs = {row["source_record_id"]: row["destination_record_id"] for row in rows}
    both = pairs | {there: here for here, there in pairs.items()}
    return {record: both[record] for record in records if record in both}


_SOURCES_NAMING = """
SELECT DISTINCT c.company_id, c.source_record_id FROM unnest($1::uuid[], $2::uuid[]) AS t (company_id, record_id)
JOIN candidates c ON c.company_id = t.company_id AND c.destination_record_id = t.record_id
"""


async def sources_naming(tx: Tx, destinations: Sequence[tuple[UUID, UUID]]) -> dict[UUID, UUID]:
    """The source records (id → company) whose last result names one of these (company, destination record)."""
    if not destinations:
        return {}
    rows = await tx.fetch(_SOURCES_NAMING, [c for c, _ in destinations], [d for _, d in destinations])
    return {row["source_record_id"]: row["company_id"] for row in rows}


_ALSO_NAMING = """
SELECT DISTINCT o.company_id, o.source_record_id FROM unnest($1::uuid[], $2::uuid[]) AS t (company_id, record_id)
JOIN candidates c ON c.source_record_id = t.record_id AND c.company_id = t.company_id
JOIN candidates o ON o.destination_record_id = c.destination_record_id AND o.company_id = c.company_id
WHERE o.source_record_id <> t.record_id
"""


async def also_naming(tx: Tx, sources: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    """The source records (id → company) whose last result names a destination record that one of `sources` names too."""
    if not sources:
        return {}
    rows = await tx.fetch(_ALSO_NAMING, list(sources.values()), list(sources))
    return {row["source_record_id"]: row["company_id"] for row in rows}


_RESULTS = """
INSERT INTO match_results SELECT * FROM unnest($1::match_result_row[])
ON CONFLICT (company_id, record_id) DO UPDATE SET situation = excluded.situation, reason = excluded.reason,
    link_rev = excluded.link_rev, source_rev = excluded.source_rev, hash = excluded.hash,
    matching_version = excluded.matching_version, generation = excluded.generation
"""


async def save_results(tx: Tx, results: Sequence[MatchResult]) -> None:
    """Keep the last result of each record."""
    if results:
        await tx.execute(_RESULTS, results)


_FORGET_HASHES = (
    "UPDATE match_results SET hash = '' WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])"
)


async def forget_hashes(tx: Tx, records: Sequence[UUID]) -> None:
    """Whatever is decided next about these is news: it was published that they could not be decided."""
    await tx.execute(_FORGET_HASHES, list(tx.companies), records)


_FORGET = """
DELETE FROM candidates c USING unnest($1::uuid[], $2::uuid[]) AS t (company_id, record_id)
WHERE c.company_id = t.company_id AND c.source_record_id = t.record_id
"""
_NAME = "INSERT INTO candidates SELECT * FROM unnest($1::candidate_row[]) ON CONFLICT DO NOTHING"


async def save_candidates(
    tx: Tx, stale: Sequence[MatchResult], named: Sequence[tuple[UUID, UUID, UUID]]
) -> None:
    """Forget whom these results named, and keep who is named now: company, destination record, source record."""
    if stale:
        await tx.execute(_FORGET, [a.company_id for a in stale], [a.record_id for a in stale])
    if named:
        await tx.execute(_NAME, named)


_FLIP_LINKS = """
UPDATE links l SET source_record_id = l.destination_record_id, destination_record_id = l.source_record_id,
    source_account_id = l.destination_account_id, destination_account_id = l.source_account_id,
    destination_remote_id = r.remote_id
FROM records r
WHERE l.company_id = $1 AND l.source_account_id = $3 AND l.destination_account_id = $2
  AND r.company_id = l.company_id AND r.record_id = l.source_record_id
"""
_FLIP_DECISIONS = """
INSERT INTO decisions (company_id, source_record_id, kind, destination_record_id, actor, decided_at)
SELECT d.company_id, d.destination_record_id, d.kind, d.source_record_id, d.actor, d.decided_at
FROM decisions d JOIN records r ON r.company_id = d.company_id AND r.record_id = d.source_record_id
WHERE d.company_id = $1 AND d.kind IN ('unlink', 'refuse') AND r.account_id = $2
ON CONFLICT DO NOTHING
"""
_FLIP_EXCLUSIONS = """
INSERT INTO decisions (company_id, source_record_id, kind, actor, decided_at, note)
SELECT d.company_id, l.source_record_id, d.kind, d.actor, d.decided_at, d.note
FROM decisions d JOIN links l ON l.company_id = d.company_id AND l.destination_record_id = d.source_record_id
WHERE d.company_id = $1 AND d.kind = 'exclude' AND l.source_account_id = $2
ON CONFLICT DO NOTHING
"""
_FORGET_UNDO = "DELETE FROM undoable_decisions WHERE company_id = $1"


async def reverse_links(tx: Tx, company: UUID, source: UUID, destination: UUID) -> None:
    """Turn the stored pairs round when the destination has become the source. People stay who they are."""
    await tx.execute(_FLIP_LINKS, company, source, destination)
    await tx.execute(_FLIP_DECISIONS, company, destination)
    await tx.execute(_FLIP_EXCLUSIONS, company, source)
    await tx.execute(_FORGET_UNDO, company)
