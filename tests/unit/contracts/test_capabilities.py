"""What each system carries, and what it is bound to refuse."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.capabilities import (
    CAPABILITIES,
    NOT_MAPPED,
    PAYROLL,
    creation_problem,
    mapped_fields,
)
from shared.contracts.reasons import REASONS
from shared.contracts.records import FIELDS, Employee, System

LINARC, QUICKBOOKS = System.LINARC, System.QUICKBOOKS
ADDRESS = {"address_city": "Mill", "address_state": "CA", "address_postal_code": "94000"}


@pytest.mark.parametrize("system", System)
def test_what_a_system_carries_is_a_field_of_an_employee(system: System) -> None:
    """Every system has an entry, and a greatest length stands only where there is text."""
    fields = CAPABILITIES[system]

    assert set(fields) <= set(FIELDS)
    for name, capability in fields.items():
        if capability.max_length is not None:
            value = "x" * capability.max_length
            assert len(value) == len(getattr(Employee(**{name: value}), name))


def test_every_field_is_carried_by_a_system() -> None:
    """One that none carries would be a word without a thing."""
    assert set(FIELDS) == {name for fields in CAPABILITIES.values() for name in fields}
    assert set(FIELDS) >= NOT_MAPPED


@pytest.mark.parametrize(("source", "destination"), [(LINARC, QUICKBOOKS), (QUICKBOOKS, LINARC)])
@pytest.mark.parametrize("features", [(), (PAYROLL,)])
def test_what_is_mapped_both_carry_and_the_destination_takes(
    source: System, destination: System, features: tuple[str, ...]
) -> None:
    """Whether somebody is active is a decision of its own."""
    mapped = mapped_fields(source, destination, features)

    assert mapped and len(set(mapped)) == len(mapped)
    assert set(mapped) <= set(CAPABILITIES[source]) & set(CAPABILITIES[destination]) - NOT_MAPPED
    assert all(CAPABILITIES[destination][name].writable for name in mapped)


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
    "a colon in a name": ({"middle_name": "a:b"}, QUICKBOOKS, (), ("invalid_name", "middle_name")),
    "a colon in a suffix": ({"suffix": "a:b"}, QUICKBOOKS, (), ("invalid_name", "suffix")),
    "a colon, Linarc": ({"middle_name": "a:b"}, LINARC, (), None),
    "no address at all": ({"email": "ask ana"}, QUICKBOOKS, (), ("invalid_email", "email")),
    "an address without a domain": ({"email": "ana@host"}, QUICKBOOKS, (), ("invalid_email", "email")),
    "a point before the @ only": ({"email": "a.na@host"}, QUICKBOOKS, (), ("invalid_email", "email")),
    "no address": ({"email": None}, QUICKBOOKS, (), None),
    "an address": ({"email": "ana@x.org"}, QUICKBOOKS, (), None),
    "as long as may be": ({"suffix": "x" * 16}, QUICKBOOKS, (), None),
    "too long": ({"suffix": "x" * 17}, QUICKBOOKS, (), ("text_too_long", "suffix")),
    "not too long for the other": ({"suffix": "x" * 17}, LINARC, (), None),
    "a number too long for Linarc": ({"number": "x" * 51}, LINARC, (), ("text_too_long", "number")),
    "what it does not carry may be long": ({"title": "x" * 500}, QUICKBOOKS, (), None),
    "Payroll needs an address": ({}, QUICKBOOKS, (PAYROLL,), ("missing_value", "address_city")),
    "and all of it": (
        ADDRESS | {"address_postal_code": None},
        QUICKBOOKS,
        (PAYROLL,),
        ("missing_value", "address_postal_code"),
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


@pytest.mark.parametrize(("values", "system", "features", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_bound_to_be_refused_is_said_before_it_is_sent(
    values: dict[str, Any], system: System, features: tuple[str, ...], problem: tuple[str, str | None] | None
) -> None:
    """With a reason that people can read, and the field it is about."""
    employee = Employee(**{"first_name": "Ana", "last_name": "Li"} | values)

    assert problem == creation_problem(employee, system, features)
    assert problem is None or problem[0] in REASONS
