"""Everything that one source record's status depends on, and what is decided of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.events import Basis
from shared.domain.employee import Employee
from shared.domain.mapping import RouteMapping
from shared.domain.settings import CompanySettings
from shared.domain.values import Action, Holder, Lane, Situation, Status
from shared.domain.versions import Reading, is_newer
from shared.errors import RemoteAnswer
from shared.systems import mapping_of

Fields = Mapping[str, Mapping[str, Any]]
"""Per field its value `before` and `after`, in canonical JSON form; `via` is a temporary value that is written between."""
NO_FIELDS: Fields = MappingProxyType({})


class StoredSnapshot(NamedTuple):
    """What is known of a record of either account, enough to tell whether something newer says something new."""

    rev: int
    state: str
    employee: str
    """As JSON."""
    reading: Reading | None
    """None for a record that was removed or could not be read."""


class Snapshot(NamedTuple):
    """The newest we know of one record of either account."""

    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    state: str
    employee: Employee
    reading: Reading | None
    """None for a record that was removed or could not be read."""
    reason: str = ""


class PushState(StrEnum):
    """Where a push stands: an intent without a plan, planned, stopped by a brake, claimed by a worker, in a call, or over."""

    WAITING = "waiting"
    PLANNED = "planned"
    HELD = "held"
    CLAIMED = "claimed"
    SENDING = "sending"
    DONE = "done"


class PushOutcome(StrEnum):
    """How a push ended; `replaced` by a newer one of its record."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    HELD = "held"
    NEEDS_ACTION = "needs_action"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Failure:
    """How the last attempt ended, and the versions it was made from."""

    reason: str
    field: str | None
    source_rev: int
    link_rev: int | None
    settings_version: int
    holder: dict[str, Any] | None = None
    """Who has the value that was refused (`Holder`)."""
    answer: dict[str, Any] | None = None
    """What the system answered (`RemoteAnswer`)."""

    def stands(self, basis: Basis) -> bool:
        """Whether nothing has moved since that could make a difference."""
        then = (self.source_rev, self.link_rev, self.settings_version)
        return then == (basis.source_rev, basis.link_rev, basis.settings_version)


class Push(NamedTuple):
    """One intended push: an intent (`waiting`), planned, stopped by a brake (`held`), on its way (`sending`), or `done`."""

    push_id: UUID
    record_id: UUID
    account_id: UUID
    state: PushState
    action: Action | None = None
    fields: Fields = NO_FIELDS
    basis: Basis | None = None
    automatic: bool = False
    run_id: UUID | None = None
    actor: str | None = None
    lane: Lane = Lane.BULK
    attempts: int = 0
    lease_token: int = 0
    call_id: UUID | None = None
    outcome: PushOutcome | None = None
    isolated: bool = False
    """It goes in a call of its own."""
    step: str = ""
    """Over temporary values: `leaving` it may hold them, `aside` it does, `back` it gives them up for what was there."""
    waits_for: UUID | None = None
    """The record whose open push frees a value that this one takes."""
    retry_at: datetime | None = None
    """It has failed of a transient error, and is tried again by itself: when next, or when last."""
    then_push: bool = False
    """Once it has succeeded, the record is pushed to the destination."""
    traceparent: str | None = None
    """The trace that it belongs to (W3C); None unless its cause was traced."""


class NameClash(NamedTuple):
    """Who has the display name that a creation would get, and a free one by the company's rule (`Rules.same_name`)."""

    holder: Holder
    instead: str | None = None


class RecordState(NamedTuple):
    """Everything that one source record's status depends on."""

    company_id: UUID
    record_id: UUID
    settings: CompanySettings | None
    source: Snapshot | None
    destination: Snapshot | None
    situation: Situation | None
    link_rev: int
    link_source_rev: int
    link_reason: str
    destination_record_id: UUID | None
    destination_remote_id: str | None
    created: bool
    """A creation of ours succeeded, and mapper has not published `linked` yet."""
    created_before: bool
    """A creation of ours succeeded, the record has been unlinked since, and nobody has asked for a new one."""
    unknown_call: UUID | None
    """The call of this record's creation whose outcome is not known."""
    status: Status
    reason: str
    field: str | None
    retry_at: datetime | None
    status_rev: int
    synced_at: datetime | None
    sent: Employee | None
    answered: Employee | None
    failure: Failure | None
    automatic_rev: int | None
    push: Push | None
    directory_read: bool
    ignored: Mapping[str, Mapping[str, Any]] = NO_FIELDS
    """The differences that a person let stand (`core.drift`)."""
    in_plan: bool = False
    """A plan that a person approved writes it, and has not come to it yet."""
    clash: NameClash | None = None
    """Whose name a creation would repeat."""
    writes: tuple[Any, ...] = ()
    """What was written automatically within the last hour or so (`core.loops`)."""

    def mapping(self) -> RouteMapping | None:
        """The mapping of the company's route; None while there is nothing to push to."""
        return mapping_of(self.settings) if self.settings else None

    def basis(self) -> Basis | None:
        """The versions that a decision made now rests on; None while there is nothing to push to."""
        account = self.settings.destination() if self.settings else None
        if self.source is None or self.settings is None or account is None:
            return None
        return Basis(
            source_rev=self.source.rev,
            destination_rev=self.destination.rev if self.destination else None,
            link_rev=self.link_rev,
            settings_version=self.settings.basis_version(),
            destination_account_id=account.account_id,
        )


class SyncStatus(NamedTuple):
    """A status with its reason, the field concerned, and when a failed push is tried again by itself."""

    status: Status
    reason: str = ""
    field: str | None = None
    retry_at: datetime | None = None
    holder: Holder | None = None
    answer: RemoteAnswer | None = None


class Plan(NamedTuple):
    """What would be written: `create`, `update` or `no_change`, and per field the value before and after."""

    action: Action
    fields: Fields


class Decision(NamedTuple):
    """A record's state, decided: its sync status, and what becomes of its push."""

    state: RecordState
    sync_status: SyncStatus
    push: Push | None = None
    planned: bool = False
    ended: Push | None = None

    def moved(self) -> bool:
        """Whether people see something else than before."""
        return self.sync_status[:4] != (
            self.state.status,
            self.state.reason,
            self.state.field,
            self.state.retry_at,
        )


def replaces(stored: StoredSnapshot | None, newer: Snapshot) -> bool:
    """Whether a snapshot is newer than what is stored, which may be the answer to our own last write."""
    if stored is None or stored.reading is None or newer.reading is None:
        return stored is None or newer.rev > stored.rev
    return newer.rev > stored.rev and is_newer(stored.reading, newer.reading)


def newest(known: Snapshot | None, answered: Snapshot) -> Snapshot:
    """What is known of a record with an answer of its system's: what was reported of it meanwhile may be newer.

    A removed record stays removed.
    """
    if known is None or known.record_id != answered.record_id:
        return answered
    if known.state != "present" or known.reading is None or answered.reading is None:
        return known
    return known if is_newer(answered.reading, known.reading) else answered._replace(rev=known.rev)


def same(stored: StoredSnapshot | None, newer: StoredSnapshot) -> bool:
    """Whether a newer version says nothing new."""
    return (
        stored is not None and stored.state == newer.state == "present" and stored.employee == newer.employee
    )
