"""How well and how fast matching decides: whole directories whose true pairs are known, then speed over a database."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple
from uuid import UUID, uuid5

import orjson

from benchmarks.matching_sets import Directories, febrl, hard, sandbox
from benchmarks.matching_speed import decide_alone, decide_with_database
from benchmarks.measure import judge
from services.mapper import core
from services.mapper.core.counts import count

NAMES = UUID(int=0x3A7C)
SHOWN = 5
SMALL = (40, 250)
SEEDS = range(1, 9)
FLAT = (5_000, 20_000, 50_000, 100_000)
"""Source records between which the speed must not fall by more than a quarter."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How the pairs of two directories were decided; shares of the people who stand on both sides."""

    name: str
    precision: float
    recall: float
    wrong: int
    cases_per_1000: float
    created_twice: int
    first_five: float


class Goal(NamedTuple):
    """The least recall, the least share shown in the first five, and the most cases per 1,000."""

    recall: float
    first_five: float = 1.0
    cases: float = 1000.0
    created_twice: int = 0


GOALS = {
    "sandbox, 5,000": Goal(0.997, cases=3.0),
    "sandbox, 250": Goal(0.993, cases=4.0),
    "sandbox, 40": Goal(0.993, cases=4.0),
    "all kinds": Goal(0.86),
    "Febrl 4, all": Goal(0.9992, 0.9998, created_twice=1),
    "Febrl 4, without": Goal(0.9942, 0.9994, created_twice=3),
    "Febrl 4, names": Goal(0.9752, 0.9938, created_twice=31),
}
"""By the beginning of a set's name. What Febrl's noise leaves no key of is created: those bounds are what was published."""


def measure(sets: Directories) -> Quality:
    """Decide everybody at once, in the core alone."""
    source = [core.facts_of(NAMES, uuid5(NAMES, f"s{n}"), NAMES, "", 1, e) for n, e in enumerate(sets.source)]
    destination = [
        core.facts_of(NAMES, uuid5(NAMES, f"d{n}"), NAMES, "", 1, e) for n, e in enumerate(sets.destination)
    ]
    found = _pairs(source, destination)
    at = {f.record_id: n for side in (source, destination) for n, f in enumerate(side)}
    links = {at[s]: at[d] for s, d in core.choose(p for each in found.values() for p in each).items()}
    taken = set(links.values())
    right = sum(there in sets.same.get(here, ()) for here, there in links.items())
    cases = created = shown = 0
    for here, pairs in found.items():
        ranked = [at[p.destination] for p in sorted(pairs, key=lambda p: -p.score.bits)]
        same = sets.same.get(here, set())
        shown += bool(same & {links.get(here, -1), *ranked[:SHOWN]})
        if here in links:
            continue
        asked = any(at[p.destination] not in taken or core.can_link(p) for p in pairs)
        cases += asked
        created += bool(same) and not asked
    people = len(sets.same)
    return Quality(
        sets.name, round(right / max(1, len(links)), 4), round(right / people, 4), len(links) - right,
        round(1000 * cases / len(source), 1), created, round(shown / people, 4),
    )  # fmt: skip


def _pairs(source: list[core.Facts], destination: list[core.Facts]) -> dict[int, list[core.Pair]]:
    """By place of the source record: the pairs that the score does not rule out, found by keys."""
    holders: dict[int, list[int]] = defaultdict(list)
    for n, facts in enumerate(destination):
        for key in facts.keys:
            holders[key].append(n)
    here, there = [f.profile() for f in source], [f.profile() for f in destination]
    scorer = core.Scorer(count(here, there))
    found: dict[int, list[core.Pair]] = {}
    for n, facts in enumerate(source):
        weights: dict[int, int] = defaultdict(int)
        for key in facts.keys:
            for m in holders.get(key, ()):
                weights[m] += core.key_weight(len(holders[key]))
        near = core.nearest((weight, m) for m, weight in weights.items() if weight)
        found[n] = [
            core.Pair(facts.record_id, destination[m].record_id, score)
            for _, m in near
            if (score := scorer.candidate(here[n], there[m])) is not None
        ]
    return found


def sets() -> Iterator[Directories]:
    """What is measured."""
    yield from (sandbox(seed, 5_000) for seed in (7, 99))
    yield from (sandbox(seed, size) for size in SMALL for seed in SEEDS)
    yield from (hard(seed) for seed in (1, 2, 3))
    yield from febrl()


def shortfall(found: Quality) -> str:
    """What misses the goal; empty when nothing does."""
    goal = next(goal for name, goal in GOALS.items() if found.name.startswith(name))
    missed = {
        "wrong links": found.wrong > 0,
        "created twice": found.created_twice > goal.created_twice,
        "recall": found.recall < goal.recall,
        "cases": found.cases_per_1000 > goal.cases,
        "first five": found.first_five < goal.first_five,
    }
    return ", ".join(name for name, missing in missed.items() if missing)


async def main(name: str, *, json: bool, employees: int) -> None:
    """Print the quality on every set, then the speed of `employees` source records."""
    missed = []
    for directories in sets():
        found = measure(directories)
        if shortfall(found):
            missed.append(f"{found.name}: {shortfall(found)}")
        if json:
            sys.stdout.write(orjson.dumps(asdict(found)).decode() + "\n")
        else:
            sys.stdout.write(
                f"{found.name}: precision {found.precision:.4f}, recall {found.recall:.4f}, {found.wrong} wrong, "
                f"{found.cases_per_1000} cases per 1,000, {found.created_twice} created twice, "
                f"first five {found.first_five:.4f}\n"
            )
        sys.stdout.flush()
    for size in sorted({*FLAT, employees} if employees > min(FLAT) else {employees}):
        decide_alone(size, json=json)
    await decide_with_database(employees, json=json)
    judge(name, "; ".join(missed) or "good", good=not missed)
