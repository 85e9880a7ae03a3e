"""How likely two records are one person, in bits (log2 of a likelihood ratio), and what holds an automatic link back.

The weights are Fellegi-Sunter weights that were set beforehand and are the same for every company; what a company adds is how
common each value is in its own directories. Nothing is learnt from people's decisions. docs/matching.md has the table.
"""

# ruff: noqa: PLR2004  (bits and bounds; docs/matching.md has the table)

from __future__ import annotations

from math import log2
from typing import NamedTuple

from rapidfuzz.distance import OSA

from services.mapper.core.bounds import CASE_BITS, Bounds
from services.mapper.core.cache import Cache
from services.mapper.core.counts import Counts
from services.mapper.core.dates import date_parts
from services.mapper.core.levels import (
    FIRST_BITS,
    FIRST_FIXED,
    GOOD_NAME,
    LAST_BITS,
    LAST_FIXED,
    MIDDLE_MAY_REPLACE,
    email_slipped,
    first_level,
    last_level,
    phone_slipped,
)
from services.mapper.core.names import initial, is_listed
from services.mapper.core.places import Places
from services.mapper.core.profile import Profile
from services.mapper.core.vetoes import Part, vetoes_of

PRIOR = 0.6
"""The share of source records that are expected to have a counterpart at the destination."""
LINK_BITS = 6.0
MARGIN_BITS = 6.0
"""By how much a pair that links is ahead of every other pair of its two records."""
_ESTABLISHED = 4


class Score(NamedTuple):
    """A compared pair. The parts and the start value add up to `bits`."""

    bits: float
    start: float
    parts: tuple[Part, ...]
    vetoes: tuple[str, ...] = ()
    extra: float = 0.0
    """Bits that are needed beyond the usual bound of a link."""

    def level(self, field: str) -> str:
        """The level of one field; `missing` when it says nothing."""
        for part in self.parts:
            if part.field == field:
                return part.level
        return "missing"


def start_bits(counts: Counts) -> float:
    """Where every sum starts: any destination record could be the one."""
    return -log2(counts.size() / PRIOR)


_FIRSTS = {level: Part("first_name", level, bits) for level, bits in FIRST_FIXED.items()}
_LASTS = {level: Part("last_name", level, bits) for level, bits in LAST_FIXED.items()}
_INACTIVE = Part("active", "inactive", -0.5)
_OTHER_GENDER = Part("gender", "differs", -4.0)
_OTHER_NUMBER = Part("number", "differs", -4.0)
_OTHER_EMAIL, _LIKE_EMAIL = Part("email", "differs", -0.7), Part("email", "slip", 4.0)
_OTHER_PHONE = Part("phone", "differs", -1.0)


class Names(NamedTuple):
    """How the names of two records agree."""

    first: Part
    last: Part


