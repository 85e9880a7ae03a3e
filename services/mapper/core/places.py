"""What two addresses say about two records being one person."""

# ruff: noqa: PLR2004  (bits and bounds; docs/matching.md has the table)

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2

from rapidfuzz.distance import OSA, JaroWinkler

from services.mapper.core.cache import Cache
from services.mapper.core.profile import Profile
from services.mapper.core.vetoes import Part

_WAY_WORDS = frozenset(
    {"st", "ave", "rd", "dr", "ln", "ct", "pl", "cir", "cres", "cct", "cl", "n", "s", "e", "w"}
)
_MOST_ADDRESS = 24.0
_HOUSE = 5.0
_EQUAL_HOUSE, _OTHER_HOUSE = Part("house_number", "equal", _HOUSE), Part("house_number", "differs", -2.0)
_LIKE_POSTAL, _OTHER_POSTAL = Part("postal_code", "slip", 1.5), Part("postal_code", "differs", -1.0)
_OTHER_STREET = Part("street", "differs", -1.5)
_OTHER_STATE = Part("state", "differs", -0.7)
_MOST_ALIKE = 7.0
_MOST = {"city": 9.0, "postal": 9.0, "street": 10.0, "line2": 9.0}


class Places:
    """Compares addresses. `share` gives the share of other records with a value of a field."""

    def __init__(self, share: Callable[[str, str], float]) -> None:
        self._share = share
        self._known: Cache[tuple[str, str], float] = Cache()
        self._cities: Cache[tuple[str, str, bool], Part] = Cache()

    def equal(self, a: Sequence[str], b: Sequence[str]) -> float:
        """At least what equal parts of two addresses add; an address is the last fields of a `Profile`."""
        _, street, line2, city, _, postal = a
        _, street2, line2_2, city2, _, postal2 = b
        bits = 0.0
        if postal and postal == postal2:
            bits += self._bits("postal", postal)
        if city and city == city2:
            bits += self._bits("city", city)
        if street and street == street2:
            bits += self._bits("street", street)
        if line2 and line2 == line2_2:
            bits += self._bits("line2", line2)
        return bits

    def most(self, a: Sequence[str], b: Sequence[str]) -> float:
        """What two addresses add at most."""
        house, street, line2, city, state, postal = a
        house2, street2, line2_2, city2, state2, postal2 = b
        bits = 0.0
        if postal and postal2:
            bits += self._bits("postal", postal) if postal == postal2 else 1.5
        if city and city2:
            pair = city, city2, bool(postal) and postal == postal2
            bits += (self._cities.get(pair) or self._city(*pair)).bits
        if street and street2:
            bits += self._bits("street", street) - _HOUSE if street == street2 else _MOST_ALIKE
        if line2 and line2_2:
            bits += self._bits("line2", line2) if line2 == line2_2 else 4.0
        if house and house2:
            bits += _HOUSE if house == house2 else -2.0
        if state and state2 and state != state2:
            bits -= 0.7
        if (street and street == line2_2) or (street2 and street2 == line2):
            bits += _MOST["street"] + _MOST["line2"]
        return bits

    def highest(self, p: Profile) -> float:
        """What any address adds at most with this one."""
        bits = max(1.5, self._bits("postal", p.postal)) if p.postal else 0.0
        bits += max(2.0, self._bits("city", p.city)) if p.city else 0.0
        if p.street:
            bits += max(_MOST["line2"], self._bits("street", p.street) - _HOUSE)
        bits += _MOST["street"] * bool(p.line2) + _HOUSE * bool(p.house)
        return min(_MOST_ADDRESS, bits)

    def less(self, a: Sequence[str], b: Sequence[str]) -> float:
        """By how much `most` is more than their streets can add."""
        street, street2 = a[1], b[1]
        if not street or not street2 or street == street2 or street == b[2] or street2 == a[2]:
            return 0.0
        return _MOST_ALIKE - self._street(street, street2).bits

    def _bits(self, field: str, value: str) -> float:
        """The most that an equal value adds; a street with what an equal house number would."""
        known = self._known.get((field, value))
        if known is None:
            bits = min(_MOST[field], log2(0.85 / self._share(field, value)))
            known = self._known.keep((field, value), bits + (_HOUSE if field == "street" else 0.0))
        return known

    def parts(self, a: Profile, b: Profile) -> list[Part]:
        """What the two addresses say, part by part, and no more together than an address can."""
        parts: list[Part] = []
        if a.postal and b.postal:
            parts.append(self._postal(a.postal, b.postal))
        if a.city and b.city:
            city = a.city, b.city, bool(a.postal) and a.postal == b.postal
            parts.append(self._cities.get(city) or self._city(*city))
        if (a.street or a.line2) and (b.street or b.line2):
            parts += self._lines(a, b)
        if a.house and b.house:
            parts.append(_EQUAL_HOUSE if a.house == b.house else _OTHER_HOUSE)
        if a.state and b.state and a.state != b.state:
            parts.append(_OTHER_STATE)
        over = sum([p.bits for p in parts]) - _MOST_ADDRESS
        if over > 0:
            parts.append(Part("address", "limit", -over))
        return parts

    def _postal(self, x: str, y: str) -> Part:
        if x == y:
            return Part("postal_code", "equal", min(9.0, log2(0.85 / self._share("postal", x))))
        return _LIKE_POSTAL if OSA.distance(x, y, score_cutoff=1) <= 1 else _OTHER_POSTAL

    def _city(self, x: str, y: str, same_postal: bool) -> Part:  # noqa: FBT001  (a part of the key)
        if x == y:
            bits = min(9.0, log2(0.85 / self._share("city", x)))
            part = Part("city", "equal", bits / 2 if same_postal else bits)
        else:
            part = Part("city", "slip", 2.0) if _slipped(x, y) else Part("city", "differs", -1.0)
        return self._cities.keep((x, y, same_postal), part)

    def _lines(self, a: Profile, b: Profile) -> list[Part]:
        """Street and second line; also where one record has them the other way round."""
        straight = self._two_lines(a.street, b.street, a.line2, b.line2)
        if not ((a.street and a.street == b.line2) or (b.street and b.street == a.line2)):
            return straight
        crossed = self._two_lines(a.street, b.line2, a.line2, b.street)
        return max(straight, crossed, key=lambda parts: sum(p.bits for p in parts))

    def _two_lines(self, street: str, other_street: str, line: str, other_line: str) -> list[Part]:
        parts = []
        if street and other_street:
            parts.append(self._street(street, other_street))
        if line and other_line:
            if line == other_line:
                parts.append(Part("address_line2", "equal", min(9.0, log2(0.7 / self._share("line2", line)))))
            else:
                like = JaroWinkler.similarity(line, other_line) >= 0.88
                parts.append(Part("address_line2", "alike" if like else "differs", 4.0 if like else -0.7))
        return parts

    def _street(self, x: str, y: str) -> Part:
        if x == y:
            return Part("street", "equal", min(10.0, log2(0.8 / self._share("street", x))))
        if _slipped(x, y) or set(x.split()) & set(y.split()) - _WAY_WORDS:
            u = max(self._share("street", x), self._share("street", y))
            return Part("street", "alike", min(_MOST_ALIKE, log2(0.12 / (3 * u + 0.001))))
        return _OTHER_STREET


def _slipped(x: str, y: str) -> bool:
    """A place's name with a typing slip."""
    return (
        JaroWinkler.similarity(x, y) >= 0.9
        or OSA.distance(x.replace(" ", ""), y.replace(" ", ""), score_cutoff=1) <= 1
    )
