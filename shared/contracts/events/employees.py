"""`employees.v1`: what importer staged, and how far it knows a directory."""

from datetime import datetime
from uuid import UUID

from shared.contracts import topics
from shared.contracts.events.messages import Body
from shared.domain.employee import Change, Employee
from shared.domain.values import Cause


class EmployeeStaged(Body):
    """A record that staging did not hold."""

    topic = topics.EMPLOYEES
    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    employee: Employee
    remote_version: str | None = None
    remote_updated_at: datetime | None = None
    requested_at: datetime
    answered_at: datetime
    cause: Cause
    written_for: UUID | None = None


class EmployeeChanged(EmployeeStaged):
    """A staged record's newer version, with the fields that moved."""

    changes: dict[str, Change]


class EmployeeRemoved(Body):
    """A record that a complete directory did not hold any more, or that the system says is gone."""

    topic = topics.EMPLOYEES
    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    cause: Cause


class EmployeeUnreadable(Body):
    """A record that came, but that we cannot read; `reason` is a code of `domain.reasons`."""

    topic = topics.EMPLOYEES
    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    reason: str
    field: str | None = None


class DirectoryComplete(Body):
    """Everything up to `as_of` of this account stands before this marker.

    One goes to every partition of both lanes. When nothing was published since the marker `base`, a single message with
    no parts extends that marker instead.
    """

    topic = topics.EMPLOYEES
    account_id: UUID
    generation: int
    as_of: datetime
    base: datetime
    part: int
    parts: int

    def key(self) -> UUID:
        """The account; the outbox names the partition."""
        return self.account_id
