"""Laws of matching: nobody is linked twice, who looks alike is found by a key, and likeness is mutual.

That every order of the same facts ends alike is shown on the real handlers: tests/integration/mapper.
"""

from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from services.mapper.core import (
    Compared,
    Disputed,
    Facts,
    Link,
    Linked,
    MatchInput,
    Rival,
    Score,
    Scorer,
    Unlinked,
    Unmatched,
    can_link,
    choose,
    decide,
    facts_of,
    without,
    words,
)
from services.mapper.core.choose import NEAREST, Pair, nearest
from services.mapper.core.counts import count
from services.mapper.core.levels import first_level, last_level
from shared.domain.employee import Employee

COMPANY, HERE, THERE = UUID(int=1), UUID(int=2), UUID(int=3)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
names = st.text(LETTERS, min_size=3, max_size=9)
people = st.fixed_dictionaries({
    "number": st.sampled_from([None, "1", "2", "3"]),
    "email": st.sampled_from([None, "a@x.org", "b@x.org", "c@x.org"]),
    "first_name": st.sampled_from(["Ann", "Anne", "Bert"]),
    "last_name": st.sampled_from(["Moss", "Stone"]),
    "birth_date": st.sampled_from([None, "1980-02-03", "1990-05-06"]),
})  # fmt: skip
directories = st.lists(people, max_size=6)


class Both:
    """Two directories, compared."""

    def __init__(self, here: list[dict[str, Any]], there: list[dict[str, Any]]) -> None:
        self.sources, self.destinations = _facts(HERE, here), _facts(THERE, there)
        scorer = Scorer(count(*([f.profile() for f in side] for side in (self.sources, self.destinations))))
        self.scores: dict[tuple[UUID, UUID], Score] = {
            (s.record_id, d.record_id): score
            for s in self.sources
            for d in self.destinations
            if set(s.keys) & set(d.keys) and (score := scorer.candidate(s.profile(), d.profile())) is not None
        }

    def match_input(self, s: Facts, taken: dict[UUID, UUID] | None = None, **more: Any) -> MatchInput:
        """What the store's statements answer, said plainly; `taken` is destination record → source record."""
        taken = taken or {}
        compared = tuple(
            Compared(
                d,
                self.scores[s.record_id, d.record_id],
                taken.get(d.record_id),
                tuple(
                    Rival(o.record_id, self.scores[o.record_id, d.record_id])
                    for o in self.sources
                    if o is not s
                    and o.record_id not in taken.values()
                    and (o.record_id, d.record_id) in self.scores
                ),
            )
            for d in self.destinations
            if (s.record_id, d.record_id) in self.scores
        )
        return MatchInput(
            s, THERE, **({"directory_complete": True, "confirm_matches": False, "compared": compared} | more)
        )


def _facts(account: UUID, values: list[dict[str, Any]]) -> list[Facts]:
    return [
        facts_of(COMPANY, uuid5(account, str(n)), account, str(n), 1, Employee(**v))
        for n, v in enumerate(values)
    ]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 99)), unique_by=lambda one: one[1], max_size=40))
def test_the_nearest_share_the_most_and_of_equal_ones_the_first_come(found: list[tuple[int, int]]) -> None:
    ranked = sorted(found, key=lambda one: (-one[0], one[1]))[:NEAREST]
    expected = [one for place, one in enumerate(ranked) if place < 4 or one[0] * 3 >= ranked[0][0]]
    assert nearest(found) == expected


@settings(max_examples=300, deadline=None)
@given(directories, directories, st.randoms(use_true_random=False), st.integers(1, 6))
def test_every_order_and_batch_ends_in_the_links_that_all_pairs_together_give(
    here: list[dict[str, Any]], there: list[dict[str, Any]], rnd: Any, size: int
) -> None:
    """Records decided in batches, in any order, again and again until nothing moves, end as `choose` does over all pairs."""
    both = Both(here, there)
    taken: dict[UUID, UUID] = {}
    while True:
        before = dict(taken)
        open_ = [s for s in both.sources if s.record_id not in taken.values()]
        rnd.shuffle(open_)
        for start in range(0, len(open_), size):
            found = [(s, decide(both.match_input(s, taken))) for s in open_[start : start + size]]
            linked = {d.destination_record_id: s.record_id for s, d in found if isinstance(d, Linked)}
            assert len(linked) == sum(isinstance(d, Linked) for _, d in found)
            assert not linked.keys() & taken.keys()
            taken |= linked
        if taken == before:
            break
    pairs = [Pair(s, d, score) for (s, d), score in both.scores.items()]
    assert {s: d for d, s in taken.items()} == choose(pairs)
    assert all(can_link(p) for p in pairs if taken.get(p.destination) == p.source)


@settings(max_examples=100, deadline=None)
@given(directories, directories)
def test_nobody_is_linked_before_the_directory_is_complete_or_against_a_persons_will(
    here: list[dict[str, Any]], there: list[dict[str, Any]]
) -> None:
    both = Both(here, there)
    refused = frozenset(d.record_id for d in both.destinations)
    for s in both.sources:
        assert not isinstance(decide(both.match_input(s, directory_complete=False)), Linked)
        assert isinstance(decide(both.match_input(s, refused=refused)), Disputed | Unmatched)
        if both.destinations:
            first = both.destinations[0]
            link = Link(first.record_id, "0", "manual", first)
            decision = decide(both.match_input(s, link=link, refused=refused, directory_complete=False))
            assert isinstance(decision, Linked)
            assert decision.destination_record_id == first.record_id
            taken = without(both.match_input(s), {d.record_id: UUID(int=77) for d in both.destinations})
            assert not isinstance(decide(taken), Linked | Unlinked)


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """A name, and the same name with one letter changed, added, dropped, or swapped with its neighbour."""
    name = draw(st.text(LETTERS, min_size=4, max_size=9))
    at = draw(st.integers(0, len(name) - 1))
    letter = draw(st.sampled_from(LETTERS))
    kind = draw(st.sampled_from(["change", "add", "drop", "swap"]))
    slipped = {
        "change": name[:at] + letter + name[at + 1 :],
        "add": name[:at] + letter + name[at:],
        "drop": name[:at] + name[at + 1 :],
        "swap": name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :],
    }[kind]
    return name, slipped


@settings(max_examples=500, deadline=None)
@given(slips(), names, st.booleans(), st.booleans())
def test_one_slip_is_found_by_a_key_and_does_not_differ(
    slip: tuple[str, str], other: str, first: bool, turned: bool
) -> None:
    """Wherever in the first or the last name it is, the first letter included; turned names when nothing else slipped."""
    name, slipped = slip
    if turned:
        slipped = name
    values = [
        {"first_name": n, "last_name": other} if first else {"first_name": other, "last_name": n}
        for n in (name, slipped)
    ]
    if turned:
        values[1] = {"first_name": values[1]["last_name"], "last_name": values[1]["first_name"]}
    a, b = _facts(HERE, values)
    assert set(a.keys) & set(b.keys)
    if not turned:
        assert first_level(name, slipped) != "missing"
        assert last_level(name, slipped)[0] == last_level(slipped, name)[0]


@given(st.text(max_size=30))
def test_normal_names_stay(text: str) -> None:
    assert words(" ".join(words(text))) == words(text)
