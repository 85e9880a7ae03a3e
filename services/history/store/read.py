"""The SQL behind the list of records: how many there are of each status, and its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.history.core.show import Cursor
from shared.db.tx import Record, Tx

FEW = 2_000
"""Records that are sorted within a few milliseconds."""
COUNTED = 10_000
"""Records with a text that are counted; of more it is said that they are more."""
_GLANCE = 500
"""Records that tell whether a text is a common one."""
_MOST_WALKED = 4 * COUNTED
"""Records that are walked to count a common text; a rarer one is found sooner by its trigrams."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of the list's records. `pattern` is a LIKE pattern over the searchable text; no statuses means all."""

    statuses: Sequence[str] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a list before a page of it is read."""

    account: UUID | None
    """Whose records it shows."""
    counts: Mapping[str, int]
    """How many records with the text have each status; of those that were counted, where `at_least`."""
    found: Sequence[UUID] | None
    """The records with the text, where they are few; else None."""
    listed: Mapping[str, int]
    """How many records of the list have each status, whatever their text."""
    at_least: bool = False
    """Whether more have the text than are counted."""

    def total(self, wanted: Filter) -> int:
        """How many records the filter lets through."""
        return _sum(self.counts, wanted)

    def most(self, wanted: Filter) -> int:
        """How many records it lets through at most."""
        return _sum(self.listed if self.at_least else self.counts, wanted)


def _sum(counts: Mapping[str, int], wanted: Filter) -> int:
    return sum(n for status, n in counts.items() if not wanted.statuses or status in wanted.statuses)


_SOURCE = "SELECT source_account_id FROM chain_heads WHERE company_id = $1"
_FOUND = "SELECT found($1, $2, $3, $4)"
_COUNTED = "SELECT status, count FROM counters WHERE company_id = $1 AND account_id = $2 AND count > 0"
_COUNT = """
SELECT status, count(*) FROM record_view WHERE company_id = $1 AND account_id = $2 AND record_id = ANY ($3) GROUP BY 1
"""
_WALK_COUNT = """
SELECT c.status, count(*) FROM counters c CROSS JOIN LATERAL (
    SELECT search FROM record_view
    WHERE company_id = $1 AND account_id = $2 AND status_key = status_order(c.status)
    ORDER BY synced_key, record_id LIMIT ceil(c.count * $4::float8)
) AS v
WHERE c.company_id = $1 AND c.account_id = $2 AND c.count > 0 AND v.search LIKE $3 GROUP BY 1
"""


async def survey(tx: Tx, company: UUID, pattern: str | None) -> Survey:
    """How many records the list holds by status: from the counters, or counted up to `COUNTED` where a text is searched for."""
    account = await tx.fetchval(_SOURCE, company)
    if account is None:
        return Survey(None, {}, [], {})
    listed = {r["status"]: r["count"] for r in await tx.fetch(_COUNTED, company, account)}
    if pattern is None:
        return Survey(account, listed, None, listed)
    if common := await _counted_by_walking(tx, company, account, pattern, sum(listed.values())):
        return Survey(account, common, None, listed, at_least=True)
    ids = await tx.fetchval(_FOUND, company, account, pattern, COUNTED + 1)
    rows = await tx.fetch(_COUNT, company, account, ids[:COUNTED])
    counts = {r["status"]: r["count"] for r in rows}
    return Survey(account, counts, ids if len(ids) <= FEW else None, listed, at_least=len(ids) > COUNTED)


async def _counted_by_walking(
    tx: Tx, company: UUID, account: UUID, pattern: str, everybody: int
) -> dict[str, int]:
    """By status `COUNTED` records with a text that so many have that a walk meets them soon; nothing where it would not.

    The same share of each status is walked, so that the counts are in proportion.
    """
    if everybody <= COUNTED:
        return {}
    met = sum((await _walked(tx, company, account, pattern, _GLANCE / everybody)).values())
    needed = 1.2 * COUNTED * _GLANCE / max(1, met)
    if needed > _MOST_WALKED:
        return {}
    return _in_proportion(await _walked(tx, company, account, pattern, needed / everybody))


async def _walked(tx: Tx, company: UUID, account: UUID, pattern: str, share: float) -> dict[str, int]:
    """How many have the text among the first of each status, this share of them."""
    rows = await tx.fetch(_WALK_COUNT, company, account, pattern, min(1.0, share))
    return {r["status"]: r["count"] for r in rows}


def _in_proportion(found: Mapping[str, int]) -> dict[str, int]:
    """`COUNTED` of these, none of a status more than it has; nothing where they are no more."""
    total, kept, seen = sum(found.values()), {}, 0
    for status, n in found.items() if total > COUNTED else ():
        kept[status] = (seen + n) * COUNTED // total - seen * COUNTED // total
        seen += n
    return kept


_FEW_KEYS = """
SELECT record_id, sort_text, sort_time FROM (
    SELECT record_id,
        CASE $3 WHEN 'name' THEN left(search, 100) WHEN 'number' THEN lpad(coalesce(number, ''), 32)
                WHEN 'status' THEN status_key ELSE '' END COLLATE "C" AS sort_text,
        CASE WHEN $3 IN ('status', 'synced_at') THEN synced_key ELSE 'epoch' END AS sort_time
    FROM record_view WHERE company_id = $1 AND account_id = $2
      AND ($7::text[] = '{}' OR status_key = ANY (status_orders($7)))
      AND ($8::text IS NULL OR search LIKE $8) AND ($14::uuid[] IS NULL OR record_id = ANY ($14))
) AS keyed
WHERE sort_text BETWEEN $10 AND $11 AND sort_time BETWEEN $12 AND $13
  AND ($6::uuid IS NULL OR ROW(sort_text, sort_time, record_id) > ROW($4 COLLATE "C", $5::timestamptz, $6))
