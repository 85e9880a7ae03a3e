"""What the public API shows. Shared by history, which makes the rows, and gateway, which serves them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.employee import Change, Employee
from shared.domain.settings import CompanySettings
from shared.domain.values import Holder, Status
from shared.errors import RemoteAnswer


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
    retry_at: datetime | None
    """When a push that failed is tried again by itself."""
    holder: Holder | None = None
    """Who has the value at the destination that was refused as a duplicate."""
    answer: RemoteAnswer | None = None
    """What the destination answered to the last attempt, where that failed."""
    synced_at: datetime | None
    destination_record_id: UUID | None
    destination_remote_id: str | None
    updated_at: datetime


class NoteView(View):
    """What happened to one field's value on its way, in words."""

    field: str
    reason: str
    text: str


class RecordDetail(RecordView):
    """One record with the staged values and, where linked, the destination's; `notes` name values not taken as they are.

    A value that is not known is left out, and so is a field that the role does not see: `hidden` names those.
    """

    notes: tuple[NoteView, ...] = ()
    employee: Employee
    destination_employee: Employee | None = None
    hidden: tuple[str, ...] = ()


class RecordPage(View):
    """One page of records; `next` continues it, `counts` are by status over the whole search.

    A search is counted up to 10,000 records; `at_least` says that there are more than `total` and `counts`.
    """

    items: tuple[RecordView, ...]
    next: str | None
    total: int
    counts: dict[str, int]
    at_least: bool = False


class RecordIds(View):
    """The ids of one page of records, in their order."""

    ids: tuple[UUID, ...]
    next: str | None


class TimelineEntry(View):
    """One thing that happened to a record: what, who, when, and the fields that moved.

    Fields that moved, but that the role does not see, are named in `hidden` instead of `changes`.
    """

    n: int
    at: datetime
    type: str
    actor: str | None
    cause: str | None
    run_id: UUID | None
    changes: dict[str, Change]
    hidden: tuple[str, ...] = ()
    status: str | None = None
    reason: str | None = None
    reason_text: str = ""
    detail: dict[str, Any] = {}


class Timeline(View):
    """A record's history, newest first."""

    items: tuple[TimelineEntry, ...]
    next: str | None


class RunView(View):
    """One import or push, with its counts; `state` is queued, running, completed, failed or cancelled.

    What a push skipped is counted apart, by reason. `total` among the counts is how many records it is about.
    """

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


class SystemView(View):
    """How people call a system: its label, and a short one where room is scarce."""

    system: str
    label: str
    short_label: str


class CompanyView(CompanySettings):
    """A company's settings, the systems of its accounts, and what the one who asks may do there."""

    systems: tuple[SystemView, ...] = ()
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
    installation: Literal["operator", "admin"] | None
    """What they may do for all companies of this Muster."""
    must_enrol: bool
    """They must set up a second factor before anything else."""
    companies: tuple[Membership, ...]
    time_zone: str = ""
    """How the person wants times shown, a name such as `Europe/Berlin`; empty: as the browser has it."""
    language: str = ""
    """In which language's formats numbers and dates are shown, such as `de-CH`; empty: as the browser has it."""


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
    """One record of an account: the raw JSON as it came, and the canonical values that were understood.

    `hidden` names the members of the raw JSON that the role does not see.
    """

    record_id: UUID
    account_id: UUID
    remote_id: str
    state: str
    rev: int
    remote_version: str | None
    read_at: datetime
    employee: dict[str, Any] | None
    payload: dict[str, Any] | None
    hidden: tuple[str, ...] = ()


class Mapped(View):
    """A record as the rules make it for the destination, and what a push made now would write; `action` is null for nothing."""

    employee: dict[str, Any]
    action: str | None = None
    changes: dict[str, Change] = {}


class LastRequest(View):
    """The last call that carried a record, with its part of the body. `state` is how the call stands.

    `hidden` names the members of the body that the role does not see.
    """

    account_id: UUID
    call_id: UUID
    action: str
    method: str
    path: str
    state: str
    attempts: int
    sent_at: datetime
    members: int
    body: Any
    hidden: tuple[str, ...] = ()


class LastAnswer(View):
    """What the destination answered to that call, with the record's part of the body.

    `hidden` names the members of the body that the role does not see; `remote_text` may quote values, so it is left out
    for a role that does not see all of them.
    """

    status: int
    code: str = ""
    trace_id: str = ""
    remote_text: str = ""
    body: Any
    hidden: tuple[str, ...] = ()


class RecordExchange(View):
    """What would be sent for a record now, what was sent last, and what was answered."""

    mapped: Mapped | None = None
    request: LastRequest | None = None
    answer: LastAnswer | None = None


class RecordJson(RecordExchange):
    """What passes between the two systems for one record; `hidden` names the fields that the role does not see."""

    source: Payload
    staged: dict[str, Any] | None
    destination: Payload | None
    hidden: tuple[str, ...] = ()


class AuditEntry(View):
    """What one person, key or stranger did about access. `address` and `agent` say from where."""

    entry_id: int
    at: datetime
    action: str
    actor: str
    subject: str
    detail: str
    address: str
    agent: str


class AuditPage(View):
    """Entries of the administration audit log, newest first; `next` continues the list."""

    items: tuple[AuditEntry, ...]
    next: int | None
