"""mapper's core as tables of cases."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.mapper.core import (
    Compared,
    Counts,
    Deleted,
    Disputed,
    Facts,
    Link,
    Linked,
    MatchInput,
    Rival,
    Scorer,
    Unlinked,
    Unmatched,
    decide,
    facts_of,
    removed,
    words,
)
from services.mapper.core.explain import LEVELS, VETO_REASONS, VETOES
from services.mapper.core.vetoes import _RULES
from shared.domain.employee import Employee
from shared.domain.reasons import REASONS

COMPANY, HERE, THERE = UUID(int=1), UUID(int=2), UUID(int=3)
ASKED = datetime(2026, 11, 24, 9, tzinfo=UTC)


def person(account: UUID = HERE, remote: str = "1", state: str = "present", **values: Any) -> Facts:
    """A record's facts from canonical values."""
    facts = facts_of(COMPANY, uuid5(account, remote), account, remote, 1, Employee(**values))
    return (
        facts
        if state == "present"
        else Facts(COMPANY, facts.record_id, account, remote, 2, state, active=False)
    )


SCORER = Scorer(Counts({}, {}, 1000))


def compared(
    mine: Facts, *others: Facts, taken_by: UUID | None = None, rivals: tuple[Facts, ...] = ()
) -> tuple[Compared, ...]:
    """These destination records as candidates of `mine`, each also claimed by `rivals`."""
    return tuple(
        Compared(
            o,
            SCORER.score(mine.profile(), o.profile()),
            taken_by,
            tuple(Rival(r.record_id, SCORER.score(r.profile(), o.profile())) for r in rivals),
        )
        for o in others
    )


def match_input(facts: Facts, **more: Any) -> MatchInput:
    """A source record whose destination was read completely."""
    return MatchInput(facts, THERE, **({"directory_complete": True, "confirm_matches": False} | more))


JOHN = {"number": "7", "email": "j@x.org", "first_name": "John", "last_name": "Miller"}
ZOE = {"first_name": "Zoe", "last_name": "Quist"}


BORN = {"birth_date": date(1980, 3, 4)}
HOME = {
    **BORN,
    "last_name": "Miller",
    "address_line1": "1 Row",
    "address_city": "Mill",
    "address_postal_code": "97009",
}


@pytest.mark.reason(
    "similar_name",
    "contradiction",
    "names_differ",
    "birth_dates_differ",
    "numbers_differ",
    "generations_differ",
    "same_household",
)
@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (JOHN, JOHN, "linked"),
        ({**JOHN, "email": None}, {**JOHN, "number": "007", "email": None}, "linked"),
        ({**JOHN, "number": None}, {**JOHN, "number": None, "email": "J@X.org"}, "linked"),
        ({**JOHN, "email": "new@x.org"}, JOHN, "linked"),
        ({**JOHN, **BORN}, {**JOHN, **BORN, "last_name": "Stone"}, "linked"),
        (JOHN, {**JOHN, **ZOE}, "contradiction"),
        (JOHN, {"number": "7", **ZOE}, "contradiction"),
        (
            {**JOHN, **BORN},
            {**JOHN, "birth_date": date(1955, 7, 8), "email": "sr@y.org"},
            "birth_dates_differ",
        ),
        ({**JOHN, "suffix": "Jr"}, {**JOHN, "suffix": "Sr"}, "generations_differ"),
        (JOHN, {**JOHN, "number": "8"}, "numbers_differ"),
        (JOHN, {"first_name": "John", "last_name": "Miller"}, "similar_name"),
        ({**JOHN, **BORN}, {**JOHN, **BORN, "number": None, "first_name": "Zoe"}, "names_differ"),
        ({**HOME, "first_name": "Kaylee"}, {**HOME, "first_name": "Kayla"}, "same_household"),
    ],
)
def test_one_candidate(mine: dict[str, Any], theirs: dict[str, Any], expected: str) -> None:
    facts = person(**mine)
    decision = decide(match_input(facts, compared=compared(facts, person(THERE, **theirs))))
    assert (
        decision.reason if isinstance(decision, Disputed) else type(decision).__name__.lower()
    ) == expected


@pytest.mark.reason("match_taken", "number_not_unique", "email_not_unique", "several_sources")
def test_who_else_claims_the_candidate() -> None:
    mine, there = person(**JOHN), person(THERE, **JOHN)
    same = person(remote="2", **JOHN)
    email = person(remote="3", **{**JOHN, "number": None})
    weak = person(remote="4", number="7", **ZOE)

    def reason(**claims: Any) -> str:
        return getattr(decide(match_input(mine, compared=compared(mine, there, **claims))), "reason", "")

    assert reason(taken_by=UUID(int=9)) == "match_taken"
    assert reason(rivals=(same,)) == "number_not_unique"
    assert reason(rivals=(weak,)) == "" == reason(rivals=(email,))
    numbered = person(**{**JOHN, "email": None})
    near = decide(match_input(numbered, compared=compared(numbered, there, rivals=(email,))))
    assert getattr(near, "reason", "") == "several_sources"
    alone = {k: v for k, v in JOHN.items() if k != "number"}
    mine, there = person(**alone), person(THERE, **alone)
    assert reason(rivals=(email,)) == "email_not_unique"


