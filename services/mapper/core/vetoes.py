"""What must never link by itself, however high the sum: such a pair is a case for a person."""

# ruff: noqa: PLR2004  (bits and bounds; docs/matching.md has the table)

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.mapper.core.counts import Counts
from services.mapper.core.profile import Profile


class Part(NamedTuple):
    """One field's share of a score: the level of agreement as a code, and its bits."""

    field: str
    level: str
    bits: float


_ADDRESS = frozenset({"postal_code", "city", "street", "house_number", "address_line2", "state", "address"})
_NAMES = frozenset({"first_name", "last_name", "middle_name", "suffix", "gender"})
_GOOD_FIRST = frozenset({"equal", "spelling", "nickname", "word", "middle_in_use", "slip", "swapped"})
_GOOD_LAST = frozenset({"equal", "spelling", "word", "second_word", "slip", "swapped"})


class _Pair:
    """The parts of a score by field, with what the vetoes ask of them."""

    def __init__(self, a: Profile, b: Profile, parts: Sequence[Part], counts: Counts) -> None:
        self.a, self.b, self.counts = a, b, counts
        self.parts = {p.field: p for p in parts}
        self.address = sum(p.bits for p in parts if p.field in _ADDRESS)
        self.first, self.last = self.level("first_name"), self.level("last_name")
        self.number = self.level("number") in ("equal", "digits")
        self.born = self.level("birth_date") == "equal"
        self.email = self.level("email") == "equal"
        self.phone = self.level("phone") == "equal"
        self.good_first = self.first in _GOOD_FIRST
        self.good_last = self.last in _GOOD_LAST

    def level(self, field: str) -> str:
        part = self.parts.get(field)
        return part.level if part else "missing"

    def open(self, gate: str) -> bool:
        return gate in self.counts.open_gates

    def alone_at_home(self) -> bool:
        """One home, where nobody shares a home, and one identity."""
        return self.open("home") and self.address >= 12 and (self.number or self.born)


def vetoes_of(a: Profile, b: Profile, parts: Sequence[Part], counts: Counts) -> tuple[tuple[str, ...], float]:
    """The vetoes of a pair as codes, and the bits that a link needs beyond the usual bound."""
    p = _Pair(a, b, parts, counts)
    found = [name for name, rule in _RULES.items() if rule(p)]
    extra = 5.0 if p.first == "alike" else 0.0
    return tuple(found), extra


def _first_name(p: _Pair) -> bool:
    if p.first not in ("differs", "other_initial", "two_names", "gendered"):
        return False
    if (p.number and p.born) or p.alone_at_home():
        return False
    return not (p.open("last_home") and p.address >= 8 and p.good_last and not p.phone and not p.email)


def _last_name(p: _Pair) -> bool:
    if p.last not in ("differs", "alike"):
        return False
    if p.number and p.born:
        return False
    if p.alone_at_home():
        return False
    married = p.born and p.good_first and (p.phone or p.email or p.address >= 8)
    return not (married or (p.open("first_home") and p.good_first and p.address >= 8))


def _birth_date(p: _Pair) -> bool:
    if p.level("birth_date") != "differs":
        return False
    if p.number and p.good_first and p.good_last and p.level("email") != "differs":
        return False
    return not (p.open("both_home") and p.address >= 8)


def _number(p: _Pair) -> bool:
    if p.level("number") != "differs":
        return False
    names = p.good_first and p.good_last
    if p.born and names and (p.phone or p.email or p.address >= 12):
        return False
    return not (p.open("both_home") and p.address >= 8)


def _suffix(p: _Pair) -> bool:
    level = p.level("suffix")
    return level == "differs" or (level == "one_sided" and not (p.born or p.number))


def _gender(p: _Pair) -> bool:
    return p.level("gender") == "differs"


def _firm(p: _Pair) -> bool:
    return p.a.firm != p.b.firm


def _names_only(p: _Pair) -> bool:
    """Nothing besides the names speaks for the pair."""
    others = [
        part.bits for field, part in p.parts.items()
        if field not in _NAMES and field not in _ADDRESS
    ]  # fmt: skip
    needed = 12.0 if p.level("house_number") == "differs" else 6.5
    return not any(bits >= 3 for bits in others) and p.address < needed


def _household(p: _Pair) -> bool:
    """Home, telephone and e-mail address are what a family shares."""
    if p.number or p.born:
        return False
    if p.open("home") and p.address >= 12:
        return False
    if p.open("last_home") and p.good_last:
        return False
    return p.first in ("missing", "initial", "alike")


def _twins(p: _Pair) -> bool:
    if p.number or p.open("last_home"):
        return False
    return p.first == "alike" and p.born and bool(p.a.home()) and p.a.home() == p.b.home()


_RULES = {
    "first_name": _first_name,
    "last_name": _last_name,
    "birth_date": _birth_date,
    "number": _number,
    "suffix": _suffix,
    "gender": _gender,
    "firm": _firm,
    "names_only": _names_only,
    "household": _household,
    "twins": _twins,
}
