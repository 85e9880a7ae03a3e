"""Who takes part, decided from what is kept of a record: whom the scope leaves out is nobody's case and claims nobody."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from shared.domain.employee import Employee
from shared.domain.scope import SCOPE_FIELDS, Condition, compared, value_of


@lru_cache(maxsize=65_536)
def _trait(field: str, text: str) -> int:
    digest = blake2b(f"{field}:{text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


_NO_VALUE = {field: _trait(field, "") for field in SCOPE_FIELDS}


def traits_of(employee: Employee) -> list[int]:
    """Everything that a condition may ask of a record, as a hash for each field, so that any scope that comes can be decided."""
    values = ((field, value_of(employee, field)) for field in SCOPE_FIELDS)
    return [_trait(field, text) if text else _NO_VALUE[field] for field, text in values]


class Scope(NamedTuple):
    """A route's conditions, each as the traits that it asks for, and whether these are the ones that it excludes."""

    conditions: tuple[tuple[frozenset[int], bool], ...] = ()

    def holds(self, traits: Sequence[int]) -> bool:
        """Whether a record with these traits takes part."""
        return all(asked.isdisjoint(traits) is excluded for asked, excluded in self.conditions)


def scope_of(conditions: Sequence[Condition]) -> Scope:
    """The scope of a route with these conditions."""
    return Scope(
        tuple((frozenset(_trait(c.field, compared(v)) for v in c.values), c.excluded) for c in conditions)
    )
