"""What a score says of itself, and that choosing does not depend on any order."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mapper.core.bounds import CASE_BITS
from services.mapper.core.cache import MOST_KEPT, Cache
from services.mapper.core.choose import Pair, choose
from services.mapper.core.counts import count
from services.mapper.core.levels import first_level
from services.mapper.core.names import skeleton, words
from services.mapper.core.profile import Profile, keys_of, number_forms, phone_forms, profile_of
from services.mapper.core.score import LINK_BITS, MARGIN_BITS, Score, Scorer
from services.mapper.core.vetoes import Part
from shared.domain.employee import Employee
from tests.support.kinds import cases


def _directories() -> tuple[list[Profile], list[Profile]]:
    """Two directories with two of every kind of pair."""
    people = list(cases(3, 2))
    return (
        [profile_of(uuid5(UUID(int=0), f"s{n}"), e) for n, c in enumerate(people) for e in c.source],
        [profile_of(uuid5(UUID(int=0), f"d{n}"), e) for n, c in enumerate(people) for e in c.destination],
    )


def test_the_parts_and_the_start_add_up_to_the_score() -> None:
    source, destination = _directories()
    scorer = Scorer(count(source, destination))
    for a in source:
        for b in destination:
            score = scorer.score(a, b)
            assert score.bits == pytest.approx(score.start + sum(part.bits for part in score.parts))
            found = scorer.candidate(a, b)
            assert found is None or found == score


def test_whoever_the_bounds_rule_out_the_score_would_rule_out_too() -> None:
    source, destination = _directories()
    scorer = Scorer(count(source, destination))
    kept = 0
    for a in source:
        for b in destination:
            score = scorer.score(a, b)
            bits = sum(part.bits for part in score.parts[:2])
            if scorer.bounds.rough(a, b)[0] + bits < CASE_BITS:
                continue
            possible = scorer.bounds.possible(a, b, score.level("first_name"), score.start + bits)
            assert possible or score.bits < CASE_BITS
            kept += possible
    assert kept < len(source) * len(destination) / 10


def test_a_cache_that_is_full_forgets() -> None:
    cache: Cache[int, int] = Cache()
    for n in range(MOST_KEPT + 1):
        assert cache.keep(n, n) == n
    assert cache == {MOST_KEPT: MOST_KEPT}


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(-10, 30)),
        unique_by=lambda t: t[:2],
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_the_links_do_not_depend_on_the_order_of_the_pairs(
    drawn: list[tuple[int, int, int]], rnd: object
) -> None:
    pairs = [Pair(UUID(int=s + 1), UUID(int=d + 101), Score(bits, 0.0, ())) for s, d, bits in drawn]
    expected = choose(pairs)
    rnd.shuffle(pairs)  # type: ignore[attr-defined]
    assert choose(pairs) == expected
    assert len(set(expected.values())) == len(expected)


def test_a_link_leads_by_a_margin_on_both_sides() -> None:
    one, two, there = UUID(int=1), UUID(int=2), UUID(int=3)
    clear = [Pair(one, there, Score(20.0, 0.0, ())), Pair(two, there, Score(20.0 - MARGIN_BITS, 0.0, ()))]
    close = [Pair(one, there, Score(20.0, 0.0, ())), Pair(two, there, Score(20.5 - MARGIN_BITS, 0.0, ()))]
    assert choose(clear) == {one: there}
    assert choose(close) == {}
    assert choose([Pair(one, there, Score(LINK_BITS - 0.1, 0.0, ()))]) == {}
    assert choose([Pair(one, there, Score(30.0, 0.0, (), ("twins",)))]) == {}


@pytest.mark.parametrize(
    ("number", "forms"),
    [("E-0012", ("e-12", "12")), ("EMP12", ("emp-12", "12")), ("12.0", ("12", "12")), ("12-345", ("12-345", "12-345")), ("N/A", ("", "")),  # noqa: E501
     ("0", ("", "")), ("00", ("", "")), (None, ("", ""))],
)  # fmt: skip
def test_employee_numbers(number: str | None, forms: tuple[str, str]) -> None:
    assert number_forms(number) == forms


@pytest.mark.parametrize(
    ("a", "b", "level"),
    [("nell", "nelly", "nickname"), ("max", "maxie", "nickname"), ("william", "bill", "nickname"), ("jose", "pepe", "nickname"),
     ("carl", "carly", "alike"), ("daniel", "daniela", "gendered"), ("mario", "maria", "gendered"), ("carl", "carlos", "alike")],
)  # fmt: skip
def test_given_names(a: str, b: str, level: str) -> None:
    assert first_level(a, b) == first_level(b, a) == level


def test_telephones_without_extension_and_placeholders() -> None:
    assert phone_forms("+1 (415) 555-0132;ext=12", "000-000-0000", "0014155550132") == ("4155550132",)


def test_names_in_other_letters_are_one_name() -> None:
    assert words("Ｏ’Ｂｒｉｅｎ") == words("o'brien") == ("obrien",)
    assert words("Gаrcíа") == ("garcia",)  # two of its letters are Cyrillic
    assert skeleton("scherbakov") == skeleton("shcherbakov")


def test_keys_are_the_same_in_every_process() -> None:
    employee = Employee(first_name="Ana", last_name="Ruiz", number="12")
    assert keys_of(profile_of(UUID(int=1), employee))
    assert min(keys_of(profile_of(UUID(int=1), employee))) == min(keys_of(profile_of(UUID(int=2), employee)))


def test_the_choice_asks_about_an_inactive_match_while_an_active_one_is_plausible() -> None:
    """As `decide` does; with no other candidate the inactive one is the match."""
    one, gone, there = (UUID(int=n) for n in (1, 2, 3))
    inactive = Pair(one, gone, Score(30.0, 0.0, (Part("active", "inactive", -0.5),)))
    assert choose([inactive]) == {one: gone}
    assert choose([inactive, Pair(one, there, Score(0.0, 0.0, ()))]) == {}
