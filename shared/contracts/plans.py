"""What the public API shows of plans. Shared by syncer, which answers it, and gateway, which serves it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from shared.contracts.views import View
from shared.domain.employee import PlannedChange
from shared.domain.plans import PlanAction, PlanKind, PlanState, Tripped


class TrippedView(Tripped):
    """A brake that holds a plan, in words."""

    text: str = ""


class PlanCounts(View):
    """How many records of a plan have each action, and how many of those were taken out."""

    action: PlanAction
    records: int
    taken_out: int = 0


class BlockedCount(View):
    """How many records of a plan are blocked for one reason, in words."""

    reason: str
    records: int
    text: str = ""
    fix: str = ""


class PlanView(View):
    """A plan: who made it, where it is, what it would write, and what that takes.

    `to_write` is what an approval writes now: without blocked records, those with nothing to do and those taken out.
    While a plan is being made, `ready` is false and the counts grow.
    """

    plan_id: UUID
    kind: PlanKind
    state: PlanState
    ready: bool
    owner: str | None
    decided_by: str | None = None
    created_at: datetime
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    total: int
    to_write: int = 0
    counts: tuple[PlanCounts, ...] = ()
    blocked: tuple[BlockedCount, ...] = ()
    outcomes: dict[str, int] = Field(default_factory=dict)
    """What became of the records, once the plan is being applied: `waiting`, `succeeded`, `failed`, `held`, `skipped`."""
    calls: int = 0
    seconds: float = 0
    tripped: tuple[TrippedView, ...] = ()


class PlanPage(View):
    """Plans, newest first; `next` continues the list."""

    items: tuple[PlanView, ...]
    next: str | None


class PlanRecordView(View):
    """What a plan does with one record: per field the value before and after, and what became of it.

    A field that the role does not see is named in `hidden` instead of `fields`. `moved` says for a record that was held
    what would be written now.
    """

    record_id: UUID
    remote_id: str
    number: str | None
    name: str
    action: PlanAction
    reason: str = ""
    reason_text: str = ""
    fix: str = ""
    field: str | None = None
    fields: dict[str, PlannedChange] = Field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    unchanged: int = 0
    """How many fields stay as they are."""
    marks: tuple[str, ...] = ()
    """The brakes that this record counts for."""
    excluded: bool = False
    outcome: str | None = None
    outcome_reason: str | None = None
    moved: dict[str, Any] | None = None
    source_read_at: datetime | None = None
    destination_read_at: datetime | None = None


class PlanRecordPage(View):
    """A plan's records, blocked ones first; `next` continues the list."""

    items: tuple[PlanRecordView, ...]
    next: str | None


class PlanStarted(View):
    """The plan that answers what was asked, and how many records it concerns."""

    plan_id: UUID
    total: int
