"""Which pairs link, which are cases, and who is new: a function of the scored pairs alone, whatever their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import log2
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from services.mapper.core.score import LINK_BITS, MARGIN_BITS, Score

NEAREST = 12
"""Records of the other side that a record is compared with: those that share the most and the rarest keys. No case has more."""
MOST_SHARING = 60
"""A key that more records of the other side have says too little."""
_ALWAYS = 4
_SHARE = 3


class Pair(NamedTuple):
    """A source and a destination record that share a key, compared."""

    source: UUID
    destination: UUID
    score: Score
    linkable: bool = True
    """False where a person refused the pair, or where only a person may decide."""


Near = TypeVar("Near", bound=tuple[Any, ...])
_WEIGHT = itemgetter(0)


def nearest(found: Iterable[Near]) -> list[Near]:
    """Whom to compare, of (weight of the shared keys, record, ...): a few always, more where nobody stands out."""
    ranked = sorted(found, key=_WEIGHT, reverse=True)
    count = _ALWAYS
    while count < min(NEAREST, len(ranked)) and ranked[count][0] * _SHARE >= ranked[0][0]:
        count += 1
    end = count
    while end < len(ranked) and ranked[end][0] == ranked[count - 1][0]:
        end += 1
    return sorted(ranked[:end], key=_by_weight)[:count]


def _by_weight(each: tuple[Any, ...]) -> tuple[int, Any]:
    return -each[0], each[1]


_WEIGHTS = (0, *(round(112 - 16 * log2(n)) for n in range(1, MOST_SHARING + 1)))


def key_weight(sharing: int) -> int:
    """What a key says that so many records of the other side have, in sixteenths of a bit; 0 beyond 60."""
    return _WEIGHTS[sharing] if sharing <= MOST_SHARING else 0


def can_link(pair: Pair) -> bool:
    """Whether the pair could link by itself, whoever its rivals are."""
    return pair.linkable and not pair.score.vetoes and pair.score.bits >= LINK_BITS + pair.score.extra


def choose(pairs: Iterable[Pair]) -> dict[UUID, UUID]:
    """The links: best for both sides by a margin. Linked pairs are taken away, and what remains is looked at again.

    Taking a pair away only ever removes rivals, so the result does not depend on any order.
    """
    by_source: dict[UUID, dict[UUID, Pair]] = defaultdict(dict)
    by_destination: dict[UUID, dict[UUID, Pair]] = defaultdict(dict)
    for pair in pairs:
        by_source[pair.source][pair.destination] = pair
        by_destination[pair.destination][pair.source] = pair
    links: dict[UUID, UUID] = {}
    waiting = list(by_source)
    while waiting:
        found = [
            p for s in waiting if (p := _winner(by_source[s])) and _is_best(p, by_destination[p.destination])
        ]
        touched: set[UUID] = set()
        for pair in found:
            links[pair.source] = pair.destination
        for pair in found:
            for destination in by_source.pop(pair.source, {}):
                by_destination[destination].pop(pair.source, None)
                touched.update(by_destination[destination])
            for source in by_destination.pop(pair.destination, {}):
                if source in by_source:
                    by_source[source].pop(pair.destination, None)
                    touched.add(source)
        waiting = [s for s in touched if s in by_source]
    return links


def _winner(mine: dict[UUID, Pair]) -> Pair | None:
    if not mine:
        return None
    best = max(mine.values(), key=lambda p: p.score.bits)
    if not can_link(best) or not _leads(best, mine.values()):
        return None
    return None if _is_inactive(best) and not all(map(_is_inactive, mine.values())) else best


def _is_inactive(pair: Pair) -> bool:
    """Whether only the destination record is inactive: while an active one is plausible, it may be a rehire."""
    return pair.score.level("active") == "inactive"


def _is_best(pair: Pair, theirs: dict[UUID, Pair]) -> bool:
    return _leads(pair, theirs.values())


def _leads(pair: Pair, others: Iterable[Pair]) -> bool:
    return all(p is pair or pair.score.bits - p.score.bits >= MARGIN_BITS for p in others)
