"""What the public API shows of imports and pushes. Shared by history, which makes the rows, and gateway."""

from datetime import datetime
from uuid import UUID

from shared.contracts.views import RunView, View
from shared.domain.values import Status


class RunReason(View):
    """Why so many records of a run did not go through, and what to do.

    `outcome` is failed (a retry may cure it), needs_action, held or unreadable.
    """

    outcome: str
    reason: str
    field: str | None = None
    reason_text: str = ""
    fix: str = ""
    count: int


class RunDetail(RunView):
    """One import or push, why it ended as it did, and why records of it did not go through."""

    reason_text: str = ""
    fix: str = ""
    reasons: tuple[RunReason, ...] = ()


class RunRecordView(View):
    """What became of one record in a run: `outcome`, why, and the last time; `status` is how it stands now."""

    record_id: UUID
    remote_id: str | None
    number: str | None
    name: str | None
    status: Status | None
    outcome: str
    reason: str
    reason_text: str = ""
    fix: str = ""
    field: str | None
    at: datetime
    attempts: int


class RunRecordPage(View):
    """A run's records; `next` continues the list."""

    items: tuple[RunRecordView, ...]
    next: str | None


class Colleague(View):
    """Somebody who may see the company; `actor` is how histories and runs name them."""

    actor: str
    name: str
    role: str
    email: str | None = None
    """Of Company Administrators: whom to ask."""
    key: bool = False
    """An API key."""
