"""What a system can hold, as data, and what follows from it for a record. `shared.systems` describes each system."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from shared.domain.employee import Employee
from shared.domain.values import Note


@dataclass(frozen=True, slots=True)
class Capability:
    """One field of one system.

    `max_length` is in characters, `scale` in decimal places, `choices` in small letters; text has none of `without`.
    """

    max_length: int | None = None
    writable: bool = True
    scale: int | None = None
    choices: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Feature:
    """What a tenant may have switched on: fields that may no longer be written, and fields that must be there."""

    not_written: frozenset[str] = frozenset()
    needed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rates:
    """How much one directory takes from all services together; 0 is no limit."""

    requests_per_minute: int = 0
    requests_per_second: int = 0
    batches_per_minute: int = 0
    concurrent: int = 0
    metered_per_month: int = 0
    """What people are shown that a month allows; nothing is stopped by it."""


@dataclass(frozen=True, eq=False)
class System:
    """A system that holds a workforce directory: everything about it that is data.

    `id` is its name in events and addresses, `label` and `short_label` are what people read. `credential` names the
    fields of a credential that a person must give. Requests go only to `hosts` and to what an installation adds to them.
    `connector` is the package whose `open_connector` opens it.
    """

    id: str
    label: str
    short_label: str
    connector: str
    fields: Mapping[str, Capability]
    credential: tuple[str, ...]
    hosts: frozenset[str]
    rates: Rates
    features: Mapping[str, Feature]
    payload_shown: frozenset[str]
    """The members of a raw record that every role sees: no birth date, pay or address, and nothing unknown."""
    batch_items: str = ""
    """The member of a batch's request that lists its writes."""
    record_member: str = ""
    """The member of a write's request or answer that holds the record; the whole of it where that is missing."""
    unique: tuple[str, ...] = ()
    """The fields whose value only one record may hold, whatever its case."""
    name_lists: tuple[str, ...] = ()
    """The other lists whose names no `display_name` may repeat, as holders of a name are called."""
    activates_alone: bool = False
    """A call makes someone active again and changes nothing else."""
    batch_size: int = 1
    """Writes that one call carries."""
    read_size: int = 1
    """Records that one call reads by their ids."""
    one_webhook: bool = False
    """All tenants' webhooks come to one address, signed with what the system's developer portal gave the installation.

    Otherwise each account has an address and a secret of its own.
    """

    @cached_property
    def scales(self) -> Mapping[str, int]:
        """The decimal places of its amounts, by field."""
        return {name: one.scale for name, one in self.fields.items() if one.scale is not None}


NOT_MAPPED = frozenset({"active", "display_name", "state"})
"""Held by some systems, and never copied by the plain mapping: deactivation is a decision of its own."""
_NEEDED = ("first_name", "last_name")
"""What every destination needs, and refuses the record without."""


def _not_written(destination: System, features: Collection[str]) -> frozenset[str]:
    return frozenset[str]().union(
        *(one.not_written for name, one in destination.features.items() if name in features)
    )


def _needed(destination: System, features: Collection[str]) -> tuple[str, ...]:
    return tuple(f for name, one in destination.features.items() if name in features for f in one.needed)


@cache
def unique_fields(destination: System, features: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The fields that we write and whose value only one record of the destination may hold."""
    without = _not_written(destination, features)
    return tuple(f for f in destination.unique if f not in without)


def unique_key(field: str, value: str) -> str:
    """A unique value as it is compared."""
    return f"{field}:{value.casefold()}"


@cache
def mapped_fields(source: System, destination: System, features: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The fields that a push copies: both systems carry them and the destination, with its features, lets us write them."""
    writable = writable_fields(destination, features)
    return tuple(f for f in source.fields if f in writable)


@cache
def writable_fields(destination: System, features: tuple[str, ...] = ()) -> frozenset[str]:
    """The fields that a push may write: the destination, with its features, lets us, and none is a decision of its own."""
    without = NOT_MAPPED | _not_written(destination, features)
    return frozenset(f for f, one in destination.fields.items() if one.writable and f not in without)


def creation_problem(
    employee: Employee, destination: System, features: Collection[str] = (), *, creating: bool = True
) -> tuple[str, str | None] | None:
    """Why the destination is bound to refuse this record, as (reason, field), or None.

    Only what it needs counts; the rest is `left_out`. Nobody is created under part of a name.
    """
    unread = next((f for f in _NEEDED if f in employee.masked), None)
    if creating and unread:
        return "unread_value", unread
    if not (unread or employee.first_name or employee.last_name):
        return "missing_name", "last_name"
    for field in _NEEDED:
        if problem := _problem(employee, field, destination):
            return problem, field
    for field in _needed(destination, features):
        if creating and field in employee.masked:
            return "unread_value", field
        if field not in employee.masked and not getattr(employee, field):
            return "missing_value", field
        if problem := _problem(employee, field, destination):
            return problem, field
    return None


def left_out(wanted: Employee, destination: System, features: tuple[str, ...] = ()) -> tuple[Note, ...]:
    """The values that the destination cannot hold and does not need: a push leaves them out."""
    fields = _optional_fields(destination, features)
    return tuple(
        Note(field=field, reason="left_out") for field in fields if _problem(wanted, field, destination)
    )


@cache
def _optional_fields(destination: System, features: tuple[str, ...]) -> tuple[str, ...]:
    """The writable fields in which a value may be refused, without those that are needed."""
    theirs = destination.fields
    needed = (*_NEEDED, *_needed(destination, features))
    return tuple(
        f for f in theirs
        if f in writable_fields(destination, features) and f not in needed
        and (theirs[f].max_length or theirs[f].choices or theirs[f].without)
    )  # fmt: skip


def _problem(employee: Employee, field: str, destination: System) -> str | None:
    """Why the destination refuses this record's value of this field."""
    return None if field in employee.masked else value_problem(getattr(employee, field), field, destination)


def value_problem(value: object, field: str, destination: System) -> str | None:
    """Why the destination refuses this value in this field."""
    theirs = destination.fields[field]
    if not isinstance(value, str):
        return None
    if not theirs.without.isdisjoint(value):
        return "invalid_name"
    if field == "email" and ("@" not in value or "." not in value.rsplit("@", 1)[1]):
        return "invalid_email"
    if theirs.choices and value.lower() not in theirs.choices:
        return "invalid_value"
    return "text_too_long" if theirs.max_length and len(value) > theirs.max_length else None
