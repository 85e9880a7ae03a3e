"""Finding by keys: who may be whom, and who else claims them. Each is one statement for a whole batch.

A key that more than 60 records of the other side have says too little and is skipped; a record's other keys remain. Of the
records that are found, the ones that share the most and the rarest keys are taken (`core.nearest`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from struct import Struct
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from asyncpg.pgproto import pgproto

from services.mapper import core
from services.mapper.core import Facts
from services.mapper.store.records import account_number
from shared.db.tx import Tx

_HOLDERS = """
SELECT h.key, CASE WHEN octet_length(h.records) <= 20 + 60 * 20 THEN h.records END FROM (
    SELECT k.key, array_send(ARRAY(SELECT r.record_id FROM record_keys r WHERE r.key = k.key LIMIT 61)) AS records
    FROM unnest($1::text::bigint[]) AS k (key) OFFSET 0
) h WHERE octet_length(h.records) > 20
"""
"""The holders of each of these keys, which name an account (`account_number`), as PostgreSQL sends arrays: twenty bytes, then
as many for each record, the last sixteen its id; nothing where they are too many.
Of some fifty records that share a key with one, few get an id made of it.
"""


_NONE: Mapping[UUID, Sequence[int]] = MappingProxyType({})


class Near(NamedTuple):
    """A record, its company, and the records of the other side that are near to it."""

    record: UUID
    company: UUID
    others: Sequence[UUID]


async def candidates(tx: Tx, sources: Sequence[Facts], destinations: Mapping[UUID, UUID]) -> list[Near]:
    """The destination records to compare with each of these. `destinations` is company → account."""
    return await _nearest(tx, sources, destinations)


_FREE = """
SELECT s.record_id FROM unnest($1::uuid[], $2::uuid[]) AS s (company_id, record_id)
WHERE NOT EXISTS (SELECT FROM links l WHERE l.company_id = s.company_id AND l.source_record_id = s.record_id
                  AND l.destination_account_id = ANY ($3::uuid[]))
  AND NOT EXISTS (SELECT FROM decisions d WHERE d.company_id = s.company_id AND d.source_record_id = s.record_id
                  AND d.kind IN ('create', 'exclude'))
"""


_LINKED = """
SELECT l.source_record_id FROM unnest($1::uuid[], $2::uuid[]) AS s (company_id, record_id)
JOIN links l ON l.company_id = s.company_id AND l.source_record_id = s.record_id
WHERE l.destination_account_id = ANY ($3::uuid[])
  AND NOT EXISTS (SELECT FROM decisions d WHERE d.company_id = s.company_id AND d.source_record_id = s.record_id
                  AND d.kind = 'exclude')
"""


async def rivals(
    tx: Tx,
    destinations: Sequence[Facts],
    sources: Mapping[UUID, UUID],
    identity: Mapping[UUID, Sequence[int]] = _NONE,
) -> list[tuple[UUID, UUID, UUID]]:
    """The unlinked source records that are nearest to these: destination record, company, source record.

    One that a person excluded, or wants a new record for, claims nobody. `sources` is company → account.
    `identity`: by destination record the keys of which its rivals have one.
    """
    pairs = _pairs(await _nearest(tx, destinations, sources, identity))
    if not pairs:
        return []
    near = {source: company for _, company, source in pairs}
    accounts = list({f.account_id for f in destinations})
    rows = await tx.fetch(_FREE, list(near.values()), list(near), accounts)
    free = {row["record_id"] for row in rows}
    claims = [pair for pair in pairs if pair[2] in free]
    refused = await _refused(tx, claims)
    return [pair for pair in claims if pair not in refused]


_REFUSED = """
SELECT t.destination_id, t.company_id, t.source_id
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS t (destination_id, company_id, source_id)
JOIN decisions d ON d.source_record_id = t.source_id AND d.company_id = t.company_id AND d.kind = 'refuse'
 AND d.destination_record_id = t.destination_id