ORDER BY sort_text ASC, sort_time ASC, record_id ASC LIMIT $9
"""
_WALK_KEYS = """
(SELECT f.record_id, f.number_key AS sort_text, 'epoch'::timestamptz AS sort_time
 FROM snapshots f
 WHERE $3 = 'number' AND f.company_id = $1 AND f.account_id = $2 AND f.number_key BETWEEN $10 AND $11
   AND ($7::text[] = '{}' OR (SELECT v.status FROM record_view v WHERE v.company_id = $1 AND v.record_id = f.record_id)
                             = ANY ($7)) AND ($8::text IS NULL OR f.search LIKE $8)
   AND ($6::uuid IS NULL OR ROW(f.number_key, f.record_id) > ROW($4, $6))
 ORDER BY f.number_key ASC, f.record_id ASC LIMIT $9)
UNION ALL
(SELECT f.record_id, f.name_key, 'epoch'
 FROM snapshots f
 WHERE $3 = 'name' AND f.company_id = $1 AND f.account_id = $2 AND f.name_key BETWEEN $10 AND $11
   AND ($7::text[] = '{}' OR (SELECT v.status FROM record_view v WHERE v.company_id = $1 AND v.record_id = f.record_id)
                             = ANY ($7)) AND ($8::text IS NULL OR f.search LIKE $8)
   AND ($6::uuid IS NULL OR ROW(f.name_key, f.record_id) > ROW($4, $6))
 ORDER BY f.name_key ASC, f.record_id ASC LIMIT $9)
UNION ALL
(SELECT record_id, status_key, synced_key
 FROM record_view
 WHERE $3 = 'status' AND company_id = $1 AND account_id = $2
   AND ($7::text[] = '{}' OR status = ANY ($7)) AND ($8::text IS NULL OR search LIKE $8)
   AND ($6::uuid IS NULL OR ROW(status_key, synced_key, record_id) > ROW($4, $5::timestamptz, $6))
 ORDER BY status_key ASC, synced_key ASC, record_id ASC LIMIT $9)
UNION ALL
(SELECT each.record_id, '', each.at
 FROM counters c CROSS JOIN LATERAL (
     SELECT record_id, synced_key AS at FROM record_view
     WHERE company_id = $1 AND account_id = $2 AND status_key = status_order(c.status)
       AND synced_key BETWEEN $12 AND $13 AND ($8::text IS NULL OR search LIKE $8)
       AND ($6::uuid IS NULL OR ROW(synced_key, record_id) > ROW($5::timestamptz, $6))
     ORDER BY synced_key ASC, record_id ASC LIMIT $9
 ) AS each
 WHERE $3 = 'synced_at' AND c.company_id = $1 AND c.account_id = $2 AND ($7::text[] = '{}' OR c.status = ANY ($7))
 ORDER BY each.at ASC, each.record_id ASC LIMIT $9)
"""


def _rows(keys: str) -> str:
    return """
SELECT v.*, d.remote_id AS found_remote_id, sort_text, sort_time
FROM (KEYS) AS k JOIN record_view v ON v.company_id = $1 AND v.record_id = k.record_id
LEFT JOIN snapshots d ON d.company_id = $1 AND d.record_id = v.destination_record_id
ORDER BY sort_text ASC, sort_time ASC, v.record_id ASC
""".replace("KEYS", keys)


def _ids(keys: str) -> str:
    """Only the page's last row has its place: to decode them all takes longer than to find them. One more row may follow it."""
    return """
SELECT record_id::text AS record_id, CASE WHEN n = $9 - 1 THEN sort_text END AS sort_text,
       CASE WHEN n = $9 - 1 THEN sort_time END AS sort_time
FROM (SELECT k.*, row_number() OVER (ORDER BY sort_text ASC, sort_time ASC, record_id ASC) AS n FROM (KEYS) AS k) AS numbered
ORDER BY n
""".replace("KEYS", keys)


