"""How high the sum of a pair can be, for a fraction of what its score costs: most pairs that share a key are ruled out here."""

# ruff: noqa: PLR2004  (bits and bounds; docs/matching.md has the table)

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import log2

from services.mapper.core.cache import Cache
from services.mapper.core.levels import GOOD_NAME, email_slipped, phone_slipped, share_a_phone
from services.mapper.core.places import Places
from services.mapper.core.profile import Profile

_SLACK = 5.0
"""What fields that are only similar may add to the rough bound."""
_SHORT = 6
"""Digits of a number in which a slip is no slip, but another number."""
_SIMILAR = 4.0
"""The most that two numbers, e-mail addresses, telephones or second lines add that are only similar."""
_SLIPPED_DATE = 5.0
_MOVED = 6.0
CASE_BITS = -7.0
"""The least sum that rules nobody out."""
_NEARLY = CASE_BITS - 1e-6
"""The same parts add up to another last digit in another order."""


class Bounds:
    """Bounds of sums. `share` gives the share of other records with a value of a field."""

    def __init__(self, start: float, share: Callable[[str, str], float], places: Places) -> None:
        self._start = start
        self._share = share
        self._places = places
        self._hired: Cache[date, float] = Cache()

    def rough(self, a: Profile, b: Profile) -> tuple[float, bool]:
        """At least what everything but the names adds to the start, and whether the number or e-mail address is equal."""
        _, _, _, _, _, _, _, gender, _, x, _, email, phones, born, hired, *home = a
        _, _, _, _, _, _, _, gender2, _, y, _, email2, phones2, born2, hired2, *home2 = b
        bits, certain = self._start + _SLACK, False
        if x and y:
            if x == y:
                bits, certain = bits + 12.0, True
            elif len(x) < _SHORT or len(y) < _SHORT:
                bits -= 4.0
        if email and email == email2:
            bits, certain = bits + 12.0, True
        if phones and phones2 and share_a_phone(phones, phones2):
            bits += 11.0
        if born and born2:
            bits += _born_bound(born, born2)
        if hired and hired == hired2:
            bits += 7.0
        if gender and gender2 and gender != gender2:
            bits -= 4.0
        return bits + self._places.equal(home, home2), certain

    def possible(self, a: Profile, b: Profile, first: str, bits: float) -> bool:  # noqa: C901, PLR0912  (a table of fields)
        """Whether a pair whose start and names have these bits can become a case; `first` is the level of the first names.

        What differs counts here. Only what may yet be similar is taken to be, and looked at while that matters.
        """
        _, active, _, middle, _, generation, _, gender, number, x, _, email, phones, born, hired, *home = a
        (
            _, active2, _, middle2, _, generation2, _, gender2, number2, y, _, email2, phones2, born2, hired2, *home2,
        ) = b  # fmt: skip
        shared = False
        if active and not active2:
            bits -= 0.5
        if middle and middle2 and first in GOOD_NAME:
            bits += 2.0 if middle[0] == middle2[0] else -2.5
        if generation != generation2:
            bits -= 8.0 if generation and generation2 else 1.0
        elif generation:
            bits += 2.0
        if gender and gender2 and gender != gender2:
            bits -= 4.0
        if number and number2:
            bits += 12.0 if x == y else _SIMILAR if len(x) >= _SHORT and len(y) >= _SHORT else -4.0
        if email and email2:
            bits += _SIMILAR
        if phones and phones2:
            shared = share_a_phone(phones, phones2)
            bits += 11.0 if shared else _SIMILAR
        if born and born2:
            bound = _born_bound(born, born2)
            bits += bound or _SLIPPED_DATE
        if hired and hired2:
            bits += self._hire_bits(hired, hired2)
        bits += self._places.most(home, home2)
        if bits >= _NEARLY:
            bits -= self._places.less(home, home2)
        if bits >= _NEARLY and email and email2 and not email_slipped(email, email2):
            bits -= _SIMILAR + 0.7
        if bits >= _NEARLY and phones and phones2 and not shared and not phone_slipped(phones, phones2):
            bits -= _SIMILAR + 1.0
        return bits >= _NEARLY

    def without_identity(self, p: Profile) -> float:
        """The most that a record adds up to with `p` that has none of its identity keys (`profile.identity_keys_of`)."""
        bits = self._start + self._names(p.first, p.last)
        bits += 2.0 * bool(p.middle) + 2.0 * bool(p.generation)
        bits += _SIMILAR * (bool(p.number) + bool(p.email) + bool(p.phones)) + _SLIPPED_DATE * bool(p.born)
        if p.hired:
            bits += max(2.0, self._hire_bits(p.hired, p.hired))
        return bits + self._places.highest(p)

    def _names(self, first: str, last: str) -> float:
        """The most that any names add with these: equal ones, each in the other's place, or one that moved."""
        one = log2(0.8 / self._share("first", first)) if first else 0.0
        two = log2(0.85 / self._share("last", last)) if last else 0.0
        crossed = log2(0.85 / self._share("last", first)) if first else 0.0
        return max(max(one, 1.5) + two, crossed + two - 4.0, crossed, _MOVED)

    def _hire_bits(self, x: date, y: date) -> float:
        if x != y:
            return 2.0 if abs((x - y).days) <= 31 else -1.0
        known = self._hired.get(x)
        if known is None:
            known = self._hired.keep(x, min(7.0, log2(0.6 / self._share("hired", x.isoformat()))))
        return known


def _born_bound(x: date, y: date) -> float:
    if x == y:
        return 13.0
    return 0.0 if x.year == y.year or x.month == y.month or x.day == y.day else -7.0
