"""mapper's core as tables of cases."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.mapper.core import (
    Deleted,
    Disputed,
    Facts,
    Link,
    Linked,
    Other,
    Subject,
    Twin,
    Unlinked,
    Unmatched,
    compare,
    decide,
    facts_of,
    similar_names,
)
from services.mapper.core.match import distance
from services.mapper.core.normalise import name_keys, number_key, phone_key, words
from shared.contracts.records import Employee

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


def twin(facts: Facts, **claims: Any) -> Twin:
    """A destination record that nobody else claims, unless told."""
    flags = {
        "number_shared": False,
        "email_shared": False,
        "number_rival": False,
        "email_rival": False,
        "taken_by": None,
    }
    return Twin(facts, **(flags | claims))


def subject(facts: Facts, **more: Any) -> Subject:
    """A source record whose destination was read completely."""
    return Subject(facts, THERE, **({"directory_complete": True, "confirm_matches": False} | more))


JOHN = {"number": "7", "email": "j@x.org", "first_name": "John", "last_name": "Miller"}
ZOE = {"first_name": "Zoe", "last_name": "Quist"}


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (JOHN, JOHN, "linked"),
        ({**JOHN, "email": None}, {"number": "007"}, "linked"),
        ({**JOHN, "number": None}, {"email": "J@X.org"}, "linked"),
        (
            {**JOHN, "last_name": "Stone"},
            {"number": "7", "first_name": "John", "last_name": "Miller"},
            "linked",
        ),
        ({**JOHN, "email": "new@x.org"}, JOHN, "linked"),
        (JOHN, {"number": "7", "email": "z@x.org", **ZOE}, "contradiction"),
        (JOHN, {"number": "7", **ZOE}, "contradiction"),
        (JOHN, {**JOHN, "number": "8"}, "contradiction"),
        (JOHN, {"email": "j@x.org", **ZOE}, "contradiction"),
        (JOHN, {**JOHN, **ZOE}, "linked"),
    ],
)
def test_one_twin(mine: dict[str, Any], theirs: dict[str, Any], expected: str) -> None:
    decision = decide(subject(person(**mine), twins=(twin(person(THERE, **theirs)),)))
    assert (
        decision.reason if isinstance(decision, Disputed) else type(decision).__name__.lower()
    ) == expected


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"number_shared": True}, "number_not_unique"),
        ({"email_rival": True}, "contradiction"),
        ({"email_shared": True}, ""),
        ({"taken_by": UUID(int=9)}, "match_taken"),
    ],
)
def test_who_else_claims_the_twin(claims: dict[str, Any], expected: str) -> None:
    decision = decide(subject(person(**JOHN), twins=(twin(person(THERE, **JOHN), **claims),)))
    assert (
        decision.reason == expected
        if isinstance(decision, Disputed)
        else isinstance(decision, Linked) and not expected
    )


def test_an_email_alone_must_be_unique_at_the_source() -> None:
    mine = person(email="crew@x.org", first_name="Al")
    decision = decide(subject(mine, twins=(twin(person(THERE, email="crew@x.org"), email_shared=True),)))
    assert decision == Disputed("email_not_unique", decision.candidates)  # type: ignore[union-attr]


def test_number_and_email_point_at_two_people() -> None:
    twins = (twin(person(THERE, "1", number="7")), twin(person(THERE, "2", email="j@x.org")))
    decision = decide(subject(person(**JOHN), twins=twins))
    assert isinstance(decision, Disputed)
    assert (decision.reason, len(decision.candidates)) == ("contradiction", 2)


def test_two_at_the_destination_have_the_number() -> None:
    twins = tuple(twin(person(THERE, n, number="7")) for n in "12")
    assert decide(subject(person(**JOHN), twins=twins)).reason == "several_matches"  # type: ignore[union-attr]


def test_a_certain_twin_waits_for_its_directory_and_for_confirmation() -> None:
    twins = (twin(person(THERE, **JOHN)),)
    waiting = decide(subject(person(**JOHN), twins=twins, directory_complete=False, confirm_matches=True))
    asking = decide(subject(person(**JOHN), twins=twins, confirm_matches=True))
    assert isinstance(waiting, Unlinked)
    assert isinstance(asking, Unlinked)
    assert (waiting.reason, asking.reason) == ("directory_being_read", "confirm_match")


def test_a_refused_pair_is_never_linked_again() -> None:
    other = person(THERE, **JOHN)
    decision = decide(subject(person(**JOHN), twins=(twin(other),), refused=frozenset({other.record_id})))
    assert isinstance(decision, Disputed)


def test_a_stored_link_stays_when_everything_is_renamed() -> None:
    other = person(THERE, **JOHN)
    link = Link(other.record_id, "1", "manual", other)
    decision = decide(subject(person(number="99", **ZOE), link=link, directory_complete=False))
    assert isinstance(decision, Linked)
    assert decision.origin == "manual"


def test_gone_at_either_side() -> None:
    other = person(THERE, state="removed")
    link = Link(other.record_id, "1", "auto", other)
    assert decide(subject(person(**JOHN), link=link)) == Disputed("deleted_at_destination")
    assert decide(subject(person(state="removed"), link=link)) == Deleted(other.record_id)
    assert decide(subject(person(state="removed"))) == Deleted(None)


def test_a_wish_for_a_new_record_wins_over_a_twin() -> None:
    assert decide(subject(person(**JOHN), twins=(twin(person(THERE, **JOHN)),), create=ASKED)) == Unmatched(
        ASKED
    )


@pytest.mark.parametrize(
    ("mine", "theirs", "by_phone", "disputed"),
    [
        (
            {"first_name": "John", "last_name": "Miller"},
            {"first_name": "Jon", "last_name": "Miller"},
            False,
            True,
        ),
        ({"first_name": "John", "last_name": "Miller"}, {"display_name": "Miller, John Jr."}, False, True),
        ({**ZOE, "phone": "+12125550100"}, {"first_name": "Bo", "mobile": "(212) 555-0100"}, True, True),
        ({**ZOE, "phone": "+12125550100"}, {"first_name": "Bo", "mobile": "(212) 555-0100"}, False, False),
        (
            {"first_name": "Ann", "last_name": "Lee", "birth_date": date(1990, 1, 2)},
            {"first_name": "Beth", "last_name": "LEE", "birth_date": date(1990, 1, 2)},
            False,
            True,
        ),
        ({"first_name": "Ann", "last_name": "Lee"}, {"first_name": "Beth", "last_name": "Lee"}, False, False),
    ],
)
def test_who_looks_alike(
    mine: dict[str, Any], theirs: dict[str, Any], by_phone: bool, disputed: bool
) -> None:
    decision = decide(subject(person(**mine), others=(Other(person(THERE, **theirs), by_phone=by_phone),)))
    assert isinstance(decision, Disputed if disputed else Unmatched)


def test_the_likelier_candidate_comes_first() -> None:
    mine = person(first_name="John", last_name="Miller", phone="+12125550100")
    near, far = (
        person(THERE, "2", first_name="John", last_name="Miller"),
        person(THERE, "1", first_name="Jon", last_name="Miller"),
    )
    decision = decide(subject(mine, others=(Other(far), Other(near))))
    assert isinstance(decision, Disputed)
    assert [c.remote_id for c in decision.candidates] == ["2", "1"]
    assert {e.field: e.verdict for e in compare(mine, far)} == {
        "number": "missing", "email": "missing", "first_name": "similar", "last_name": "equal", "phone": "missing",
        "birth_date": "missing",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        (("John", "Miller"), ("john", "MILLER"), True),
        (("José", "Núñez"), ("Jose", "Nunez"), True),
        (("Siobhán", "O'Brien"), ("Siobhan", "OBrien"), True),
        (("Jörg", "Groß"), ("Jorg", "Gross"), True),
        (("Dr. John", "Miller Jr."), ("John", "Miller"), True),
        (("Miller", "John"), ("John", "Miller"), True),
        (("J.", "Miller"), ("John", "Miller"), True),
        (("Mary-Anne", "de la Cruz"), ("Mary Anne", "Delacruz"), True),
        (("Ana", "García López"), ("Ana", "García"), True),
        (("John", "Miller"), ("Jhon", "Miller"), True),
        (("John", "Miller"), ("Nohn", "Miller"), True),
        (("John", "Miller"), ("John", "Filler"), True),
        (("John", "Miller"), ("Joan", "Muller"), False),
        (("John", "Miller"), ("Mary", "Miller"), False),
        (("", ""), ("", ""), False),
    ],
)
def test_similar_names(a: tuple[str, str], b: tuple[str, str], alike: bool) -> None:
    one, two = (person(first_name=f, last_name=n) for f, n in (a, b))
    assert bool(similar_names(one, two)) is alike is bool(similar_names(two, one))


def test_normal_forms() -> None:
    assert words("Łukasz  D’Arcy-Smith, III") == "lukasz darcy smith"
    assert words("Jr") == "jr"
    assert name_keys(None, None, "Miller, John") == ("john", "miller")
    assert name_keys(None, None, "John Q Miller") == ("john", "q miller")
    assert [number_key(n) for n in ("E-0012", "0012", "000", " ", None)] == ["e0012", "12", "0", None, None]
    assert phone_key("+12125550100;ext=4", None) == "12125550100"
    assert phone_key(None, "123") is None
    assert [distance("ab", "ba", 1), distance("abc", "abd", 1), distance("abc", "xyz", 1)] == [1, 1, 2]