"""


async def _refused(tx: Tx, pairs: Sequence[tuple[UUID, UUID, UUID]]) -> set[tuple[UUID, UUID, UUID]]:
    """Those of these pairs that a person said are not the same: they claim nobody."""
    if not pairs:
        return set()
    return {(r[0], r[1], r[2]) for r in await tx.fetch(_REFUSED, *map(list, zip(*pairs, strict=True)))}


async def linked_near(
    tx: Tx, destinations: Sequence[Facts], sources: Mapping[UUID, UUID]
) -> list[tuple[UUID, UUID, UUID]]:
    """The linked source records that are nearest to these and nobody excluded: destination record, company, source record."""
    pairs = _pairs(await _nearest(tx, destinations, sources))
    if not pairs:
        return []
    near = {source: company for _, company, source in pairs}
    accounts = list({f.account_id for f in destinations})
    rows = await tx.fetch(_LINKED, list(near.values()), list(near), accounts)
    linked = {row["source_record_id"] for row in rows}
    return [pair for pair in pairs if pair[2] in linked]


def _pairs(near: Iterable[Near]) -> list[tuple[UUID, UUID, UUID]]:
    return [(record, company, other) for record, company, others in near for other in others]


async def _nearest(
    tx: Tx,
    records: Sequence[Facts],
    others: Mapping[UUID, UUID],
    identity: Mapping[UUID, Sequence[int]] = _NONE,
) -> list[Near]:
    """By record: its company, and each record of the company's account in `others` that is near.

    For a record in `identity` these keys decide: all that have one of them are near, unless they are more than are compared,
    or a key has more holders than are looked at.
    """
    near, again = [], []
    for f, weights, all_known in await _weighed(tx, records, others, identity):
        if f.record_id not in identity:
            found = core.nearest(weights)
        elif all_known and len(weights) <= core.NEAREST:
            found = weights
        else:
            again.append(f)
            continue
        near.append(Near(f.record_id, f.company_id, [pgproto.UUID(other) for _, other in found]))
    return near + await _nearest(tx, again, others) if again else near


async def sharing(tx: Tx, source: Facts, destination: UUID) -> list[UUID]:
    """Every record of the destination account that shares a key with this one, near or not."""
    weighed = await _weighed(tx, [source], {source.company_id: destination})
    return [pgproto.UUID(other) for _, weights, _ in weighed for _, other in weights]


async def _weighed(
    tx: Tx,
    records: Sequence[Facts],
    others: Mapping[UUID, UUID],
    identity: Mapping[UUID, Sequence[int]] = _NONE,
) -> list[tuple[Facts, list[tuple[int, bytes]], bool]]:
    """By record: each record of the company's account in `others` that shares keys, behind what they weigh.

    Also whether none of its keys was skipped. For a record in `identity` it is about these keys.
    """
    asking = []
    for f in records:
        number = account_number(others[f.company_id])
        asking.append((f, [key ^ number for key in identity.get(f.record_id, f.keys)]))
    wanted = sorted({key for _, keys in asking for key in keys})
    if not wanted:
        return []
    rows = await tx.fetch(_HOLDERS, f"{{{','.join(map(str, wanted))}}}")
    holders = {key: _read(found) for key, found in rows}
    shared = ((f, [holders[key] for key in keys if key in holders]) for f, keys in asking)
    return [(f, _weights(each), _SKIPPED not in each) for f, each in shared]


_SKIPPED: tuple[int, tuple[bytes, ...]] = (0, ())
_ARRAYS = [(core.key_weight(n), Struct("20x" + "4x16s" * n).unpack) for n in range(1, core.MOST_SHARING + 1)]


def _read(holders: bytes | None) -> tuple[int, tuple[bytes, ...]]:
    """What the key weighs that these records have, and their ids."""
    if holders is None:
        return _SKIPPED
    weight, unpack = _ARRAYS[len(holders) // 20 - 2]
    return weight, unpack(holders)


def _weights(shared: Iterable[tuple[int, tuple[bytes, ...]]]) -> list[tuple[int, bytes]]:
    weights: dict[bytes, int] = defaultdict(int)
    for weight, records in shared:
        for record in records:
            weights[record] += weight
    return [(weight, record) for record, weight in weights.items()]
