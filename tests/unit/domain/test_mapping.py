"""What the destination should hold of a source record, by the mapping of the route."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.capabilities import mapped_fields
from shared.domain.employee import Employee
from shared.domain.mapping import FieldMapping, desired, mapping_in_effect, mapping_problem
from shared.systems import SYSTEMS

LINARC, QUICKBOOKS = SYSTEMS["linarc"], SYSTEMS["quickbooks"]
ANA = Employee(
    first_name="Ana",
    last_name="Li",
    middle_name=None,
    title="Welder",
    number="7",
    phone="503 555-0111",
    cost_rate=Decimal("31.5"),
    hire_date=date(2026, 1, 2),
    active=True,
    state="invited",
)


def wanted(source: Employee, *own: FieldMapping, features: tuple[str, ...] = ()) -> Employee:
    """What QuickBooks should hold of a record of Linarc."""
    return desired(source, mapping_in_effect(own, LINARC, QUICKBOOKS, features))


def test_by_default_each_field_is_fed_from_the_field_of_the_same_name() -> None:
    """With its text, null included; what only one of the systems holds is not wanted, and what is not known neither."""
    there = wanted(ANA)

    names = {n for n in mapped_fields(LINARC, QUICKBOOKS) if ANA.known(n)} | {"active"}
    assert names == there.model_fields_set
    assert {n: getattr(ANA, n) for n in names} == {n: getattr(there, n) for n in names}
    assert "503 555-0111" == there.phone
    assert "title" not in there.model_fields_set
    assert "suffix" not in there.model_fields_set


MAPPED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another field": ({"destination": "suffix", "source": "title"}, {"suffix": "Welder"}),
    "a constant": ({"destination": "billable", "constant": "true"}, {"billable": True}),
    "an amount": ({"destination": "bill_rate", "constant": "45.50"}, {"bill_rate": Decimal("45.5")}),
    "a template": ({"destination": "suffix", "template": "{title} ({number})"}, {"suffix": "Welder (7)"}),
    "an empty place": (
        {"destination": "suffix", "template": "{title} {middle_name} x"},
        {"suffix": "Welder x"},
    ),
    "a template of nothing": ({"destination": "suffix", "template": "x {middle_name}"}, {"suffix": None}),
    "an unknown origin": ({"destination": "suffix", "source": "department"}, {}),
    "never": ({"destination": "phone", "mode": "never"}, {}),
}


@pytest.mark.parametrize(("entry", "values"), MAPPED.values(), ids=MAPPED)
def test_a_companys_own_entry_takes_the_place_of_the_default(
    entry: dict[str, Any], values: dict[str, Any]
) -> None:
    there = wanted(ANA, FieldMapping.model_validate(entry))
    name = entry["destination"]

    assert values == {n: getattr(there, n) for n in (name,) if there.known(n)}
    assert "Ana" == there.first_name


@pytest.mark.parametrize(
    "entry",
    [
        FieldMapping(destination="suffix", source="title"),
        FieldMapping(destination="suffix", template="{number} {title}"),
    ],
)
def test_what_is_made_of_a_masked_value_is_masked(entry: FieldMapping) -> None:
    there = wanted(ANA.model_copy(update={"masked": ("title",)}), entry)

    assert ("suffix",) == there.masked
    assert not there.known("suffix")


def test_a_template_that_comes_to_more_than_any_field_holds_is_not_written() -> None:
    there = wanted(
        ANA.model_copy(update={"title": "x" * 400}),
        FieldMapping(destination="suffix", template="{title}{title}"),
    )

    assert ("suffix",) == there.masked


def test_what_a_feature_of_the_destination_forbids_is_not_mapped() -> None:
    there = wanted(ANA, FieldMapping(destination="suffix", source="title"), features=("payroll",))

    assert not there.known("suffix")


PROBLEMS: dict[str, tuple[list[dict[str, Any]], str | None]] = {
    "nothing": ([], None),
    "no origin": ([{"destination": "suffix"}], "give one"),
    "two origins": ([{"destination": "suffix", "source": "title", "constant": "x"}], "give one"),
    "all kinds": ([entry for entry, _ in MAPPED.values() if entry["destination"] != "suffix"], None),
    "twice": ([{"destination": "suffix", "source": "title"}] * 2, "twice"),
    "no such field": ([{"destination": "shoe_size", "source": "title"}], "not a field"),
    "a decision of its own": ([{"destination": "active", "constant": "true"}], "not a field"),
    "not at the source": ([{"destination": "suffix", "source": "honorific"}], "no field honorific"),
    "nowhere": ([{"destination": "suffix", "template": "{shoe_size}"}], "no field shoe_size"),
    "a name is needed": ([{"destination": "last_name", "mode": "never"}], "needed"),
    "another kind": ([{"destination": "suffix", "source": "hire_date"}], "not date"),
    "a template of an amount": ([{"destination": "bill_rate", "template": "{number}"}], "not text"),
    "a brace": ([{"destination": "suffix", "template": "{title!r} {number}"}], "braces"),
    "a template of no field": ([{"destination": "suffix", "template": "Mr"}], "constant"),
    "no amount": ([{"destination": "bill_rate", "constant": "much"}], "cannot hold"),
    "too long": ([{"destination": "suffix", "constant": "x" * 17}], "cannot hold"),
}


@pytest.mark.parametrize(("entries", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_entries_that_a_route_cannot_have_are_named(
    entries: list[dict[str, Any]], problem: str | None
) -> None:
    own = [FieldMapping.model_validate(entry) for entry in entries]
    found = mapping_problem(own, LINARC, QUICKBOOKS)

    assert (found is None) if problem is None else (found is not None and problem in found)


@pytest.mark.parametrize(
    "entry",
    [
        {"destination": "suffix", "source": "title", "colour": "red"},
        {"destination": "suffix", "source": "title", "mode": "sometimes"},
    ],
)
def test_an_entry_takes_only_what_it_means(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FieldMapping.model_validate(entry)
