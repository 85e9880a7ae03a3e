"""The facts of both accounts' records, and everything stored about a source record.

`OFFSET 0` keeps the planner to one index look-up a row. `Facts` has the order of the table's columns and of `record_row`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from services.mapper.core import Facts, Link, MatchResult, Profile
from shared.db.tx import Record, Tx

COLUMNS = len(Facts._fields)


def facts_at(row: Record, start: int) -> Facts:
    """The facts in this row's columns from `start`."""
    return Facts(*row[start : start + COLUMNS])


_FACTS = """
SELECT r.* FROM unnest($1::uuid[], $2::uuid[]) AS w (company_id, record_id)
CROSS JOIN LATERAL (SELECT * FROM records r WHERE r.company_id = w.company_id AND r.record_id = w.record_id OFFSET 0) r
"""


async def load_facts(tx: Tx, records: Mapping[UUID, UUID]) -> dict[UUID, Facts]:
    """The stored facts of these records (id → company)."""
    rows = await tx.fetch(_FACTS, list(records.values()), list(records))
    return {row["record_id"]: facts_at(row, 0) for row in rows}


_PROFILES = """
SELECT r.record_id, r.active, r.first_form, r.middle_form, r.last_form, r.generation, r.firm, r.gender, r.number_form,
       r.number_digits, r.number, r.email_form, r.phones, r.born, r.hired, r.house, r.street, r.line2, r.city, r.region, r.postal
FROM unnest($1::uuid[], $2::uuid[]) AS w (company_id, record_id)
CROSS JOIN LATERAL (SELECT * FROM records r WHERE r.company_id = w.company_id AND r.record_id = w.record_id OFFSET 0) r
"""


async def load_profiles(tx: Tx, records: Mapping[UUID, UUID]) -> dict[UUID, Profile]:
    """These records (id → company) as they are compared: less than half of their facts, for most are ruled out at once."""
    rows = await tx.fetch(_PROFILES, list(records.values()), list(records))
    return {row[0]: Profile.stored(row) for row in rows}


@lru_cache(maxsize=4096)
def account_number(account: UUID) -> int:
    """What a record's keys are mixed with (by exclusive or) in `record_keys`, so that a key alone says whose it is."""
    return int.from_bytes(blake2b(account.bytes, digest_size=8).digest(), signed=True)


_ADD = """
WITH n AS (SELECT * FROM unnest($1::record_row[])), keyed AS (
    INSERT INTO record_keys (company_id, record_id, key)
    SELECT n.company_id, n.record_id, k.key # a.number AS mixed
    FROM n JOIN unnest($2::uuid[], $3::bigint[]) AS a (account_id, number) ON a.account_id = n.account_id
    CROSS JOIN LATERAL unnest(n.keys) AS k (key) ORDER BY mixed
)
INSERT INTO records SELECT * FROM n
"""
_CHANGE = """
UPDATE records r SET
    rev = n.rev, state = n.state, active = n.active, number = n.number, email = n.email, first_name = n.first_name,
    last_name = n.last_name, first_form = n.first_form, middle_form = n.middle_form, last_form = n.last_form,
    generation = n.generation, firm = n.firm, gender = n.gender, number_form = n.number_form, number_digits =
    n.number_digits, email_form = n.email_form, phones = n.phones, born = n.born, hired = n.hired, house = n.house,
    street = n.street, line2 = n.line2, city = n.city, region = n.region, postal = n.postal, last_words =
    n.last_words, keys = n.keys, traits = n.traits, search = n.search
FROM unnest($1::record_row[]) n WHERE r.company_id = n.company_id AND r.record_id = n.record_id
"""
_DROP_KEYS = """
DELETE FROM record_keys k USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS g (company_id, record_id, key)
WHERE k.key = g.key AND k.record_id = g.record_id AND k.company_id = g.company_id
"""
_ADD_KEYS = """
INSERT INTO record_keys (company_id, record_id, key) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])
"""


