"""The change history as people read it: one entry for what belongs together."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from shared.contracts.views import View
from shared.domain.employee import Change
from shared.domain.values import Status
from shared.errors import RemoteAnswer


class HistoryKind(StrEnum):
    """What an entry is about."""

    FIELDS = "fields"
    SYNC = "sync"
    MATCHING = "matching"
    STATUS = "status"
    RULES = "rules"
    PLAN = "plan"


class Attempt(View):
    """One step of a push: planned, failed, held or written. `answer` is what the destination answered where it failed."""

    n: int
    at: datetime
    type: str
    reason: str = ""
    reason_text: str = ""
    retry_at: datetime | None = None
    answer: RemoteAnswer | None = None


class HistoryEntry(View):
    """What happened to a record, or to the company's rules and plans.

    A push with all its attempts is one entry, of the time of its last. `status` is what the record became by it. Fields that
    moved but that the role does not see are named in `hidden` instead of `changes`. Without an `actor` it was Muster, by its
    rules where `automatic`.
    """

    n: int
    at: datetime
    began_at: datetime
    kind: HistoryKind
    type: str
    record_id: UUID | None = None
    record_name: str = ""
    side: str | None = None
    """`source` or `destination`: where fields changed."""
    actor: str | None = None
    cause: str | None = None
    automatic: bool = False
    run_id: UUID | None = None
    action: str | None = None
    changes: dict[str, Change] = Field(default={})
    hidden: tuple[str, ...] = ()
    status: Status | None = None
    reason: str = ""
    reason_text: str = ""
    detail: dict[str, Any] = Field(default={})
    attempts: tuple[Attempt, ...] = ()


class HistoryPage(View):
    """Newest first; `next` continues. A page may be short, or empty, before the end: a filter looks through so many at a time."""

    items: tuple[HistoryEntry, ...]
    next: str | None
