"""Which source field, constant or template feeds which destination field, and what the destination should hold. Pure."""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.domain.capabilities import (
    System,
    left_out,
    mapped_fields,
    value_problem,
    writable_fields,
)
from shared.domain.employee import FIELDS, Employee
from shared.domain.forms import AMOUNTS, same
from shared.domain.values import LONGEST_TEXT

_KINDS = (
    dict.fromkeys(AMOUNTS, "amount")
    | dict.fromkeys(("hire_date", "end_date", "birth_date"), "date")
    | dict.fromkeys(("active", "billable"), "yes or no")
)
"""What is not text."""
_PLACE = re.compile(r"\{([a-z_0-9]+)\}")
_BRACE = re.compile(r"[{}]")


class Mode(StrEnum):
    """When a push writes a mapped field."""

    ALWAYS = "always"
    ON_CREATE = "on_create"
    ONLY_IF_EMPTY = "only_if_empty"
    NEVER = "never"


class FieldMapping(BaseModel):
    """What feeds one field of the destination: a field of the source, a constant, or a template such as `{title} ({number})`.

    With `may_clear`, an empty value clears what came from the source before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    destination: str = Field(max_length=100)
    source: str | None = Field(default=None, max_length=100)
    constant: str | None = Field(default=None, min_length=1, max_length=LONGEST_TEXT)
    template: str | None = Field(default=None, min_length=1, max_length=LONGEST_TEXT)
    mode: Mode = Mode.ALWAYS
    may_clear: bool = True


class RouteMapping(NamedTuple):
    """The mapping of a route in effect: one entry for each field that a push may write."""

    destination: System
    features: tuple[str, ...]
    entries: tuple[FieldMapping, ...]

    def same(self, field: str, one: Any, other: Any) -> bool:
        """Whether two values, as Python or JSON, are equal to the destination: in their forms, at its scale."""
        return same(field, one, other, self.destination.scales.get(field))

    def carried(self, wanted: Employee) -> Sequence[FieldMapping]:
        """The entries without those whose value the destination cannot hold and does not need."""
        out = {note.field for note in left_out(wanted, self.destination, self.features)}
        return [one for one in self.entries if one.destination not in out] if out else self.entries


@lru_cache(maxsize=1024)
def mapping_in_effect(
    own: tuple[FieldMapping, ...], source: System, destination: System, features: tuple[str, ...] = ()
) -> RouteMapping:
    """The company's own entries, and for every other field that both systems hold the field of the same name."""
    entries = {f: FieldMapping(destination=f, source=f) for f in mapped_fields(source, destination, features)}
    writable = writable_fields(destination, features)
    entries |= {one.destination: one for one in own if one.destination in writable}
    return RouteMapping(destination, features, tuple(e for e in entries.values() if e.mode is not Mode.NEVER))


def desired(source: Employee, mapping: RouteMapping) -> Employee:
    """What the destination should hold of this record, in its fields, and whether the person is active.

    A field whose origin the source does not tell is not set; one whose origin is masked is masked.
    """
    values: dict[str, Any] = {}
    masked = ["active"] if "active" in source.masked else []
    if source.known("active"):
        values["active"] = source.active
    for entry in mapping.entries:
        name, origins = entry.destination, _origins(entry)
        if not source.masked or not any(origin in source.masked for origin in origins):
            known, value = _value(source, entry, origins)
            if known:
                values[name] = value
                continue
            if value is None:
                continue
        masked.append(name)
    wanted = Employee.model_construct(_fields_set=set(values), **values)
    return wanted.model_copy(update={"masked": tuple(masked)}) if masked else wanted


def _value(source: Employee, entry: FieldMapping, origins: Sequence[str]) -> tuple[bool, Any]:
    """Whether there is a value, and which; what the field cannot take is no value, and given as text."""
    if entry.source == entry.destination:
        return entry.source in source.model_fields_set, getattr(source, entry.source)
    if origins and not any(origin in source.model_fields_set for origin in origins):
        return False, None
    if entry.source is not None:
        value = getattr(source, entry.source)
    elif entry.constant is not None:
        value = entry.constant
    else:
        value = _PLACE.sub(lambda place: str(getattr(source, place[1]) or ""), entry.template or "")
        if not any(getattr(source, origin) for origin in origins):
            value = None
    return _typed(entry.destination, value)


def _typed(field: str, value: Any) -> tuple[bool, Any]:
    try:
        return True, getattr(Employee.model_validate({field: value}), field)
    except ValidationError:
        return False, value


@lru_cache(maxsize=4096)
def _origins(entry: FieldMapping) -> tuple[str, ...]:
    """The source fields that this entry's value is made of."""
    if entry.source is not None:
        return (entry.source,)
    return tuple(_PLACE.findall(entry.template or ""))


def kind_of(field: str) -> str:
    """What a field takes: text, amount, date, or yes or no."""
    return _KINDS.get(field, "text")


def sources_for(field: str, source: System) -> tuple[str, ...]:
    """The fields of the source that may feed this one as they are."""
    return tuple(name for name in source.fields if name in FIELDS and kind_of(name) == kind_of(field))


def mapping_problem(own: Sequence[FieldMapping], source: System, destination: System) -> str | None:
    """Why a route between these systems cannot have these entries, as a sentence; None when it can."""
    seen: set[str] = set()
    for entry in own:
        name = entry.destination
        if name in seen:
            return f"{name} is mapped twice."
        seen.add(name)
        if name not in writable_fields(destination, ()):
            return f"{name} is not a field that the destination lets us write."
        if entry.mode is Mode.NEVER and name in ("first_name", "last_name"):
            return f"{name} is needed at the destination."
        if problem := _entry_problem(entry, source, destination):
            return f"{name}: {problem}"
    return None


def _entry_problem(entry: FieldMapping, source: System, destination: System) -> str | None:
    given = sum(origin is not None for origin in (entry.source, entry.constant, entry.template))
    if given > 1 or (given == 0 and entry.mode is not Mode.NEVER):
        return "give one of source, constant and template."
    for origin in _origins(entry):
        if origin not in FIELDS or origin not in source.fields:
            return f"the source has no field {origin}."
    kinds = {kind_of(origin) for origin in _origins(entry)}
    kind = kind_of(entry.destination)
    if kinds - {kind}:
        return f"it takes {kind}, not {', '.join(sorted(kinds - {kind}))}."
    if entry.template is not None and (problem := _template_problem(entry, kind)):
        return problem
    if entry.constant is not None:
        fits, value = _typed(entry.destination, entry.constant)
        if not fits or value is None or value_problem(value, entry.destination, destination):
            return "the destination cannot hold this constant."
    return None


def _template_problem(entry: FieldMapping, kind: str) -> str | None:
    if _BRACE.search(_PLACE.sub("", entry.template or "")):
        return "a template holds names of fields in braces, and no other braces."
    if not _origins(entry):
        return "a template names at least one field; use a constant instead."
    return "a template makes text." if kind != "text" else None