async def save_facts(tx: Tx, changes: Iterable[tuple[Facts | None, Facts]]) -> None:
    """Put the second of each in place of the first; those without a first are new (the lock makes that sure).

    Keys are written in their own order: neighbours share a page of the index.
    """
    added: list[Facts] = []
    changed: list[Facts] = []
    gone: list[tuple[UUID, UUID, int]] = []
    come: list[tuple[UUID, UUID, int]] = []
    for old, new in changes:
        (added if old is None else changed).append(new)
        if old is None or old.keys == new.keys:
            continue
        before, after, number = set(old.keys), set(new.keys), account_number(new.account_id)
        head = new.company_id, new.record_id
        gone += [(*head, key ^ number) for key in before - after]
        come += [(*head, key ^ number) for key in after - before]
    if added:
        accounts = list({f.account_id for f in added})
        await tx.execute(_ADD, added, accounts, list(map(account_number, accounts)))
    if changed:
        await tx.execute(_CHANGE, changed)
    for sql, rows in ((_DROP_KEYS, gone), (_ADD_KEYS, come)):
        if rows:
            rows.sort(key=_KEY)
            await tx.execute(sql, *map(list, zip(*rows, strict=True)))


_KEY = itemgetter(2)


class MatchState(NamedTuple):
    """What was published and decided about a source record."""

    result: MatchResult | None = None
    link: Link | None = None
    create: datetime | None = None
    refused: frozenset[UUID] = frozenset()
    lost: str = ""
    lost_to: UUID | None = None
    dismissed: frozenset[UUID] = frozenset()
    """Destination records that a person decided are somebody else: no candidates any more."""
    excluded: bool = False


_MATCH_STATES = """
SELECT w.record_id, l.destination_record_id, l.destination_remote_id, l.origin, d.created, d.refused, d.lost, d.lost_to,
       d.dismissed, d.excluded, a.*, t.*
FROM unnest($1::uuid[], $2::uuid[]) AS w (company_id, record_id)
LEFT JOIN LATERAL (
    SELECT * FROM match_results a WHERE a.company_id = w.company_id AND a.record_id = w.record_id OFFSET 0
) a ON true
LEFT JOIN LATERAL (
    SELECT * FROM links l WHERE l.company_id = w.company_id AND l.source_record_id = w.record_id
    AND l.destination_account_id = ANY ($3::uuid[]) OFFSET 0
) l ON true
LEFT JOIN LATERAL (
    SELECT * FROM records t WHERE t.company_id = l.company_id AND t.record_id = l.destination_record_id OFFSET 0
) t ON true
LEFT JOIN LATERAL (
    SELECT max(decided_at) FILTER (WHERE kind = 'create') AS created,
           array_agg(destination_record_id) FILTER (WHERE kind = 'unlink') AS refused,
           (array_agg(kind ORDER BY decided_at DESC) FILTER (WHERE kind IN ('link_taken', 'link_gone')))[1] AS lost,
           (array_agg(destination_record_id ORDER BY decided_at DESC)
            FILTER (WHERE kind IN ('link_taken', 'link_gone')))[1] AS lost_to,
           array_agg(destination_record_id) FILTER (WHERE kind = 'refuse') AS dismissed,
           coalesce(bool_or(kind = 'exclude'), false) AS excluded
    FROM decisions d WHERE d.company_id = w.company_id AND d.source_record_id = w.record_id
) d ON true
WHERE a.record_id IS NOT NULL OR l.source_record_id IS NOT NULL OR d.created IS NOT NULL OR d.refused IS NOT NULL
   OR d.lost IS NOT NULL OR d.dismissed IS NOT NULL OR d.excluded
"""
_HEAD = 10
_RESULT = len(MatchResult._fields)


async def load_match_states(
    tx: Tx, sources: Sequence[Facts], destinations: Sequence[UUID]
) -> dict[UUID, MatchState]:
    """What is kept about these source records, by id; one with nothing is left out. `destinations`: the companies' accounts."""
    if not sources:
        return {}
    rows = await tx.fetch(
        _MATCH_STATES, [s.company_id for s in sources], [s.record_id for s in sources], destinations
    )
    return {row[0]: _match_state(row) for row in rows}


def _match_state(row: Record) -> MatchState:
    _, destination, remote_id, origin, created, refused, lost, lost_to, dismissed, excluded = row[:_HEAD]
    there = facts_at(row, _HEAD + _RESULT) if row[_HEAD + _RESULT] is not None else None
    return MatchState(
        MatchResult(*row[_HEAD : _HEAD + _RESULT]) if row[_HEAD] is not None else None,
        Link(destination, remote_id, origin, there) if destination is not None else None,
        created,
        frozenset(refused or ()),
        lost or "",
        lost_to,
        frozenset(dismissed or ()),
        excluded,
    )
