"""Fields that somebody changed at the destination after we last heard of them there, and what a person decides about them."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.syncer.core.state import Fields, RecordState
from shared.domain.employee import Employee
from shared.domain.mapping import RouteMapping

Ignored = Mapping[str, Mapping[str, Any]]
"""Per field the values of both sides, `there` and `wanted`, that a person let stand, in canonical JSON form."""


def drifted(state: RecordState, fields: Fields, there: Employee, mapping: RouteMapping) -> list[str]:
    """Of the fields that an update would write those whose value at the destination is not its last answer to us."""
    answered = state.answered
    if answered is None:
        return []
    return [
        name
        for name in fields
        if name != "active"
        and answered.known(name)
        and not mapping.same(name, getattr(answered, name), getattr(there, name))
    ]


def is_ignored(state: RecordState, name: str, wanted: object, there: object, mapping: RouteMapping) -> bool:
    """Whether a person let this difference stand, and neither side has changed since."""
    stands = state.ignored.get(name)
    return stands is not None and all(
        mapping.same(name, _json(value), stands[side])
        for side, value in (("wanted", wanted), ("there", there))
    )


def _json(value: object) -> object:
    return value if value is None or isinstance(value, bool) else str(value)


def unsure(state: RecordState, names: Iterable[str]) -> Employee | None:
    """The destination's last answers without these fields, after a write whose outcome is not known: it may show anything."""
    if state.answered is None:
        return None
    out = set(names)
    return state.answered.only(name for name in state.answered.model_fields_set if name not in out)
