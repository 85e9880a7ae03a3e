"""Finding by keys: who may be whom, and whose decision hangs on whom. Each is one statement for a whole batch."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.mapper.core import Facts, Other, Twin, similar_keys
from services.mapper.store.records import facts_at, load_facts
from shared.db.tx import Tx

_TWINS = """
WITH s AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
        AS t (record_id, account_id, destination_account_id, number_key, email_key)
), pairs AS (
    SELECT s.*, d.record_id AS twin, d.company_id AS company, d.number_key AS their_number, d.email_key AS their_email
    FROM s JOIN records d ON d.account_id = s.destination_account_id AND d.number_key = s.number_key
    UNION
    SELECT s.*, d.record_id, d.company_id, d.number_key, d.email_key
    FROM s JOIN records d ON d.account_id = s.destination_account_id AND d.email_key = s.email_key
)
SELECT p.record_id AS source_id,
    EXISTS (SELECT FROM records r WHERE r.account_id = p.account_id AND r.number_key = p.number_key
            AND r.record_id <> p.record_id),
    EXISTS (SELECT FROM records r WHERE r.account_id = p.account_id AND r.email_key = p.email_key
            AND r.record_id <> p.record_id),
    p.their_number IS DISTINCT FROM p.number_key AND EXISTS (
        SELECT FROM records r WHERE r.account_id = p.account_id AND r.number_key = p.their_number
        AND r.record_id <> p.record_id),
    p.their_email IS DISTINCT FROM p.email_key AND EXISTS (
        SELECT FROM records r WHERE r.account_id = p.account_id AND r.email_key = p.their_email
        AND r.record_id <> p.record_id),
    (SELECT l.source_record_id FROM links l WHERE l.company_id = p.company AND l.destination_record_id = p.twin
     AND l.source_account_id = p.account_id),
    d.*
FROM pairs p JOIN records d ON d.company_id = p.company AND d.record_id = p.twin
"""
_TWIN_HEAD = 6


async def twins(
    tx: Tx, sources: Sequence[Facts], destinations: Mapping[UUID, UUID]
) -> dict[UUID, tuple[Twin, ...]]:
    """By source record: the destination records of its number or its e-mail. `destinations` is company → account."""
    keyed = [s for s in sources if s.number_key is not None or s.email_key is not None]
    if not keyed:
        return {}
    rows = await tx.fetch(
        _TWINS,
        [s.record_id for s in keyed],
        [s.account_id for s in keyed],
        [destinations[s.company_id] for s in keyed],
        [s.number_key for s in keyed],
        [s.email_key for s in keyed],
    )
    found: dict[UUID, tuple[Twin, ...]] = {}
    for row in rows:
        source = row["source_id"]
        found[source] = (*found.get(source, ()), Twin(facts_at(row, _TWIN_HEAD), *row[1:_TWIN_HEAD]))
    return found


_ALIKE = """
WITH s AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
        WITH ORDINALITY AS t (account_id, destination_account_id, a, b, c, d, phone_key, born_key, n)
), found AS (
    SELECT s.n, 0 AS kind, s.account_id, r.company_id, r.record_id, r.first_key, r.last_key
        FROM s JOIN records r ON r.account_id = s.destination_account_id AND r.block_a = s.a
    UNION ALL SELECT s.n, 0, s.account_id, r.company_id, r.record_id, r.first_key, r.last_key
        FROM s JOIN records r ON r.account_id = s.destination_account_id AND r.block_b = s.b
    UNION ALL SELECT s.n, 0, s.account_id, r.company_id, r.record_id, r.first_key, r.last_key
        FROM s JOIN records r ON r.account_id = s.destination_account_id AND r.block_c = s.c
    UNION ALL SELECT s.n, 0, s.account_id, r.company_id, r.record_id, r.first_key, r.last_key
        FROM s JOIN records r ON r.account_id = s.destination_account_id AND r.block_d = s.d
    UNION ALL SELECT s.n, 0, s.account_id, r.company_id, r.record_id, r.first_key, r.last_key
        FROM s JOIN records r ON r.account_id = s.destination_account_id AND r.block_b = s.a
    UNION ALL SELECT s.n, 2, s.account_id, r.company_id, r.record_id, r.first_key, r.last_key
        FROM s JOIN records r ON r.account_id = s.destination_account_id AND r.born_key = s.born_key
    UNION ALL SELECT s.n, 1, s.account_id, r.company_id, r.record_id, r.first_key, r.last_key
        FROM s CROSS JOIN LATERAL (
            SELECT q.*, count(*) OVER () AS sharing FROM (
                SELECT * FROM records i WHERE i.account_id = s.destination_account_id AND i.phone_key = s.phone_key LIMIT 4
            ) AS q
        ) AS r WHERE r.sharing <= 3
)
SELECT f.n, f.kind, f.company_id, f.record_id, f.first_key, f.last_key FROM found f
WHERE NOT EXISTS (SELECT FROM links l WHERE l.company_id = f.company_id AND l.destination_record_id = f.record_id
                  AND l.source_account_id = f.account_id)
