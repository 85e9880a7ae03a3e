"""Laws of matching: nobody is linked twice, who looks alike is found by a key, and likeness is mutual.

That every order of the same facts ends alike is shown on the real handlers: tests/integration/mapper.
"""

from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from services.mapper.core import (
    Disputed,
    Facts,
    Link,
    Linked,
    Subject,
    Twin,
    Unlinked,
    Unmatched,
    decide,
    facts_of,
    similar_names,
    without,
)
from services.mapper.core.normalise import words
from shared.contracts.records import Employee

COMPANY, HERE, THERE = UUID(int=1), UUID(int=2), UUID(int=3)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
names = st.text(LETTERS, min_size=3, max_size=9)
people = st.fixed_dictionaries({
    "number": st.sampled_from([None, "1", "2", "3"]),
    "email": st.sampled_from([None, "a@x.org", "b@x.org", "c@x.org"]),
    "first_name": st.sampled_from(["Ann", "Anne", "Bert"]),
    "last_name": st.sampled_from(["Moss", "Stone"]),
})  # fmt: skip
directories = st.lists(people, max_size=6)


def _facts(account: UUID, values: list[dict[str, Any]]) -> list[Facts]:
    return [
        facts_of(COMPANY, uuid5(account, str(n)), account, str(n), 1, Employee(**v))
        for n, v in enumerate(values)
    ]


def _twin(s: Facts, d: Facts, sources: list[Facts]) -> Twin:
    """What the store's statement answers, said plainly."""
    others = [o for o in sources if o.record_id != s.record_id]
    numbers, emails = {o.number_key for o in others} - {None}, {o.email_key for o in others} - {None}
    return Twin(
        d,
        number_shared=s.number_key in numbers,
        email_shared=s.email_key in emails,
        number_rival=d.number_key != s.number_key and d.number_key in numbers,
        email_rival=d.email_key != s.email_key and d.email_key in emails,
        taken_by=None,
    )


def _subject(s: Facts, sources: list[Facts], destinations: list[Facts], **more: Any) -> Subject:
    twins = tuple(
        _twin(s, d, sources)
        for d in destinations
        if (s.number_key and d.number_key == s.number_key) or (s.email_key and d.email_key == s.email_key)
    )
    return Subject(
        s, THERE, **({"directory_complete": True, "confirm_matches": False, "twins": twins} | more)
    )


@settings(max_examples=400, deadline=None)
@given(directories, directories)
def test_links_are_injective(here: list[dict[str, Any]], there: list[dict[str, Any]]) -> None:
    """Decided each for itself, from facts alone, no two source records ever take the same destination record."""
    sources, destinations = _facts(HERE, here), _facts(THERE, there)
    decided = [decide(_subject(s, sources, destinations)) for s in sources]
    taken = [d.destination_record_id for d in decided if isinstance(d, Linked)]
    assert len(taken) == len(set(taken))


@settings(max_examples=100, deadline=None)
@given(directories, directories)
def test_nobody_is_linked_before_the_directory_is_complete_or_against_a_persons_will(
    here: list[dict[str, Any]], there: list[dict[str, Any]]
) -> None:
    sources, destinations = _facts(HERE, here), _facts(THERE, there)
    refused = frozenset(d.record_id for d in destinations)
    for s in sources:
        assert not isinstance(decide(_subject(s, sources, destinations, directory_complete=False)), Linked)
        assert isinstance(decide(_subject(s, sources, destinations, refused=refused)), Disputed | Unmatched)
        if destinations:
            link = Link(destinations[0].record_id, "0", "manual", destinations[0])
            decision = decide(
                _subject(s, sources, destinations, link=link, refused=refused, directory_complete=False)
            )
            assert isinstance(decision, Linked)
            assert decision.destination_record_id == destinations[0].record_id
            taken = without(
                _subject(s, sources, destinations), {d.record_id: UUID(int=77) for d in destinations}
            )
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
def test_one_slip_is_found_by_a_key_and_is_similar(
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
    if {words(v) for v in (name, slipped, other)} & {"miss", "esq"}:
        return
    assert similar_names(a, b)
    assert similar_names(a, b) == similar_names(b, a)
    blocks = ("block_a", "block_b", "block_c", "block_d")
    assert a.block_a == b.block_b or any(getattr(a, k) == getattr(b, k) for k in blocks)


@given(st.text(max_size=30))
def test_normal_names_stay(text: str) -> None:
    assert words(words(text)) == words(text)