class Scorer:
    """Scores pairs with one company's counts. Not safe for use by several threads; cheap to make."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.start = start_bits(counts)
        self._firsts: Cache[tuple[str, str], Part] = Cache()
        self._lasts: Cache[tuple[str, str], Part] = Cache()
        self._shares: Cache[tuple[str, str], float] = Cache()
        self._places = Places(self._share)
        self.bounds = Bounds(self.start, self._share, self._places)

    def candidate(self, a: Profile, b: Profile) -> Score | None:
        """The score of a pair that a person should see, or None. Most pairs are ruled out by a bound of their sum."""
        names = self._names_of(a, b)
        bits, certain = self.bounds.rough(a, b)
        known = names.first.bits + names.last.bits
        if not certain and (
            bits + known < CASE_BITS or not self.bounds.possible(a, b, names.first.level, self.start + known)
        ):
            return None
        parts, bits = self._parts(a, b, names)
        return self._scored(a, b, parts, bits) if certain or bits >= CASE_BITS else None

    def score(self, a: Profile, b: Profile) -> Score:
        """Compare a source record `a` with a destination record `b`."""
        return self._scored(a, b, *self._parts(a, b, self._names_of(a, b)))

    def _parts(self, a: Profile, b: Profile, names: Names) -> tuple[list[Part], float]:
        """What each field says, and the sum with the start value."""
        parts = [names.first, names.last]
        self._identity(a, b, names, parts)
        self._contact(a, b, parts)
        parts += date_parts(a, b, self.counts, self._share)
        parts += self._places.parts(a, b)
        if a.active and not b.active:
            parts.append(_INACTIVE)
        bits = self.start
        for part in parts:
            bits += part.bits
        return parts, bits

    def _scored(self, a: Profile, b: Profile, parts: list[Part], bits: float) -> Score:
        vetoes, extra = vetoes_of(a, b, parts, self.counts) if bits >= LINK_BITS else ((), 0.0)
        return Score(bits, self.start, tuple(parts), vetoes, extra)

    def _names_of(self, a: Profile, b: Profile) -> Names:
        x, y, p, q = a.first, b.first, a.last, b.last
        first = self._firsts.get((x, y)) or self._first(x, y)
        last = self._lasts.get((p, q)) or self._last(p, q)
        straight = Names(first, last)
        if first.bits > 0 and last.bits > 0:
            return straight
        if first.level in MIDDLE_MAY_REPLACE and _middle_in_use(a, b):
            u = max(self._share("first", x), self._share("first", y))
            return Names(Part("first_name", "middle_in_use", FIRST_BITS["middle_in_use"](u)), last)
        if first.level == "missing" or last.level == "missing":
            one_sided = (not x or not p or not y or not q) and (x or p) and (y or q)
            return self._one_name(a, b, straight) if one_sided else straight
        if initial(x) == initial(q) or initial(p) == initial(y):
            return self._crosswise(a, b, straight)
        return straight

    def _crosswise(self, a: Profile, b: Profile, straight: Names) -> Names:
        """First and last name in each other's place, or one name that moved to the other place."""
        one, two = self._last(a.first, b.last), self._last(a.last, b.first)
        if (
            one.level in GOOD_NAME
            and two.level in GOOD_NAME
            and one.bits + two.bits - 4 > straight.first.bits + straight.last.bits
        ):
            return Names(
                Part("first_name", "swapped", one.bits - 2), Part("last_name", "swapped", two.bits - 2)
            )
        moved = max((p for p in (one, two) if p.level == "equal"), key=lambda p: p.bits, default=None)
        if moved is not None and straight.first.bits < 0 and straight.last.bits < 0:
            value = a.first if moved is one else a.last
            u = max(self._share("first", value), self._share("last", value))
            return Names(
                Part("first_name", "moved", 0.0), Part("last_name", "moved", log2(0.03 / (2 * u + 0.0005)))
            )
        return straight

    def _one_name(self, a: Profile, b: Profile, straight: Names) -> Names:
        pairs = [(a.first, b.first), (a.last, b.last), (a.first, b.last), (a.last, b.first)]
        best = max((self._last(x, y) for x, y in pairs if x and y), key=lambda p: p.bits)
        if best.bits <= straight.first.bits + straight.last.bits:
            return straight
        return Names(Part("first_name", "missing", 0.0), Part("last_name", best.level, best.bits - 0.5))

    def _last(self, a: str, b: str) -> Part:
        known = self._lasts.get((a, b))
        if known is None:
            level, word = last_level(a, b)
            known = _LASTS.get(level)
            if known is None:
                u = self._share("word", word) if word else max(self._share("last", a), self._share("last", b))
                known = Part("last_name", level, LAST_BITS[level](u))
            self._lasts.keep((a, b), known)
        return known

    def _first(self, a: str, b: str) -> Part:
        level = first_level(a, b)
        if level in ("slip", "alike") and self._established(a) and self._established(b):
            level = "two_names"
        known = _FIRSTS.get(level)
        if known is None:
            u = max(self._share("first", a), self._share("first", b))
            known = Part("first_name", level, FIRST_BITS[level](u))
        return self._firsts.keep((a, b), known)

    def _share(self, field: str, value: str) -> float:
        known = self._shares.get((field, value))
        if known is None:
            known = self._shares.keep((field, value), self.counts.share(field, value))
        return known

    def _established(self, name: str) -> bool:
        return is_listed(name) or self.counts.values.get(("first", name), 0) >= _ESTABLISHED

    def _identity(self, a: Profile, b: Profile, names: Names, parts: list[Part]) -> None:
        if a.middle and b.middle and names.first.level in GOOD_NAME:
            equal = a.middle[0] == b.middle[0]
            parts.append(Part("middle_name", "equal" if equal else "differs", 2.0 if equal else -2.5))
        if a.generation or b.generation:
            if a.generation == b.generation:
                parts.append(Part("suffix", "equal", 2.0))
            else:
                one_sided = not a.generation or not b.generation
                parts.append(
                    Part("suffix", "one_sided" if one_sided else "differs", -1.0 if one_sided else -8.0)
                )
        if a.gender and b.gender and a.gender != b.gender:
            parts.append(_OTHER_GENDER)
        if a.number and b.number:
            parts.append(self._number(a, b))

    def _number(self, a: Profile, b: Profile) -> Part:
        if a.number_digits == b.number_digits:
            bits = min(12.0, self._unique("number", a.number_digits, 0.85))
            if a.number_text != b.number_text and self.counts.values.get(("number", a.number_digits), 0) > 2:
                return Part("number", "zeros", bits - MARGIN_BITS)
            return (
                Part("number", "equal", bits) if a.number == b.number else Part("number", "digits", bits - 2)
            )
        x, y = a.number_digits.replace("-", ""), b.number_digits.replace("-", "")
        if min(len(x), len(y)) >= 6:
            edits = OSA.distance(x, y, score_cutoff=2)
            if edits <= 2:
                return Part("number", "slip", 4.0) if edits <= 1 else Part("number", "near", 0.0)
        return _OTHER_NUMBER

    def _unique(self, field: str, value: str, m: float) -> float:
        return log2(m * self.counts.size() / self.counts.holders(field, value))

    def _contact(self, a: Profile, b: Profile, parts: list[Part]) -> None:
        if a.email and b.email:
            if a.email == b.email:
                parts.append(Part("email", "equal", min(12.0, self._unique("email", a.email, 0.8))))
            else:
                parts.append(_LIKE_EMAIL if email_slipped(a.email, b.email) else _OTHER_EMAIL)
        if a.phones and b.phones:
            parts.append(self._phones(a.phones, b.phones))

    def _phones(self, mine: tuple[str, ...], theirs: tuple[str, ...]) -> Part:
        equal = [x for x in mine for y in theirs if x == y or (x[-7:] == y[-7:] and min(len(x), len(y)) < 10)]
        if equal:
            return Part("phone", "equal", max(min(11.0, self._unique("phone", x, 0.7)) for x in equal))
        if phone_slipped(mine, theirs):
            return Part("phone", "slip", 4.0)
        return _OTHER_PHONE


def _middle_in_use(a: Profile, b: Profile) -> bool:
    """Whether one record's given name is the other's middle name, written out."""
    return (len(a.middle) > 1 and a.middle == b.first) or (len(b.middle) > 1 and b.middle == a.first)
