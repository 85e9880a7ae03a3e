"""What the dates of two records say about their being one person."""

# ruff: noqa: PLR2004  (bits and bounds; docs/matching.md has the table)

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import log2

from services.mapper.core.counts import Counts
from services.mapper.core.profile import Profile
from services.mapper.core.vetoes import Part

_OTHER_HIRE, _NEAR_HIRE = Part("hire_date", "differs", -1.0), Part("hire_date", "near", 2.0)
_SLIP, _NEAR = Part("birth_date", "slip", 5.0), Part("birth_date", "near", 0.0)
_OTHER_BIRTH = Part("birth_date", "differs", -7.0)


def date_parts(a: Profile, b: Profile, counts: Counts, share: Callable[[str, str], float]) -> list[Part]:
    """The birth and hire dates; `share` gives the share of other records with a value of a field."""
    parts = []
    if a.born and b.born:
        parts.append(_born(a.born, b.born, counts))
    if a.hired and b.hired:
        if a.hired == b.hired:
            bits = min(7.0, log2(0.6 / share("hired", a.hired.isoformat())))
            parts.append(Part("hire_date", "equal", bits))
        else:
            parts.append(_NEAR_HIRE if abs((a.hired - b.hired).days) <= 31 else _OTHER_HIRE)
    return parts


def _born(x: date, y: date, counts: Counts) -> Part:
    if x == y:
        many = counts.holders("born", x.isoformat())
        return Part("birth_date", "equal", 13.0 - max(0.0, log2(many / 4)))
    if x.year == y.year and (x.month, x.day) == (y.day, y.month):
        return _SLIP
    a, b = x.isoformat(), y.isoformat()
    digits = sum(p != q for p, q in zip(a, b, strict=True))
    if digits == 1:
        return _SLIP if a[:3] == b[:3] else _NEAR
    return _NEAR if digits == 2 or (x.month, x.day) == (y.month, y.day) else _OTHER_BIRTH
