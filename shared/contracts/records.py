"""The canonical employee, what hangs on it, and how ids are made."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Self
from uuid import UUID, uuid5

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    TypeAdapter,
)
from pydantic_core import CoreSchema, core_schema

from shared.contracts.countries import country_code

MUSTER_NAMESPACE = UUID("6a1d9f4e-5d3c-5b7a-9a52-6d7573746572")


class System(StrEnum):
    """A system that holds a workforce directory."""

    LINARC = "linarc"
    QUICKBOOKS = "quickbooks"


class Lane(StrEnum):
    """Bulk work travels apart, so that a webhook's change never waits behind an import."""

    REAL_TIME = "real_time"
    BULK = "bulk"


class Cause(StrEnum):
    """What made us look at a record. Automatic sync acts on hooks and sweeps only (S40)."""

    HOOK = "hook"
    SWEEP = "sweep"
    IMPORT = "import"
    READ = "read"
    PUSH = "push"
    PERSON = "person"


class Status(StrEnum):
    """A record's sync status, as people see it (architecture §4). syncer alone computes it."""

    NEEDS_SYNC = "needs_sync"
    NEEDS_ACTION = "needs_action"
    SYNCING = "syncing"
    SYNCED = "synced"
    FAILED = "failed"
    HELD = "held"


class Situation(StrEnum):
    """The relation of a source record to the other side."""

    LINKED = "linked"
    UNLINKED = "unlinked"
    UNMATCHED = "unmatched"
    DISPUTED = "disputed"
    DELETED = "deleted"


def account_id(company_id: UUID, system: str, environment: str, tenant_id: str) -> UUID:
    """A company's directory in one system. Connecting the same tenant again gives the same account."""
    return uuid5(MUSTER_NAMESPACE, f"{company_id}/{system}/{environment}/{tenant_id}")


def record_id(account: UUID, remote_id: str) -> UUID:
    """One person's record in one account, for ever."""
    return uuid5(account, remote_id)


