"""Who takes part, and how two people of one name are told apart."""

from __future__ import annotations

import pytest

from shared.domain.display_names import distinguished, rule_problem
from shared.domain.employee import Employee
from shared.domain.scope import Condition, in_scope, scope_problem

ANA = Employee(first_name="Ana", department="Field Crew", active=True, number="7012")


@pytest.mark.parametrize(
    ("condition", "takes_part"),
    [
        (Condition(field="department", values=("field crew ",)), True),
        (Condition(field="department", values=("Office", "Yard")), False),
        (Condition(field="department", values=("Field Crew",), excluded=True), False),
        (Condition(field="active", values=("true",)), True),
        (Condition(field="active", values=("false",)), False),
        (Condition(field="title", values=("",)), True),
        (Condition(field="title", values=("Foreman",)), False),
        (Condition(field="title", values=("Foreman",), excluded=True), True),
    ],
)
def test_a_condition_asks_for_one_of_some_values(condition: Condition, takes_part: bool) -> None:
    assert in_scope(ANA, (condition,)) is takes_part


def test_all_conditions_must_hold_and_none_lets_everybody_in() -> None:
    crew, office = (Condition(field="department", values=(v,)) for v in ("Field Crew", "Office"))
    assert in_scope(ANA, ())
    assert in_scope(ANA, (crew,))
    assert not in_scope(ANA, (crew, office))


def test_a_masked_value_counts_as_none() -> None:
    hidden = Employee(first_name="Ana", masked=("department",))
    assert not in_scope(hidden, (Condition(field="department", values=("Field Crew",)),))
    assert in_scope(hidden, (Condition(field="department", values=("",)),))


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        (Condition(field="department", values=("x",)), False),
        (Condition(field="active", values=("True",)), False),
        (Condition(field="active", values=("yes",)), True),
        (Condition(field="bill_rate", values=("1",)), True),
        (Condition(field="nothing", values=("1",)), True),
    ],
)
def test_a_condition_asks_for_text_or_whether_somebody_is_active(condition: Condition, problem: bool) -> None:
    assert (scope_problem((condition,)) is not None) is problem


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("{name} ({number})", "Ana Li (7012)"),
        ("{number} {name}", "7012 Ana Li"),
        ("{name} ({title})", None),
    ],
)
def test_a_rule_gives_a_namesake_another_display_name(rule: str, name: str | None) -> None:
    assert rule_problem(rule) is None
    assert distinguished(rule, "Ana Li", ANA.model_dump(mode="json")) == name


@pytest.mark.parametrize(
    "rule", ["{name}", "{number}", "{name} {salary}", "{name}: {number}", "{name} {number"]
)
def test_a_rule_that_cannot_tell_people_apart_is_refused(rule: str) -> None:
    assert rule_problem(rule)
