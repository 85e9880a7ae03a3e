"""Many staged records at once: history's tables filled as its handlers would have, for benchmarks of lists."""

from __future__ import annotations

from uuid import UUID

from shared.db.tx import Database

_PEOPLE = """
WITH people AS (
    SELECT n, gen_random_uuid() AS id,
        (ARRAY['Ana', 'Bram', 'Cleo', 'Dov', 'Élodie', 'Fenn', 'Gus', 'Hana', 'Idris', 'Jo', 'Kit', 'Lumi', 'Mateo', 'Nia',
               'Otto', 'Petra', 'Quill', 'Rosa', 'Sean', 'Tova'])[1 + n % 20] AS first,
        chr(65 + n % 26) || (ARRAY['ander', 'erg', 'oss', 'ley', 'indqvist', 'ontoya', 'aki', 'eton', 'uza', 'own',
               'ellweg', 'ravec', 'ishi'])[1 + n / 26 % 13] || '-' || to_hex(n) AS last
    FROM generate_series($3::int, $4::int) AS n
), snapshot AS (
    INSERT INTO snapshots (company_id, record_id, account_id, remote_id, rev, employee_rev, removed, number, name, first_name,
                           last_name, email, search, updated_at)
    SELECT $1, id, $2, 'F' || n, n, n, false, CASE WHEN n % 50 > 0 THEN n::text END, first || ' ' || last, first, last,
           lower(last) || '@filled.example',
           lower(translate(first, 'É', 'e') || ' ' || last || ' ' || last || '@filled.example ' || n), now()
    FROM people
), viewed AS (
    INSERT INTO record_view (company_id, record_id, account_id, remote_id, source_rev, number, name, first_name, last_name, email,
                             search, status, reason, status_rev, synced_at, updated_at, counted)
    SELECT $1, id, $2, 'F' || n, n, CASE WHEN n % 50 > 0 THEN n::text END, first || ' ' || last, first, last,
           lower(last) || '@filled.example',
           lower(translate(first, 'É', 'e') || ' ' || last || ' ' || last || '@filled.example ' || n),
           status, CASE status WHEN 'needs_sync' THEN '' WHEN 'failed' THEN 'unavailable' ELSE '' END, 1,
           CASE WHEN status = 'synced' THEN now() - n * interval '1 second' END, now(), status
    FROM people,
         LATERAL (SELECT CASE WHEN n % 200 = 0 THEN 'failed' WHEN n % 10 = 1 THEN 'needs_sync' ELSE 'synced' END AS status)
    RETURNING status
)
INSERT INTO counters (company_id, account_id, status, count) SELECT $1, $2, status, count(*) FROM viewed GROUP BY status
ON CONFLICT (company_id, account_id, status) DO UPDATE SET count = counters.count + EXCLUDED.count
"""
STEP = 5_000
"""Records of one transaction: well within the limit on a statement's time."""


async def fill(history: Database, company: UUID, account: UUID, first: int, last: int) -> None:
    """Source records of these numbers, most of them synced, one in 200 failed, one in 50 without a number."""
    for begin in range(first, last + 1, STEP):
        async with history.transaction([company]) as tx:
            await tx.execute(_PEOPLE, company, account, begin, min(begin + STEP - 1, last))