"""


async def alike(
    tx: Tx, sources: Sequence[Facts], destinations: Mapping[UUID, UUID]
) -> dict[UUID, tuple[Other, ...]]:
    """By source record: the destination records that nobody is linked to and that may look alike.

    They have a like name, its telephone (when at most three have it) or its last name and birth date.
    """
    if not sources:
        return {}
    rows = await tx.fetch(
        _ALIKE,
        [s.account_id for s in sources],
        [destinations[s.company_id] for s in sources],
        [s.block_a for s in sources],
        [s.block_b for s in sources],
        [s.block_c for s in sources],
        [s.block_d for s in sources],
        [s.phone_key for s in sources],
        [s.born_key for s in sources],
    )
    pairs: dict[tuple[int, UUID], bool] = {}
    wanted: dict[UUID, UUID] = {}
    for n, kind, company, record, first, last in rows:
        source = sources[n - 1]
        if kind or similar_keys(source.first_key, source.last_key, first, last):
            pairs[n, record] = pairs.get((n, record), False) or kind == 1
            wanted[record] = company
    known = await load_facts(tx, wanted) if wanted else {}
    found: dict[UUID, tuple[Other, ...]] = {}
    for (n, record), by_phone in pairs.items():
        source_id = sources[n - 1].record_id
        found[source_id] = (*found.get(source_id, ()), Other(known[record], by_phone))
    return found


_BY_SOURCES = """
WITH p AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
        AS t (account_id, destination_account_id, number_key, email_key)
), d AS (
    SELECT p.account_id, p.destination_account_id, r.number_key, r.email_key
        FROM p JOIN records r ON r.account_id = p.destination_account_id AND r.number_key = p.number_key
    UNION SELECT p.account_id, p.destination_account_id, r.number_key, r.email_key
        FROM p JOIN records r ON r.account_id = p.destination_account_id AND r.email_key = p.email_key
), s AS (
    SELECT r.company_id, r.record_id, d.destination_account_id
        FROM d JOIN records r ON r.account_id = d.account_id AND r.number_key = d.number_key
    UNION SELECT r.company_id, r.record_id, d.destination_account_id
        FROM d JOIN records r ON r.account_id = d.account_id AND r.email_key = d.email_key
)
SELECT s.company_id, s.record_id FROM s
WHERE NOT EXISTS (SELECT FROM links l WHERE l.company_id = s.company_id AND l.source_record_id = s.record_id
                  AND l.destination_account_id = s.destination_account_id)
"""


async def affected_by_sources(
    tx: Tx, probes: Sequence[Facts], destinations: Mapping[UUID, UUID]
) -> dict[UUID, UUID]:
    """The unlinked source records (id → company) that meet one of these source records at the same destination record."""
    probes = [p for p in probes if p.number_key is not None or p.email_key is not None]
    if not probes:
        return {}
    rows = await tx.fetch(
        _BY_SOURCES,
        [p.account_id for p in probes],
        [destinations[p.company_id] for p in probes],
        [p.number_key for p in probes],
        [p.email_key for p in probes],
    )
    return {row["record_id"]: row["company_id"] for row in rows}


_BY_DESTINATIONS = """
WITH p AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::text[], $10::text[])
        WITH ORDINALITY AS t (account_id, own_account_id, number_key, email_key, phone_key, born_key, a, b, c, d, n)
), found AS (
    SELECT p.n, p.own_account_id, false AS named, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.number_key = p.number_key
    UNION ALL SELECT p.n, p.own_account_id, false, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.email_key = p.email_key
    UNION ALL SELECT p.n, p.own_account_id, false, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.born_key = p.born_key
    UNION ALL SELECT p.n, p.own_account_id, false, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.phone_key = p.phone_key
        WHERE (SELECT count(*) FROM (
            SELECT FROM records o WHERE o.account_id = p.own_account_id AND o.phone_key = p.phone_key
            AND o.record_id <> ALL ($11::uuid[]) LIMIT 4) AS q) <= 3
    UNION ALL SELECT p.n, p.own_account_id, true, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.block_a = p.a
    UNION ALL SELECT p.n, p.own_account_id, true, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.block_b = p.b
    UNION ALL SELECT p.n, p.own_account_id, true, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.block_c = p.c
    UNION ALL SELECT p.n, p.own_account_id, true, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.block_d = p.d
    UNION ALL SELECT p.n, p.own_account_id, true, r.company_id, r.record_id, r.first_key, r.last_key
        FROM p JOIN records r ON r.account_id = p.account_id AND r.block_a = p.b
)
SELECT f.n, f.named, f.company_id, f.record_id, f.first_key, f.last_key FROM found f
WHERE NOT EXISTS (SELECT FROM links l WHERE l.company_id = f.company_id AND l.source_record_id = f.record_id
                  AND l.destination_account_id = f.own_account_id)
"""


async def affected_by_destinations(
    tx: Tx, probes: Sequence[tuple[Facts, bool]], sources: Mapping[UUID, UUID]
) -> dict[UUID, UUID]:
    """The unlinked source records (id → company) that may see one of these destination records, as it was or as it is.

    A probe without names (False) asks for equal numbers and addresses only. `sources` is company → account.
    """
    if not probes:
        return {}
    facts = [p for p, _ in probes]
    rows = await tx.fetch(
        _BY_DESTINATIONS,
        [sources[p.company_id] for p in facts],
        [p.account_id for p in facts],
        [p.number_key for p in facts],
        [p.email_key for p in facts],
        [p.phone_key if named else None for p, named in probes],
        [p.born_key if named else None for p, named in probes],
        [p.block_a if named else None for p, named in probes],
        [p.block_b if named else None for p, named in probes],
        [p.block_c if named else None for p, named in probes],
        [p.block_d if named else None for p, named in probes],
        list({p.record_id for p in facts}),
    )
    found: dict[UUID, UUID] = {}
    for n, named, company, record, first, last in rows:
        probe = facts[n - 1]
        if record not in found and (not named or similar_keys(first, last, probe.first_key, probe.last_key)):
            found[record] = company
    return found
