"""How common each value is in a company's two directories, and which values different people of one directory share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.mapper.core.names import family_words
from services.mapper.core.profile import Profile

MATCHING_VERSION = 1
"""Raised when a weight, a normal form, a key or a gate changes: stored decisions carry it."""
GATES = ("last_home", "first_home", "both_home", "home")
GATE_LEAST = 2000
"""Records with the value that both sides must have together before a gate can open."""
GATE_MOST_SHARED = 0.0003
LEAST_RECORDS = 100
_FLOORS = {
    "first": 1e-4,
    "last": 5e-5,
    "word": 5e-5,
    "postal": 1e-4,
    "city": 1e-4,
    "street": 1e-4,
    "line2": 2e-4,
    "hired": 3e-4,
}


def values_of(p: Profile) -> Iterator[tuple[str, str]]:  # noqa: C901  (a table of fields)
    """The (field, value) pairs of a record that are counted."""
    if p.first:
        yield "first", p.first
    if p.last:
        yield "last", p.last
        for word in set(family_words(p.last)):
            yield "word", word
    if p.number_digits:
        yield "number", p.number_digits
    if p.email:
        yield "email", p.email
    for phone in p.phones:
        yield "phone", phone
    if p.born:
        yield "born", p.born.isoformat()
    if p.hired:
        yield "hired", p.hired.isoformat()
    for field in ("postal", "city", "street", "line2"):
        if value := getattr(p, field):
            yield field, value


def gate_values_of(p: Profile) -> Iterator[tuple[str, str]]:
    """The (gate, value) pairs of a record, of which different people of one directory may share some."""
    home = p.home()
    if not home:
        return
    yield "home", home
    if p.last:
        yield "last_home", f"{p.last}|{home}"
    if p.first:
        yield "first_home", f"{p.first}|{home}"
    if p.first and p.last:
        yield "both_home", f"{p.first}|{p.last}|{home}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of values over both directories of a company, frozen with a complete directory."""

    records: Mapping[str, int]
    """Per field the number of values counted."""
    values: Mapping[tuple[str, str], int]
    destination_records: int
    open_gates: frozenset[str] = frozenset()

    def share(self, field: str, value: str) -> float:
        """The share of other records with this value, with a floor: 0.0001 to 1."""
        n = max(0, self.values.get((field, value), 1) - 1)
        return min(1.0, n / max(LEAST_RECORDS, self.records.get(field, 0)) + _FLOORS[field])

    def size(self) -> int:
        """The destination's records; a small directory is taken for one of `LEAST_RECORDS`, whose shares mean something."""
        return max(LEAST_RECORDS, self.destination_records)

    def holders(self, field: str, value: str) -> float:
        """How many people of one side have the value: half of both sides' count, at least one."""
        return max(1.0, self.values.get((field, value), 2) / 2)


def count(source: Iterable[Profile], destination: Iterable[Profile]) -> Counts:
    """The counts and gates of two complete directories."""
    values: Counter[tuple[str, str]] = Counter()
    shared: Counter[str] = Counter()
    having: Counter[str] = Counter()
    sizes = []
    for side in (source, destination):
        homes: Counter[tuple[str, str]] = Counter()
        size = 0
        for p in side:
            size += 1
            values.update(values_of(p))
            homes.update(gate_values_of(p))
        sizes.append(size)
        for (gate, _), n in homes.items():
            having[gate] += n
            shared[gate] += n if n > 1 else 0
    records: Counter[str] = Counter()
    for (field, _), n in values.items():
        records[field] += n
    return Counts(records, values, sizes[1], open_gates(having, shared))


def open_gates(having: Mapping[str, int], shared: Mapping[str, int]) -> frozenset[str]:
    """The gates that are open: enough records have the value, and nearly no two of one side share it."""
    return frozenset(
        g
        for g in GATES
        if having.get(g, 0) >= GATE_LEAST and shared.get(g, 0) <= GATE_MOST_SHARED * having.get(g, 0)
    )
