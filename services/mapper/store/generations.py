"""Counts of values and gates, frozen with each complete directory."""

from collections.abc import Sequence
from uuid import UUID

from services.mapper.core import Counts, open_gates
from shared.db.tx import Tx

_FORGET = "DELETE FROM value_counts WHERE company_id = $1"
_COUNT = """
WITH r AS (
    SELECT * FROM records WHERE company_id = $1 AND account_id = ANY ($2::uuid[]) AND state = 'present'
), held AS (
    SELECT v.field, v.value FROM r CROSS JOIN LATERAL (VALUES
        ('first', r.first_form), ('last', r.last_form), ('number', r.number_digits), ('email', r.email_form),
        ('born', r.born::text), ('hired', r.hired::text), ('postal', r.postal), ('city', r.city), ('street', r.street),
        ('line2', r.line2)) AS v (field, value)
    UNION ALL SELECT 'phone', unnest(r.phones) FROM r
    UNION ALL SELECT 'word', unnest(r.last_words) FROM r
), counted AS (
    SELECT field, value, count(*) AS n FROM held WHERE value <> '' GROUP BY field, value
), kept AS (
    INSERT INTO value_counts SELECT $1, field, value, n FROM counted WHERE n > 1
)
SELECT field, sum(n)::bigint AS n FROM counted GROUP BY field
"""
_GATES = """
WITH r AS (
    SELECT account_id, first_form, last_form, house || '|' || street || '|' || postal AS home FROM records
    WHERE company_id = $1 AND account_id = ANY ($2::uuid[]) AND state = 'present'
      AND house <> '' AND street <> '' AND postal <> ''
), held AS (
    SELECT v.gate, r.account_id, v.value FROM r CROSS JOIN LATERAL (VALUES
        ('home', r.home),
        ('last_home', CASE WHEN r.last_form <> '' THEN r.last_form || '|' || r.home END),
        ('first_home', CASE WHEN r.first_form <> '' THEN r.first_form || '|' || r.home END),
        ('both_home', CASE WHEN r.first_form <> '' AND r.last_form <> ''
                           THEN r.first_form || '|' || r.last_form || '|' || r.home END)) AS v (gate, value)
    WHERE v.value IS NOT NULL
), counted AS (
    SELECT gate, count(*) AS n FROM held GROUP BY gate, account_id, value
)
SELECT gate, sum(n)::bigint, coalesce(sum(n) FILTER (WHERE n > 1), 0)::bigint FROM counted GROUP BY gate
"""
_PUT = """
INSERT INTO generations AS g (company_id, generation, fields, totals, destination_records, gates)
SELECT $1, 1, $2, $3, (SELECT count(*) FROM records WHERE company_id = $1 AND account_id = $4 AND state = 'present'), $5
ON CONFLICT (company_id) DO UPDATE SET generation = g.generation + 1, fields = excluded.fields, totals = excluded.totals,
    destination_records = excluded.destination_records, gates = excluded.gates
"""


async def freeze(tx: Tx, company: UUID, source: UUID, destination: UUID) -> None:
    """Count the values of both directories as they stand; the company's next generation."""
    accounts = [source, destination]
    await tx.execute(_FORGET, company)
    totals = {row["field"]: row["n"] for row in await tx.fetch(_COUNT, company, accounts)}
    shared = await tx.fetch(_GATES, company, accounts)
    gates = open_gates({g: n for g, n, _ in shared}, {g: n for g, _, n in shared})
    await tx.execute(_PUT, company, list(totals), list(totals.values()), destination, sorted(gates))


_GENERATIONS = "SELECT company_id, generation FROM generations WHERE company_id = ANY ($1::uuid[])"


async def load_generations(tx: Tx, companies: Sequence[UUID]) -> dict[UUID, int]:
    """The number of each company's generation; one that has none yet is left out."""
    rows = await tx.fetch(_GENERATIONS, list(companies))
    return {row["company_id"]: row["generation"] for row in rows}


_HEAD = "SELECT fields, totals, destination_records, gates FROM generations WHERE company_id = $1"
_VALUES = "SELECT field, value, n FROM value_counts WHERE company_id = $1"


async def load_counts(tx: Tx, company: UUID) -> Counts:
    """A company's counts and gates; empty before the first generation."""
    head = await tx.fetchrow(_HEAD, company)
    if head is None:
        return Counts({}, {}, 0)
    fields, totals, destination_records, gates = head
    values = {(field, value): n for field, value, n in await tx.fetch(_VALUES, company)}
    return Counts(dict(zip(fields, totals, strict=True)), values, destination_records, frozenset(gates))
