"""What the public API shows. Shared by history, which makes the rows, and gateway, which serves them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.records import Change, CompanySettings, Employee, Status


class View(BaseModel):
    """Base of everything shown."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordView(View):
    """One source record and how it stands with the destination."""

    record_id: UUID
    remote_id: str
    number: str | None
    name: str
    first_name: str | None
    last_name: str | None
    email: str | None
    status: Status
    reason: str
    reason_text: str = ""
    fix: str = ""
    field: str | None
    situation: str | None
    source_rev: int
    synced_at: datetime | None
    destination_record_id: UUID | None
    destination_remote_id: str | None
    updated_at: datetime


class RecordDetail(RecordView):
    """One record with the staged values and, where linked, the destination's."""

    employee: Employee
    destination_employee: Employee | None = None


class RecordPage(View):
    """One page of records; `next` continues it, `counts` are by status over the whole filter."""

    items: tuple[RecordView, ...]
    next: str | None
    total: int
    counts: dict[str, int]


class TimelineEntry(View):
    """One thing that happened to a record: what, who, when, and the fields that moved."""

    n: int
    at: datetime
    type: str
    actor: str | None
    cause: str | None
    run_id: UUID | None
    changes: dict[str, Change]
    status: str | None = None
    reason: str | None = None
    reason_text: str = ""
    detail: dict[str, Any] = {}


class Timeline(View):
    """A record's history, newest first."""

    items: tuple[TimelineEntry, ...]
    next: str | None


class RunView(View):
    """One import or push, with its counts."""

    run_id: UUID
    kind: str
    mode: str | None
    state: str
    reason: str | None
    actor: str | None
    started_at: datetime
    ended_at: datetime | None
    counts: dict[str, int]
    skipped: dict[str, int]


class RunPage(View):
    """Imports and pushes, newest first; `next` continues the list."""

    items: tuple[RunView, ...]
    next: str | None


class CompanyView(CompanySettings):
    """A company's settings, and what the one who asks may do there."""

    role: str | None = None


class Membership(View):
    """A company one may see, and as what."""

    company_id: UUID
    role: str


class Me(View):
    """Who is signed in, and what they may do where; `actor` is how histories and runs name them."""

    actor: str
    name: str
    email: str
    superuser: bool
    companies: tuple[Membership, ...]


class RunStarted(View):
    """The run that answers what was asked; `total` is how many records it concerns, where that is known."""

    run_id: UUID
    total: int | None = None


class SelectionView(View):
    """A selection fixed at the moment of asking, with its exact count, in all and by status."""

    selection_id: UUID
    count: int
    counts: dict[str, int]


class Payload(View):
    """One record of an account: the raw JSON as it came, and the canonical values that were understood."""

    record_id: UUID
    account_id: UUID
    remote_id: str
    state: str
    rev: int
    remote_version: str | None
    read_at: datetime
    employee: dict[str, Any] | None
    payload: dict[str, Any] | None


class RecordJson(View):
    """What passes between the two systems for one record."""

    source: Payload
    staged: dict[str, Any] | None
    destination: Payload | None