@pytest.mark.reason("several_matches")
def test_two_at_the_destination_are_one_person() -> None:
    mine = person(**JOHN)
    decision = decide(match_input(mine, compared=compared(mine, *(person(THERE, n, **JOHN) for n in "12"))))
    assert isinstance(decision, Disputed)
    assert (decision.reason, [c.remote_id for c in decision.candidates]) == ("several_matches", ["1", "2"] if (
        person(THERE, "1").record_id < person(THERE, "2").record_id) else ["2", "1"])  # fmt: skip


def test_a_match_waits_for_its_directory_and_for_confirmation() -> None:
    mine = person(**JOHN)
    found = compared(mine, person(THERE, **JOHN))
    waiting = decide(match_input(mine, compared=found, directory_complete=False, confirm_matches=True))
    asking = decide(match_input(mine, compared=found, confirm_matches=True))
    assert isinstance(waiting, Unlinked)
    assert isinstance(asking, Unlinked)
    assert (waiting.reason, asking.reason) == ("directory_being_read", "confirm_match")


@pytest.mark.reason("match_refused")
def test_a_refused_pair_is_never_linked_again() -> None:
    mine, other = person(**JOHN), person(THERE, **JOHN)
    decision = decide(match_input(mine, compared=compared(mine, other), refused=frozenset({other.record_id})))
    assert isinstance(decision, Disputed)
    assert decision.reason == "match_refused"


def test_a_stored_link_stays_when_everything_is_renamed() -> None:
    other = person(THERE, **JOHN)
    link = Link(other.record_id, "1", "manual", other)
    decision = decide(match_input(person(number="99", **ZOE), link=link, directory_complete=False))
    assert isinstance(decision, Linked)
    assert decision.origin == "manual"


def test_gone_at_either_side() -> None:
    other = person(THERE, state="removed")
    link = Link(other.record_id, "1", "auto", other)
    assert decide(match_input(person(**JOHN), link=link)) == Disputed("deleted_at_destination")
    assert decide(match_input(person(state="removed"), link=link)) == Deleted(other.record_id)
    assert decide(match_input(person(state="removed"))) == Deleted(None)


def test_a_wish_for_a_new_record_wins_over_a_match() -> None:
    mine = person(**JOHN)
    there = compared(mine, person(THERE, **JOHN))
    assert decide(match_input(mine, compared=there, create=ASKED)) == Unmatched(ASKED)


def test_candidates_carry_a_score_that_adds_up_and_the_likelier_comes_first() -> None:
    mine = person(first_name="John", last_name="Miller", phone="+12125550100")
    near, far = (
        person(THERE, "2", first_name="John", last_name="Miller"),
        person(THERE, "1", first_name="Jon", last_name="Miller", phone="+12125550188"),
    )
    decision = decide(match_input(mine, compared=compared(mine, far, near)))
    assert isinstance(decision, Disputed)
    assert [c.remote_id for c in decision.candidates] == ["2", "1"]
    for c in decision.candidates:
        assert c.bits == round(c.start + sum(e.bits for e in c.evidence), 2)
    assert {e.field: e.level for e in decision.candidates[1].evidence} == {
        "first_name": "nickname", "last_name": "equal", "phone": "differs",
    }  # fmt: skip


@pytest.mark.reason("inactive_match")
def test_an_inactive_match_is_asked_about_while_an_active_one_is_plausible() -> None:
    facts = person(**JOHN, **BORN)
    left, there = (
        person(THERE, "1", **JOHN, **BORN, active=False),
        person(THERE, "2", first_name="John", last_name="Miller", **BORN),
    )
    assert isinstance(decide(match_input(facts, compared=compared(facts, left))), Linked)
    decision = decide(match_input(facts, compared=compared(facts, left, there)))
    assert isinstance(decision, Disputed)
    assert decision.reason == "inactive_match"
    assert decision.candidates[0].vetoes == ("rehire",)


def test_the_record_that_survives_a_merge_is_proposed() -> None:
    facts, gone = person(**JOHN), person(THERE, "1", "removed", **JOHN)
    link = Link(gone.record_id, "1", "auto", gone)
    decision = decide(match_input(facts, link=link, compared=compared(facts, person(THERE, "2", **JOHN))))
    assert isinstance(decision, Disputed)
    assert (decision.reason, [c.remote_id for c in decision.candidates]) == ("deleted_at_destination", ["2"])


def test_every_veto_has_words_and_a_reason() -> None:
    assert {*_RULES, "rehire"} == set(VETOES) == set(VETO_REASONS)
    assert set(VETO_REASONS.values()) <= set(REASONS)
    assert {"equal", "differs", "missing"} <= set(LEVELS)


def test_normal_forms() -> None:
    assert words("Dr. Łukasz  D’Arcy-Smith") == ("lukasz", "darcy", "smith")
    facts = person(display_name="Miller, John (Foreman)", number="E-0012", phone="+12125550100;ext=4")
    assert (facts.first_form, facts.last_form) == ("john", "miller")
    assert (facts.number_form, facts.number_digits, facts.phones) == ("e-12", "12", ["2125550100"])


def test_a_record_that_is_gone_has_no_keys() -> None:
    assert person(**JOHN).keys
    assert removed(person(**JOHN), 2).keys == []