def _down(sql: str) -> str:
    return sql.replace(" ASC", " DESC").replace(" > ROW", " < ROW")


_FEW_UP, _WALK_UP = _rows(_FEW_KEYS), _rows(_WALK_KEYS)
_FEW_DOWN, _WALK_DOWN = _down(_FEW_UP), _down(_WALK_UP)
_FEW_IDS_UP, _WALK_IDS_UP = _ids(_FEW_KEYS), _ids(_WALK_KEYS)
_FEW_IDS_DOWN, _WALK_IDS_DOWN = _down(_FEW_IDS_UP), _down(_WALK_IDS_UP)

_LAST_TEXT, _LAST_TIME = "\U0010ffff", datetime.max.replace(tzinfo=UTC)
_EPOCH = datetime.fromtimestamp(0, UTC)
_Span = tuple[str, str, datetime, datetime]
"""First and last text, first and last time."""
_EVERYTHING: _Span = ("", _LAST_TEXT, _EPOCH, _LAST_TIME)
_NO_NUMBER = " " * 32
_SPANS: Mapping[str, tuple[_Span, ...]] = {
    "number": (
        (_NO_NUMBER + "\1", _LAST_TEXT, _EPOCH, _LAST_TIME),
        (_NO_NUMBER, _NO_NUMBER, _EPOCH, _LAST_TIME),
    ),
    "name": (("\1", _LAST_TEXT, _EPOCH, _LAST_TIME), ("", "", _EPOCH, _LAST_TIME)),
    "synced_at": (
        ("", _LAST_TEXT, _EPOCH + timedelta(microseconds=1), _LAST_TIME),
        ("", _LAST_TEXT, _EPOCH, _EPOCH),
    ),
    "status": (_EVERYTHING,),
}
"""The parts of each order: what has a value, then what has none, whichever way the values are sorted."""


async def page(
    tx: Tx,
    company: UUID,
    wanted: Filter,
    known: Survey,
    sort: str,
    after: Cursor | None,
    limit: int,
    *,
    down: bool,
    ids_only: bool = False,
) -> list[Record]:
    """Rows of the list in the order of `sort`, after the cursor; one more than `limit` if there are more.

    What has no value comes last in either direction. Few records are sorted where they are found; many are walked in the
    order of an index, until the page is full: a record's status is looked up on the way, not joined, because no statistics
    may have another plan made of it. With `ids_only`, a row is its id, the last one's with its place.
    """
    few = known.found is not None or _sorts(known, wanted, limit)
    sql = _STATEMENTS[few, ids_only, down]
    spans = _SPANS[sort]
    if after and len(spans) > 1 and _has_none(sort, after):
        spans = spans[1:]
    rows: list[Record] = []
    for span in spans:
        text, time, record = (after.text, after.time, after.id) if after else (None, None, None)
        place = (company, known.account, sort, text, time, record, wanted.statuses, wanted.pattern)
        more = (limit + 1 - len(rows), *span)
        rows += await tx.fetch(sql, *place, *more, *([known.found] if few else []))
        if len(rows) > limit:
            break
        after = None
    return rows


def _sorts(known: Survey, wanted: Filter, limit: int) -> bool:
    """Whether reading and sorting what matches costs less than walking: a page of one in n walks n times its length."""
    matching, everything = known.most(wanted), sum(known.listed.values())
    return matching <= FEW or (wanted.pattern is None and matching * matching <= limit * everything)


def _has_none(sort: str, place: Cursor) -> bool:
    """Whether the row at this place has no value in the column it is sorted by."""
    first, _, since, _ = _SPANS[sort][0]
    return place.time < since if sort == "synced_at" else place.text < first


_STATEMENTS = {
    (True, False, False): _FEW_UP, (True, False, True): _FEW_DOWN,
    (True, True, False): _FEW_IDS_UP, (True, True, True): _FEW_IDS_DOWN,
    (False, False, False): _WALK_UP, (False, False, True): _WALK_DOWN,
    (False, True, False): _WALK_IDS_UP, (False, True, True): _WALK_IDS_DOWN,
}  # fmt: skip
"""By: few records, ids only, downwards."""
