"""Absent, null and masked are three things; a delta, an overlay and a hash keep them apart."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.employee import FIELDS, Change, Employee, content_hash, delta
from shared.domain.ids import account_id, record_id

COMPANY = UUID(int=1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.sampled_from(["1", "2"]),
    "first_name": st.sampled_from(["Ana", "Bo"]),
    "email": st.sampled_from(["a@x.org", "b@x.org"]),
    "phone": st.sampled_from(["+14155552671", "+14155552672"]),
    "bill_rate": st.sampled_from([Decimal(0), Decimal("9.5")]),
    "billable": st.booleans(),
    "hire_date": st.dates(date(2020, 1, 1), date(2020, 1, 3)),
    "address_country": st.sampled_from(["US", "CA"]),
    "active": st.booleans(),
}
given_values = st.fixed_dictionaries({}, optional={n: st.none() | values for n, values in VALUES.items()})


def people() -> st.SearchStrategy[Employee]:
    """Each field absent, null or set."""
    return given_values.map(lambda values: Employee(**values))


def hashed(person: Employee) -> bytes:
    return content_hash(person.formed().text())


MOVED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Change]]] = {
    "nothing": ({"title": "Mason"}, {"title": "Mason"}, {}),
    "a value": ({"title": "Mason"}, {"title": "Lead"}, {"title": Change(before="Mason", after="Lead")}),
    "a new value": ({}, {"title": "Lead"}, {"title": Change(before=None, after="Lead")}),
    "cleared": ({"title": "Mason"}, {"title": None}, {"title": Change(before="Mason", after=None)}),
    "not told any more": ({"title": "Mason"}, {}, {}),
    "not to be seen any more": ({"title": "Mason"}, {"masked": ("title",)}, {}),
    "null and never told are the same to begin with": ({}, {"title": None}, {}),
    "an amount in another spelling": ({"bill_rate": "9.50"}, {"bill_rate": 9.5}, {}),
    "an amount, in JSON form": (
        {"bill_rate": "9.50"},
        {"bill_rate": "100"},
        {"bill_rate": Change(before="9.5", after="100")},
    ),
    "a date, in JSON form": (
        {},
        {"hire_date": date(2026, 1, 2)},
        {"hire_date": Change(before=None, after="2026-01-02")},
    ),
}


@pytest.mark.parametrize(("before", "after", "moved"), MOVED.values(), ids=MOVED)
def test_a_delta_has_what_is_known_and_differs(
    before: dict[str, Any], after: dict[str, Any], moved: dict[str, Change]
) -> None:
    """What the newer record does not tell never moves anything."""
    assert moved == delta(Employee(**before), Employee(**after))


KNOWN: dict[str, tuple[Employee, bool, Any]] = {
    "absent": (Employee(), False, "Mason"),
    "null": (Employee(title=None), True, None),
    "blank is null": (Employee(title=" "), True, None),
    "set": (Employee(title="Lead"), True, "Lead"),
    "masked": (Employee(masked=("title",)), False, "Mason"),
    "masked, with the mask as its value": (Employee(title="XXX", masked=("title",)), False, "Mason"),
}


@pytest.mark.parametrize(("newer", "known", "left"), KNOWN.values(), ids=KNOWN)
def test_only_null_clears(newer: Employee, known: bool, left: Any) -> None:
    """Absent and masked leave the other side alone."""
    assert known == newer.known("title")
    assert left == Employee(title="Mason").overlaid(newer).title
    assert known == ("title" in newer.only_known().model_fields_set)


@given(people(), people())
def test_an_overlay_has_all_that_the_newer_one_knows_and_the_rest_of_the_older(
    old: Employee, new: Employee
) -> None:
    """Afterwards nothing is left to change, and doing it again changes nothing."""
    both = old.overlaid(new)

    assert {} == delta(both, new)
    assert old.model_fields_set | new.model_fields_set == both.model_fields_set
    for name in FIELDS:
        assert getattr(both, name) == getattr(new if new.known(name) else old, name)
    assert both.text() == both.overlaid(new).text()


@given(people(), people())
def test_a_delta_laid_over_gives_the_target(old: Employee, new: Employee) -> None:
    """Its values are JSON, as they travel; what it tells to be before was there."""
    moved = delta(old, new)
    laid = old.overlaid(Employee(**{name: change.after for name, change in moved.items()}))

    assert {} == delta(laid, new)
    was = old.model_dump(mode="json")
    assert all(change.before == was[name] != change.after for name, change in moved.items())


@given(given_values, st.randoms(use_true_random=False))
def test_the_order_of_the_fields_is_no_content(values: dict[str, Any], random: Any) -> None:
    """Nor is the way through JSON and back."""
    names = list(values)
    random.shuffle(names)
    person, shuffled = Employee(**values), Employee(**{name: values[name] for name in names})

    assert person.text() == shuffled.text()
    assert hashed(person) == hashed(Employee.model_validate_json(person.text()))


@given(people(), people())
def test_hashes_are_equal_if_and_only_if_all_that_is_known_is(one: Employee, other: Employee) -> None:
    """Null is a value that is known; absent is not."""
    same = one == other and one.model_fields_set == other.model_fields_set

    assert same == (hashed(one) == hashed(other))


SAME: dict[str, tuple[Employee, Employee, bool]] = {
    "null is not absent": (Employee(title=None), Employee(), False),
    "blank is null": (Employee(title=""), Employee(title=None), True),
    "another spelling": (Employee(phone="(415) 555-2671"), Employee(phone="+1 415 555 2671"), True),
    "another amount of the same value": (Employee(bill_rate="-0"), Employee(bill_rate="0.00"), True),
    "a mask is not a value": (
        Employee(birth_date="2000-01-01", masked=("birth_date",)),
        Employee(masked=("birth_date",)),
        True,
    ),
    "nothing masked": (Employee(title="Lead", masked=()), Employee(title="Lead"), True),
    "masked is not absent": (Employee(masked=("birth_date",)), Employee(), False),
    "an unknown field": (
        Employee.model_validate({"title": "Lead", "shoe_size": 9}),
        Employee(title="Lead"),
        True,
    ),
}


@pytest.mark.parametrize(("one", "other", "same"), SAME.values(), ids=SAME)
def test_what_is_the_same_content(one: Employee, other: Employee, same: bool) -> None:
    """Only then is a record read again no news."""
    assert same == (hashed(one) == hashed(other))
    assert 16 == len(hashed(one))


def test_the_text_has_what_was_reported_and_no_more() -> None:
    """Nulls stand in it, absent fields and masked values do not; it gives the same record again."""
    person = Employee(title=None, email="A@x.org", birth_date="2000-01-01", masked=("birth_date",))

    assert '{"email":"A@x.org","title":null,"masked":["birth_date"]}' == person.text()
    again = Employee.model_validate_json(person.text())
    assert [person.known(name) for name in FIELDS] == [again.known(name) for name in FIELDS]


NAMES: dict[str, tuple[dict[str, Any], str]] = {
    "all parts": (
        {"first_name": "Ana", "middle_name": "M", "last_name": "Li", "suffix": "Jr"},
        "Ana M Li Jr",
    ),
    "some parts": ({"last_name": "Li", "display_name": "A. Li"}, "Li"),
    "a display name alone": ({"first_name": None, "display_name": "A. Li"}, "A. Li"),
    "none": ({}, ""),
}


@pytest.mark.parametrize(("values", "name"), NAMES.values(), ids=NAMES)
def test_a_full_name_falls_back_to_the_display_name(values: dict[str, Any], name: str) -> None:
    """As lists show it."""
    assert name == Employee(**values).full_name()


def test_ids_are_made_of_what_they_name() -> None:
    """The same tenant connected again is the same account, with the same records; every part counts."""
    account = account_id(COMPANY, "linarc", "test", "1")
    others = {
        account_id(COMPANY, "linarc", "test", "2"),
        account_id(COMPANY, "linarc", "production", "1"),
        account_id(COMPANY, "quickbooks", "test", "1"),
        account_id(account, "linarc", "test", "1"),
    }

    assert account == account_id(COMPANY, "linarc", "test", "1")
    assert 5 == len({account, *others})
    assert record_id(account, "7") == record_id(account, "7") != record_id(account, "8")
    assert 5 == len({record_id(a, "7") for a in (account, *others)})
