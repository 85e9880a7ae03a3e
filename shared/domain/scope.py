"""Who takes part in syncing: conditions on what the source says of a person. Pure."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.employee import FIELDS, TEXTS, Employee

SCOPE_FIELDS = ("active", *TEXTS)
"""What a condition may ask for."""


class Condition(BaseModel):
    """A field has one of these values, whatever their case, or (`excluded`) none of them. An empty text stands for no value.

    `active` has the values `true` and `false`. A value that is masked, or that the source does not tell, counts as none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str = Field(max_length=100)
    values: tuple[str, ...] = Field(min_length=1, max_length=200)
    excluded: bool = False

    def holds(self, person: Employee) -> bool:
        """Whether it does for this person."""
        return (value_of(person, self.field) in map(compared, self.values)) is not self.excluded


def compared(text: str) -> str:
    """The text as conditions compare it."""
    return text.strip().casefold()


def value_of(person: Employee, field: str) -> str:
    """What conditions compare of this field; empty for no value."""
    value = getattr(person, field)
    return compared(str(value)) if value is not None and person.known(field) else ""


def in_scope(person: Employee, scope: Sequence[Condition]) -> bool:
    """Whether this person takes part."""
    return all(condition.holds(person) for condition in scope)


def scope_problem(scope: Sequence[Condition]) -> str | None:
    """Why a route cannot have these conditions, as a sentence; None when it can."""
    for condition in scope:
        if condition.field not in FIELDS or condition.field not in SCOPE_FIELDS:
            return f"there is no field {condition.field} that people can be chosen by."
        if condition.field == "active" and {v.strip().lower() for v in condition.values} - {"true", "false"}:
            return "active is true or false."
    return None
