"""What the public API shows of how the synchronisation is doing: counts, codes and times, never values of people."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from shared.contracts.freshness import FreshnessView
from shared.contracts.views import View

Span = Literal["15m", "1h", "24h", "7d"]
"""How far back charts look."""


class ResultPoint(View):
    """What became of pushes in one step of time, and the seconds they took from staging or, if later, the request.

    The seconds are null where nothing succeeded; they are exact to a tenth of themselves.
    """

    at: datetime
    succeeded: int
    failed: int
    needs_action: int
    held: int
    median: float | None
    p95: float | None


class ReasonCount(View):
    """How many pushes ended for one reason within the last day."""

    outcome: str
    reason: str
    text: str
    fix: str
    count: int


class OldestWaiting(View):
    """The record that has waited longest for a push, a retry or a person."""

    record_id: UUID
    number: str | None
    status: str
    since: datetime


class ResultsView(View):
    """Records by status, what became of pushes over time, and why those ended that did not succeed."""

    counts: dict[str, int]
    oldest: OldestWaiting | None
    step_seconds: int
    points: tuple[ResultPoint, ...]
    median: float | None
    p95: float | None
    reasons: tuple[ReasonCount, ...]


class ConnectionOperations(View):
    """How one connection is, and the calls that it made this month.

    `left` is the share of the month's metered calls not used yet. `lasts_until`: they will have been used by then, before
    the month ends, at the pace of the month so far; the `warning` is then `calls_running_out`.
    """

    account_id: UUID
    system: str
    label: str
    state: str
    state_text: str
    fix: str
    calls: int
    left: float | None
    lasts_until: datetime | None
    warning: str
    warning_text: str
    paused_until: datetime | None
    reconnect_by: datetime | None


class Hop(View):
    """One topic as one service consumes it: messages that wait, and why it pauses, if it does."""

    service: str
    topic: str
    waiting: int
    paused: str | None


PausedKind = Literal["connection", "schedule", "topic", "endpoint", "route", "automatic"]


class PausedThing(View):
    """One thing that stands still, since when, and why."""

    kind: PausedKind
    id: str
    name: str
    why: str
    since: datetime | None = None


class OperationsView(View):
    """How a company's synchronisation is doing. What the services named in `unanswered` know is null or missing."""

    results: ResultsView | None
    freshness: FreshnessView | None
    connections: tuple[ConnectionOperations, ...]
    hops: tuple[Hop, ...]
    paused: tuple[PausedThing, ...]
    dead_letters: int
    unanswered: tuple[str, ...]


class DeadLetterView(View):
    """A message that a service could not handle. `reason` is a code; `detail` says where it failed."""

    id: str
    service: str
    topic: str
    type: str | None
    event_id: UUID | None
    reason: str
    detail: str
    at: datetime
    replayable: bool


class DeadLetterList(View):
    """Messages that could not be handled, newest first; what the services named in `unanswered` hold is missing."""

    items: tuple[DeadLetterView, ...]
    unanswered: tuple[str, ...] = ()


class DeadLetterDetail(DeadLetterView):
    """One with its headers and body, without the fields that the role does not see; `readable`: the body is JSON."""

    headers: dict[str, str]
    body: dict[str, Any] | None
    readable: bool
    hidden: tuple[str, ...] = ()


class Replayed(View):
    """What came of handling a message again: whether it had its effect, else what stopped it."""

    handled: bool
    detail: str


class CompanyHealth(View):
    """One company, as the operator of the installation sees it: counts and states, nothing of its people."""

    company_id: UUID
    name: str
    counts: dict[str, int]
    dead_letters: int
    connections: dict[str, int]
    running: int


class InstallationView(View):
    """All companies of the installation."""

    companies: tuple[CompanyHealth, ...]
    unanswered: tuple[str, ...]
