"""Who takes part, decided from what is kept of a record: whom the scope leaves out is nobody's case and claims nobody."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from shared.domain.employee import Employee
from shared.domain.scope import SCOPE_FIELDS, Condition, compared

_FIELD_BITS = 5
_FIELD = (1 << _FIELD_BITS) - 1
_PLACES = {field: place for place, field in enumerate(SCOPE_FIELDS)}


@lru_cache(maxsize=65_536)
def _trait(field: str, value: object) -> int | None:
    """A hash of the value as conditions compare it, with the field in its last bits; None for no value."""
    text = compared(str(value))
    digest = blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "little", signed=True) & ~_FIELD) | _PLACES[field] if text else None


def traits_of(employee: Employee) -> list[int]:
    """A hash of each value that a condition may ask for, so that any scope that comes can be decided."""
    masked = employee.masked
    return [
        trait
        for field, value in employee.__dict__.items()
        if value is not None and field in _PLACES and field not in masked and (trait := _trait(field, value))
    ]


class _Asked(NamedTuple):
    """A condition: the field's place, the traits that it asks for, whether no value is one, and whether it excludes them."""

    place: int
    traits: frozenset[int]
    empty: bool
    excluded: bool

    def holds(self, traits: Sequence[int]) -> bool:
        found = not self.traits.isdisjoint(traits)
        if self.empty and not found:
            found = all(trait & _FIELD != self.place for trait in traits)
        return found is not self.excluded


class Scope(NamedTuple):
    """Who takes part."""

    conditions: tuple[_Asked, ...] = ()

    def holds(self, traits: Sequence[int]) -> bool:
        """Whether a record with these traits does."""
        return all(condition.holds(traits) for condition in self.conditions)


def scope_of(conditions: Sequence[Condition]) -> Scope:
    """The scope of a route with these conditions."""
    asked = [(c, {_trait(c.field, v) for v in c.values}) for c in conditions]
    return Scope(
        tuple(
            _Asked(
                _PLACES[c.field], frozenset(t for t in traits if t is not None), None in traits, c.excluded
            )
            for c, traits in asked
        )
    )
