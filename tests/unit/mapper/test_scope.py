"""Whom the scope lets take part, decided from the hashes that mapper keeps: as the conditions themselves decide."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.mapper.core import scope_of
from services.mapper.core.scope import traits_of
from shared.domain.employee import Employee
from shared.domain.scope import SCOPE_FIELDS, Condition, in_scope

VALUES = ["", " ", "Crew", "crew ", "Straße", "STRASSE", "Office"]
TEXTS = [name for name in SCOPE_FIELDS if name != "active"]
people = st.fixed_dictionaries({}, optional={
    **{name: st.sampled_from([None, *VALUES]) for name in TEXTS}, "active": st.sampled_from([None, True, False]),
    "masked": st.sets(st.sampled_from(TEXTS), max_size=2).map(tuple),
})  # fmt: skip
conditions = st.lists(
    st.builds(
        Condition,
        field=st.sampled_from(SCOPE_FIELDS),
        values=st.lists(st.sampled_from([*VALUES, "true", "False"]), min_size=1, max_size=3).map(tuple),
        excluded=st.booleans(),
    ),
    max_size=3,
)


@given(people, conditions)
def test_the_hashes_of_a_record_decide_as_its_values_do(
    person: dict[str, Any], scope: list[Condition]
) -> None:
    employee = Employee(**person)
    assert scope_of(scope).holds(traits_of(employee)) is in_scope(employee, scope)


def test_every_field_that_a_condition_may_name_has_one_hash() -> None:
    everything = Employee(active=True, **dict.fromkeys(TEXTS, "x"))
    assert len(set(traits_of(everything))) == len(SCOPE_FIELDS)
    assert traits_of(Employee(title="  ", masked=("number",), number="7")) == []
