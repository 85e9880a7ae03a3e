"""`pushes.v1`: what is written to the destination, and the status that each record has."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts import topics
from shared.contracts.events.messages import Body
from shared.domain.employee import Employee, PlannedChange
from shared.domain.values import Action, Holder, Status
from shared.errors import RemoteAnswer


class Basis(BaseModel):
    """The versions that a decision was made from."""

    model_config = ConfigDict(frozen=True)

    source_rev: int
    destination_rev: int | None = None
    link_rev: int | None = None
    settings_version: int
    destination_account_id: UUID


class RecordStatus(BaseModel):
    """A record's status, with the reason code, the field concerned, and when the destination last took it.

    `retry_at`: when a push that failed is tried again by itself. `holder`: who has the value that was refused.
    `answer`: what the destination answered to the attempt that failed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    status_rev: int
    status: Status
    reason: str = ""
    field: str | None = None
    retry_at: datetime | None = None
    holder: Holder | None = None
    answer: RemoteAnswer | None = None
    synced_at: datetime | None = None
    basis: Basis | None = None


class StatusChanged(RecordStatus, Body):
    """A record's status has moved, and no event of a push says so."""

    topic = topics.PUSHES
    record_id: UUID


class PushEvent(Body):
    """What became of a push, with the status that its record has from then on; null: the status has not moved."""

    record_id: UUID
    push_id: UUID
    record_status: RecordStatus | None = None


class PushPlanned(PushEvent):
    """The exact change that will be written: per field the value before and after, in canonical form."""

    topic = topics.PUSHES
    action: Action
    fields: dict[str, PlannedChange]
    basis: Basis


class PushSucceeded(PushEvent):
    """The destination took it. `employee` and `remote_version` are what it answered; `no_change` wrote nothing."""

    topic = topics.PUSHES
    action: Action
    destination_account_id: UUID
    destination_record_id: UUID
    destination_remote_id: str
    remote_version: str | None
    remote_updated_at: datetime | None = None
    requested_at: datetime
    answered_at: datetime
    employee: Employee
    source_rev: int


class PushAdopted(PushEvent):
    """The source took the destination's values. `employee` and `remote_version` are what it answered."""

    topic = topics.PUSHES
    account_id: UUID
    remote_id: str
    remote_version: str | None
    remote_updated_at: datetime | None = None
    requested_at: datetime
    answered_at: datetime
    employee: Employee


class PushFailed(PushEvent):
    """An attempt that ended in an error; `reason` is a code of `domain.reasons`, `answer` what the destination answered."""

    topic = topics.PUSHES
    action: Action
    reason: str
    field: str | None = None
    retryable: bool
    answer: RemoteAnswer | None = None


class PushHeld(PushEvent):
    """A push that a brake or a conflict stopped; it waits for approval."""

    topic = topics.PUSHES
    reason: str
    field: str | None = None


class DirectoryWanted(Body):
    """syncer creates nobody without a marker newer than `not_before`; importer answers with a delta."""

    topic = topics.PUSHES
    account_id: UUID
    not_before: datetime

    def key(self) -> UUID:
        """The account."""
        return self.account_id
