"""What two addresses say about two records being one person."""

# ruff: noqa: PLR2004  (bits and bounds; docs/matching.md has the table)

from __future__ import annotations

from collections.abc import Callable
from math import log2

from rapidfuzz.distance import OSA, JaroWinkler

from services.mapper.core.profile import Profile
from services.mapper.core.vetoes import Part

_WAY_WORDS = frozenset(
    {"st", "ave", "rd", "dr", "ln", "ct", "pl", "cir", "cres", "cct", "cl", "n", "s", "e", "w"}
)
_MOST_ADDRESS = 24.0
_MOST = {"city": 9.0, "postal": 9.0, "street": 10.0, "line2": 9.0}


class Places:
    """Compares addresses. `share` gives the share of other records with a value of a field."""

    def __init__(self, share: Callable[[str, str], float]) -> None:
        self._share = share
        self._known: dict[tuple[str, str], float] = {}

    def bound(self, a: Profile, b: Profile) -> float:
        """At least what equal parts of the two addresses add."""
        bits = 0.0
        if a.postal and a.postal == b.postal:
            bits += self._bits("postal", a.postal)
        if a.city and a.city == b.city:
            bits += self._bits("city", a.city)
        if a.street and a.street == b.street:
            bits += self._bits("street", a.street)
        if a.line2 and a.line2 == b.line2:
            bits += self._bits("line2", a.line2)
        return bits

    def _bits(self, field: str, value: str) -> float:
        known = self._known.get((field, value))
        if known is None:
            bits = min(_MOST[field], log2(0.85 / self._share(field, value)))
            known = self._known[field, value] = bits + (5.0 if field == "street" else 0.0)
        return known

    def parts(self, a: Profile, b: Profile) -> list[Part]:
        """What the two addresses say, part by part, and no more together than an address can."""
        parts: list[Part] = []
        if a.postal and b.postal:
            if a.postal == b.postal:
                bits = min(9.0, log2(0.85 / self._share("postal", a.postal)))
                parts.append(Part("postal_code", "equal", bits))
            else:
                slip = OSA.distance(a.postal, b.postal, score_cutoff=1) <= 1
                parts.append(Part("postal_code", "slip" if slip else "differs", 1.5 if slip else -1.0))
        if a.city and b.city:
            parts.append(self._city(a, b))
        if (a.street or a.line2) and (b.street or b.line2):
            parts += self._lines(a, b)
        if a.house and b.house:
            equal = a.house == b.house
            parts.append(Part("house_number", "equal" if equal else "differs", 5.0 if equal else -2.0))
        if a.state and b.state and a.state != b.state:
            parts.append(Part("state", "differs", -0.7))
        over = sum(p.bits for p in parts) - _MOST_ADDRESS
        if over > 0:
            parts.append(Part("address", "limit", -over))
        return parts

    def _city(self, a: Profile, b: Profile) -> Part:
        if a.city == b.city:
            bits = min(9.0, log2(0.85 / self._share("city", a.city)))
            return Part("city", "equal", bits / 2 if a.postal and a.postal == b.postal else bits)
        return Part("city", "slip", 2.0) if _slipped(a.city, b.city) else Part("city", "differs", -1.0)

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
        u = max(self._share("street", x), self._share("street", y))
        if x == y:
            return Part("street", "equal", min(10.0, log2(0.8 / u)))
        if _slipped(x, y) or set(x.split()) & set(y.split()) - _WAY_WORDS:
            return Part("street", "alike", min(7.0, log2(0.12 / (3 * u + 0.001))))
        return Part("street", "differs", -1.5)


def _slipped(x: str, y: str) -> bool:
    """A place's name with a typing slip."""
    return (
        JaroWinkler.similarity(x, y) >= 0.9
        or OSA.distance(x.replace(" ", ""), y.replace(" ", ""), score_cutoff=1) <= 1
    )
