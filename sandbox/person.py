"""A person as the person is, before either system stores a form of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; country is ISO alpha-3."""

    line1: str
    city: str
    state: str
    postal_code: str
    country: str = "USA"


@dataclass(frozen=True, slots=True)
class Person:
    """One employee; None where nothing is known."""

    number: str | None
    first: str | None
    middle: str | None
    last: str | None
    suffix: str | None
    email: str | None
    phone: str | None
    mobile: str | None
    title: str | None
    department: str | None
    hire_date: date | None
    birth_date: date | None
    gender: str | None
    address: Address | None
    bill_rate: float | None
    cost_rate: float | None
    active: bool = True

    @property
    def full_name(self) -> str:
        """First, middle, last and suffix, as QuickBooks joins them."""
        return " ".join(part for part in (self.first, self.middle, self.last, self.suffix) if part)
