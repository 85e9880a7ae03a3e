"""Everything that one source record's status depends on, and what is decided of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.events import Basis
from shared.contracts.records import CompanySettings, Employee, Situation, Status

Fields = Mapping[str, Mapping[str, Any]]
"""Per field its value `before` and `after`, in canonical JSON form."""
NO_FIELDS: Fields = MappingProxyType({})


class Stored(NamedTuple):
    """What is known of a record of either account, enough to tell whether something newer says something new."""

    rev: int
    state: str
    employee: str
    """As JSON."""
    remote_version: str | None
    read_at: datetime | None


class Fact(NamedTuple):
    """The newest we know of one record of either account."""

    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    state: str
    employee: Employee
    remote_version: str | None
    read_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """How the last attempt ended, and the versions it was made from."""

    reason: str
    field: str | None
    source_rev: int
    link_rev: int | None
    settings_version: int

    def stands(self, basis: Basis) -> bool:
        """Whether nothing has moved since that could make a difference."""
        then = (self.source_rev, self.link_rev, self.settings_version)
        return then == (basis.source_rev, basis.link_rev, basis.settings_version)


class Item(NamedTuple):
    """One intended push: an intent (`waiting`), a plan (`planned`), on its way (`sending`), or over (`done`)."""

    item_id: UUID
    record_id: UUID
    account_id: UUID
    state: str
    action: str = ""
    fields: Fields = NO_FIELDS
    basis: Basis | None = None
    automatic: bool = False
    run_id: UUID | None = None
    actor: str | None = None
    lane: str = "bulk"
    attempts: int = 0
    lease_token: int = 0
    call_id: UUID | None = None
    outcome: str | None = None
    alone: bool = False
    """It goes in a call of its own."""


class Case(NamedTuple):
    """Everything that one source record's status depends on."""

    company_id: UUID
    record_id: UUID
    settings: CompanySettings | None
    source: Fact | None
    destination: Fact | None
    situation: Situation | None
    link_rev: int
    link_source_rev: int
    link_reason: str
    destination_record_id: UUID | None
    destination_remote_id: str | None
    created: bool
    """A creation of ours succeeded, and links has not said `linked` yet."""
    created_before: bool
    """A creation of ours succeeded, the record has been unlinked since, and nobody has asked for a new one."""
    unknown_call: UUID | None
    """The call of this record's creation whose outcome is not known."""
    status: Status
    reason: str
    field: str | None
    status_rev: int
    synced_at: datetime | None
    sent: Employee | None
    answered: Employee | None
    failure: Failure | None
    automatic_rev: int | None
    item: Item | None
    directory_read: bool

    def basis(self) -> Basis | None:
        """The versions that a decision made now rests on; None while there is nothing to push to."""
        account = self.settings.destination() if self.settings else None
        if self.source is None or self.settings is None or account is None:
            return None
        return Basis(
            source_rev=self.source.rev,
            destination_rev=self.destination.rev if self.destination else None,
            link_rev=self.link_rev,
            settings_version=self.settings.version,
            destination_account_id=account.account_id,
        )


class Standing(NamedTuple):
    """A status with its reason and the field concerned."""

    status: Status
    reason: str = ""
    field: str | None = None


class Plan(NamedTuple):
    """What would be written: `create`, `update` or `no_change`, and per field the value before and after."""

    action: str
    fields: Fields


class Decision(NamedTuple):
    """A case decided: its standing, and what becomes of its push."""

    case: Case
    standing: Standing
    item: Item | None = None
    planned: bool = False
    ended: Item | None = None

    def moved(self) -> bool:
        """Whether people see something else than before."""
        return self.standing != (self.case.status, self.case.reason, self.case.field)


def replaces(stored: Stored | None, newer: Fact) -> bool:
    """Whether a fact is newer than what is stored, which may be the answer to our own last write."""
    return stored is None or (newer.rev > stored.rev and _is_later(stored, newer))


def newest(known: Fact | None, answered: Fact) -> Fact:
    """What is known of a record with an answer of its system's: what was told of it meanwhile may be newer."""
    if known is None or known.record_id != answered.record_id:
        return answered
    later = known.state == "present" and _is_later(known, answered)
    return answered._replace(rev=known.rev) if later else known


def _is_later(known: Stored | Fact, newer: Fact) -> bool:
    old, new = known.remote_version, newer.remote_version
    if old is not None and new is not None and old != new and old.isdigit() and new.isdigit():
        return int(new) > int(old)
    return known.read_at is None or newer.read_at is None or newer.read_at >= known.read_at


def same(stored: Stored | None, newer: Stored) -> bool:
    """Whether a newer version says nothing new."""
    return (
        stored is not None and stored.state == newer.state == "present" and stored.employee == newer.employee
    )
