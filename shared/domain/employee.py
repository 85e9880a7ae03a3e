"""The canonical employee, and the changes between two versions of it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
)

from shared.domain.forms import FORMED, form, same
from shared.domain.values import Country, Money, Note, Text


class Employee(BaseModel):
    """One person, in the words both systems share; each value as it was typed, without what cannot be seen.

    Values are compared in their forms (`domain.values`): a difference of text alone is no change.
    Three things are kept apart: a field that was *set to null* (the system says: empty), a field that was *never set*
    (the system cannot carry it, or did not say) and a field named in `masked` (there is a value that we may not see, or
    that we could not read: `notes` says so). Only the first may ever clear the other side. There is no social security
    number, and no place for one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: Text = None
    first_name: Text = None
    middle_name: Text = None
    last_name: Text = None
    suffix: Text = None
    honorific: Text = None
    display_name: Text = None
    email: Text = None
    phone: Text = None
    mobile: Text = None
    title: Text = None
    department: Text = None
    permission_level: Text = None
    pay_type: Text = None
    bill_rate: Money = None
    cost_rate: Money = None
    billable: bool | None = None
    hire_date: date | None = None
    end_date: date | None = None
    birth_date: date | None = None
    gender: Text = None
    address_line1: Text = None
    address_line2: Text = None
    address_city: Text = None
    address_state: Text = None
    address_postal_code: Text = None
    address_country: Country = None
    active: bool | None = None
    state: Text = None
    masked: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    def known(self, field: str) -> bool:
        """Whether the system sent this field's value, null included."""
        return field in self.model_fields_set and field not in self.masked

    def full_name(self) -> str:
        """First, middle and last name and suffix, or the display name where there are none."""
        parts = (self.first_name, self.middle_name, self.last_name, self.suffix)
        return " ".join(part for part in parts if part) or self.display_name or ""

    def text(self) -> str:
        """Everything known, as JSON: what is stored, and what `content_hash` is made of."""
        if "masked" not in self.model_fields_set:
            return self.model_dump_json(exclude_unset=True)
        return self.model_dump_json(exclude_unset=True, exclude=set(self.masked) or {"masked"})

    def formed(self) -> "Employee":
        """This record with its values in their comparison forms."""
        set_ = {n: getattr(self, n) for n in FORMED if n in self.model_fields_set}
        moved = {n: f for n, v in set_.items() if (f := form(n, v)) is not v}
        return self.model_copy(update=moved) if moved else self

    def only_known(self) -> "Employee":
        """This record without what may not be seen."""
        return self.only(FIELDS)

    def only(self, names: Iterable[str]) -> "Employee":
        """These of its fields, as far as they are known."""
        values = {n: getattr(self, n) for n in names if self.known(n)}
        return Employee.model_construct(_fields_set=set(values), **values)

    def overlaid(self, newer: Self) -> Self:
        """This record with every value that `newer` knows."""
        return self.model_copy(update={name: getattr(newer, name) for name in FIELDS if newer.known(name)})


def content_hash(text: str) -> bytes:
    """16 bytes that change when, and only when, the form of a known value changes; `text` is that of `formed`."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


FIELDS: tuple[str, ...] = tuple(name for name in Employee.model_fields if name not in ("masked", "notes"))
TEXTS: tuple[str, ...] = tuple(n for n in FIELDS if Employee.model_fields[n].annotation == str | None)
"""The fields that hold text."""


class Change(BaseModel):
    """One field of a delta, in canonical JSON form."""

    model_config = ConfigDict(frozen=True)

    before: Any = None
    after: Any = None


class PlannedChange(Change):
    """A field of a plan; `via` is a temporary value that is written between, where people exchange values."""

    via: Any = None


CHANGES: TypeAdapter[dict[str, Change]] = TypeAdapter(dict[str, Change])
"""Reads and writes many changes at once."""


def changes(before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str]) -> dict[str, Change]:
    """The changes of these fields, from values in JSON form."""
    return CHANGES.validate_python({n: {"before": before.get(n), "after": after.get(n)} for n in names})


def delta(before: Employee, after: Employee) -> dict[str, Change]:
    """The fields that `after` knows and that differ from `before`, in JSON form."""
    fields = [n for n in FIELDS if after.known(n) and not same(n, getattr(before, n), getattr(after, n))]
    if not fields:
        return {}
    old = before.model_dump(mode="json", include=set(fields))
    new = after.model_dump(mode="json", include=set(fields))
    return changes(old, new, fields)


class Remote(BaseModel):
    """One record as a system answered it. `payload` is the raw JSON without anything that may never be stored."""

    model_config = ConfigDict(frozen=True)

    remote_id: str
    version: str | None
    updated_at: datetime | None
    employee: Employee
    payload: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that came but cannot be read; `reason` is a code of `domain.reasons`."""

    remote_id: str
    reason: str
    field: str | None = None
    payload: str = ""
