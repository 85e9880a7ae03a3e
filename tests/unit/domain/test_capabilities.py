"""What each system carries, and what it is bound to refuse."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.capabilities import (
    NOT_MAPPED,
    System,
    creation_problem,
    left_out,
    mapped_fields,
)
from shared.domain.employee import FIELDS, Employee
from shared.domain.mapping import desired, mapping_in_effect
from shared.domain.reasons import NOTES, REASONS
from shared.systems import SYSTEMS
from shared.systems.quickbooks import PAYROLL

LINARC, QUICKBOOKS = SYSTEMS["linarc"], SYSTEMS["quickbooks"]
ADDRESS = {"address_city": "Mill", "address_state": "CA", "address_postal_code": "94000"}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_what_a_system_carries_is_a_field_of_an_employee(system: System) -> None:
    """Every system has an entry, and a greatest length stands only where there is text."""
    fields = system.fields

    assert set(fields) <= set(FIELDS)
    for name, capability in fields.items():
        if capability.max_length is not None:
            value = "x" * capability.max_length
            assert len(value) == len(getattr(Employee(**{name: value}), name))


def test_every_field_is_carried_by_a_system() -> None:
    """One that none carries would be a word without a thing."""
    assert set(FIELDS) == {name for system in SYSTEMS.values() for name in system.fields}
    assert set(FIELDS) >= NOT_MAPPED


@pytest.mark.parametrize(("source", "destination"), [(LINARC, QUICKBOOKS), (QUICKBOOKS, LINARC)])
@pytest.mark.parametrize("features", [(), (PAYROLL,)])
def test_what_is_mapped_both_carry_and_the_destination_takes(
    source: System, destination: System, features: tuple[str, ...]
) -> None:
    """Whether somebody is active is a decision of its own."""
    mapped = mapped_fields(source, destination, features)

    assert mapped and len(set(mapped)) == len(mapped)
    assert set(mapped) <= set(source.fields) & set(destination.fields) - NOT_MAPPED
    assert all(destination.fields[name].writable for name in mapped)


def test_payroll_takes_fields_away_and_adds_none() -> None:
    """What it manages itself is not written."""
    plain = mapped_fields(LINARC, QUICKBOOKS)
    with_payroll = mapped_fields(LINARC, QUICKBOOKS, (PAYROLL,))

    assert {"suffix", "bill_rate"} == set(plain) - set(with_payroll)
    assert set(with_payroll) < set(plain)


PROBLEMS: dict[str, tuple[dict[str, Any], System, tuple[str, ...], tuple[str, str | None] | None]] = {
    "nothing wrong": ({}, QUICKBOOKS, (), None),
    "no name": ({"first_name": None, "last_name": ""}, QUICKBOOKS, (), ("missing_name", "last_name")),
    "no name, Linarc": ({"first_name": None, "last_name": None}, LINARC, (), ("missing_name", "last_name")),
    "a first name is enough": ({"last_name": None}, QUICKBOOKS, (), None),
    "a last name is enough": ({"first_name": None}, LINARC, (), None),
    "a display name is not": (
        {"first_name": None, "last_name": None, "display_name": "A. Li"},
        QUICKBOOKS,
        (),
        ("missing_name", "last_name"),
    ),
    "a colon in a name": ({"first_name": "a:b"}, QUICKBOOKS, (), ("invalid_name", "first_name")),
    "a colon, Linarc": ({"first_name": "a:b"}, LINARC, (), None),
    "a name as long as may be": ({"last_name": "x" * 100}, QUICKBOOKS, (), None),
    "a name too long": ({"last_name": "x" * 101}, QUICKBOOKS, (), ("text_too_long", "last_name")),
    "a name that could not be read": (
        {"masked": ("first_name",)},
        QUICKBOOKS,
        (),
        ("unread_value", "first_name"),
    ),
    "what is not needed": ({"suffix": "a:" + "x" * 99, "email": "?", "gender": "x"}, QUICKBOOKS, (), None),
    "Payroll needs an address": ({}, QUICKBOOKS, (PAYROLL,), ("missing_value", "address_city")),
    "and all of it": (
        ADDRESS | {"address_postal_code": None},
        QUICKBOOKS,
        (PAYROLL,),
        ("missing_value", "address_postal_code"),
    ),
    "Payroll, a city too long": (
        ADDRESS | {"address_city": "x" * 256},
        QUICKBOOKS,
        (PAYROLL,),
        ("text_too_long", "address_city"),
    ),
    "Payroll with an address": (ADDRESS, QUICKBOOKS, (PAYROLL,), None),
    "Payroll is no matter of Linarc's": ({}, LINARC, (PAYROLL,), None),
    "what Payroll keeps from us is not judged": (
        ADDRESS | {"suffix": "a:" + "x" * 20},
        QUICKBOOKS,
        (PAYROLL,),
        None,
    ),
}


@pytest.mark.reason("text_too_long", "invalid_email", "unread_value", "missing_value")
@pytest.mark.parametrize(("values", "system", "features", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_bound_to_be_refused_is_said_before_it_is_sent(
    values: dict[str, Any], system: System, features: tuple[str, ...], problem: tuple[str, str | None] | None
) -> None:
    """With a reason that people can read, and the field it is about."""
    employee = Employee(**{"first_name": "Ana", "last_name": "Li"} | values)

    assert problem == creation_problem(employee, system, features)
    assert problem is None or problem[0] in REASONS


LEFT_OUT: dict[str, tuple[dict[str, Any], System, tuple[str, ...], set[str]]] = {
    "nothing": ({"gender": "Female", "email": "ana@x.org", "suffix": "x" * 16}, QUICKBOOKS, (), set()),
    "a gender that QuickBooks does not know": ({"gender": "Non-binary"}, QUICKBOOKS, (), {"gender"}),
    "Linarc knows it": ({"gender": "Non-binary"}, LINARC, (), set()),
    "a colon in what is no main name": (
        {"middle_name": "a:b", "suffix": "a:b"},
        QUICKBOOKS,
        (),
        {"middle_name", "suffix"},
    ),
    "no address at all": ({"email": "ask ana"}, QUICKBOOKS, (), {"email"}),
    "an address without a domain": ({"email": "ana@host"}, LINARC, (), {"email"}),
    "a point before the @ only": ({"email": "a.na@host"}, QUICKBOOKS, (), {"email"}),
    "too long": ({"suffix": "x" * 17, "number": "x" * 51}, QUICKBOOKS, (), {"suffix"}),
    "too long for Linarc": ({"number": "x" * 51}, LINARC, (), {"number"}),
    "what it does not carry may be long": ({"title": "x" * 500}, QUICKBOOKS, (), set()),
    "a masked one": ({"gender": "x", "masked": ("gender",)}, QUICKBOOKS, (), set()),
    "Payroll keeps it from us": ({"suffix": "x" * 17}, QUICKBOOKS, (PAYROLL,), set()),
    "Payroll needs it": ({"address_city": "x" * 256}, QUICKBOOKS, (PAYROLL,), set()),
    "without Payroll it does not": ({"address_city": "x" * 256}, QUICKBOOKS, (), {"address_city"}),
}


@pytest.mark.reason("note.left_out")
@pytest.mark.parametrize(("values", "system", "features", "fields"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_a_destination_cannot_hold_and_does_not_need_is_left_out(
    values: dict[str, Any], system: System, features: tuple[str, ...], fields: set[str]
) -> None:
    """With a note, and it never stops the record."""
    employee = Employee(**{"first_name": "Ana", "last_name": "Li"} | values)
    other = LINARC if system is QUICKBOOKS else QUICKBOOKS
    notes = left_out(desired(employee, mapping_in_effect((), other, system, features)), system, features)

    assert fields == {note.field for note in notes}
    assert {"left_out"} >= {note.reason for note in notes} <= NOTES.keys()
    if not features:
        assert creation_problem(employee, system) is None