_SPACES = re.compile(r"\s+")
_BARE = ("", " ")
_NOT_DIGITS = re.compile(r"[^\d]")
_NANP = re.compile(r"1?([2-9]\d{2}[2-9]\d{6})")
_INVISIBLE = dict.fromkeys((0, *range(1, 9), 11, 12, *range(14, 32), 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


@dataclass(frozen=True, slots=True)
class Canonical:
    """Puts a value that comes as a Python object into canonical form. JSON is our own and has that form already."""

    form: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Python is formed, then checked; JSON is checked."""
        plain = handler(source)
        formed = core_schema.no_info_before_validator_function(self.form, plain)
        return core_schema.json_or_python_schema(json_schema=plain, python_schema=formed)


def _text(value: object) -> object:
    """Trimmed text with single spaces; empty is null."""
    if isinstance(value, str):
        if value.isprintable() and value[:1] not in _BARE and value[-1:] not in _BARE and "  " not in value:
            return value
        value = _SPACES.sub(" ", value.translate(_INVISIBLE)).strip()
        return value or None
    return value


def _lower(value: object) -> object:
    value = _text(value)
    return value.lower() if isinstance(value, str) else value


@lru_cache(maxsize=4096)
def normal_phone(value: str) -> str:
    """E.164 when the number is a possible one (numbers without a country code are read as North American), else as given.

    An extension is kept as `;ext=12` (RFC 3966).
    """
    match = _NANP.fullmatch(_NOT_DIGITS.sub("", value))
    if match and "x" not in value.lower() and "+" not in value[1:]:
        return f"+1{match[1]}"
    try:
        number = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        return value
    if not phonenumbers.is_possible_number(number):
        return value
    extension, number.extension = number.extension, None
    normal = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{normal};ext={extension}" if extension else normal


def _phone(value: object) -> object:
    value = _text(value)
    return normal_phone(value) if isinstance(value, str) else value


def _country(value: object) -> object:
    value = _text(value)
    return country_code(value) if isinstance(value, str) else value


def _money(value: Decimal | None) -> Decimal | None:
    return value.normalize() + 0 if value is not None else None  # + 0: there is one nought, not two


def _plain(value: Decimal | None) -> str | None:
    return f"{value:f}" if value is not None else None


Text = Annotated[str | None, Canonical(_text)]
Lower = Annotated[str | None, Canonical(_lower)]
Phone = Annotated[str | None, Canonical(_phone)]
Country = Annotated[str | None, Canonical(_country)]
Money = Annotated[
    Decimal | None,
    Field(max_digits=15, decimal_places=6),
    AfterValidator(_money),
    PlainSerializer(_plain, return_type=str | None, when_used="json"),
]


class Employee(BaseModel):
    """One person, in the words both systems share.

    Three things are kept apart: a field that was *set to null* (the system says: empty), a field that was *never set*
    (the system cannot carry it, or did not say) and a field named in `masked` (there is a value that we may not see).
    Only the first may ever clear the other side. There is no social security number, and no place for one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: Text = None
    first_name: Text = None
    middle_name: Text = None
    last_name: Text = None
    suffix: Text = None
    honorific: Text = None
    display_name: Text = None
    email: Lower = None
    phone: Phone = None
    mobile: Phone = None
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
    gender: Lower = None
    address_line1: Text = None
    address_line2: Text = None
    address_city: Text = None
    address_state: Text = None
    address_postal_code: Text = None
    address_country: Country = None
    active: bool | None = None
    state: Text = None
    masked: tuple[str, ...] = ()

    def known(self, field: str) -> bool:
        """Whether the system told us this field's value, null included."""
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

    def only_known(self) -> "Employee":
        """This record without what may not be seen."""
        return self.only(self.model_fields_set - {"masked"})

    def only(self, names: Iterable[str]) -> "Employee":
        """These of its fields, as far as they are known."""
        values = {n: getattr(self, n) for n in names if self.known(n)}
        return Employee.model_construct(_fields_set=set(values), **values)

    def overlaid(self, newer: Self) -> Self:
        """This record with every value that `newer` knows."""
        return self.model_copy(update={name: getattr(newer, name) for name in FIELDS if newer.known(name)})


def content_hash(text: str) -> bytes:
    """16 bytes that change when, and only when, a known value of the employee with this JSON changes."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


FIELDS: tuple[str, ...] = tuple(name for name in Employee.model_fields if name != "masked")


class Change(BaseModel):
    """One field of a delta, in canonical JSON form."""

    model_config = ConfigDict(frozen=True)

    before: Any = None
    after: Any = None


CHANGES: TypeAdapter[dict[str, Change]] = TypeAdapter(dict[str, Change])
"""Reads and writes many changes at once."""


def changes(before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str]) -> dict[str, Change]:
    """The changes of these fields, from values in JSON form."""
    return CHANGES.validate_python({n: {"before": before.get(n), "after": after.get(n)} for n in names})


def delta(before: Employee, after: Employee) -> dict[str, Change]:
    """The fields that `after` knows and that differ from `before`, in JSON form."""
    fields = [name for name in FIELDS if after.known(name) and getattr(before, name) != getattr(after, name)]
    if not fields:
        return {}
    old = before.model_dump(mode="json", include=set(fields))
    new = after.model_dump(mode="json", include=set(fields))
    return changes(old, new, fields)


class Rules(BaseModel):
    """What a company's administrator decided for its route (S4, S14–S16)."""

    model_config = ConfigDict(frozen=True)

    auto_create: bool = False
    auto_update: bool = False
    auto_sync: bool = False
    create_missing: bool = True
    confirm_matches: bool = False
    directory_max_age_seconds: int = 900


class Account(BaseModel):
    """A company's directory in one system. The connection is only a credential for it."""

    model_config = ConfigDict(frozen=True)

    account_id: UUID
    system: System
    environment: str
    tenant_id: str
    name: str = ""
    base_url: str
    connected: bool = True
    features: tuple[str, ...] = ()
    """What the tenant has switched on that changes what may be written: `capabilities.PAYROLL`."""


class Route(BaseModel):
    """Which account is the source of truth, which the destination, and by what rules."""

    model_config = ConfigDict(frozen=True)

    source: UUID
    destination: UUID
    rules: Rules = Rules()
    active: bool = True


class CompanySettings(BaseModel):
    """A company's whole settings, one versioned document."""

    model_config = ConfigDict(frozen=True)

    company_id: UUID
    version: int
    name: str
    accounts: tuple[Account, ...] = ()
    route: Route | None = None

    def account(self, account: UUID) -> Account | None:
        """The account with this id, if the company has it."""
        for one in self.accounts:
            if one.account_id == account:
                return one
        return None

    def followed(self) -> tuple[Account, ...]:
        """The accounts that are kept read: those of an active route, while they are connected."""
        accounts = (self.source(), self.destination())
        return tuple(account for account in accounts if account is not None and account.connected)

    def source(self) -> Account | None:
        """The account that is the source of truth."""
        return self.account(self.route.source) if self.route and self.route.active else None

    def destination(self) -> Account | None:
        """The account that is kept the same as the source."""
        return self.account(self.route.destination) if self.route and self.route.active else None


class Remote(BaseModel):
    """One record as a system answered it. `payload` is the raw JSON without anything that may never be stored."""

    model_config = ConfigDict(frozen=True)

    remote_id: str
    version: str | None
    updated_at: datetime | None
    employee: Employee
    payload: str
