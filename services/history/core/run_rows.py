"""Events about runs and pushes into rows of their views; in whatever order they come, the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.events import (
    Body,
    EmployeeUnreadable,
    ImportCancelled,
    ImportCompleted,
    ImportFailed,
    ImportStarted,
    Message,
    PushAdopted,
    PushEvent,
    PushFailed,
    PushHeld,
    PushSucceeded,
    SyncCompleted,
    SyncProgressed,
    SyncStarted,
)

_RANK = MappingProxyType({"running": 0, "failed": 1, "cancelled": 1, "completed": 2})
_STATES: Mapping[type[Body], str] = MappingProxyType(
    {
        ImportFailed: "failed",
        ImportCancelled: "cancelled",
        ImportCompleted: "completed",
        SyncCompleted: "completed",
    }
)
"""What ends a run, and how."""
_COUNTS = (
    "read",
    "staged",
    "changed",
    "unchanged",
    "unreadable",
    "removed",
    "missing",
    "known",
    "total",
    "succeeded",
    "failed",
    "retrying",
)


@dataclass(frozen=True, slots=True)
class Run:
    """One import or push as people see it. Its end wins over everything, its counts only grow."""

    company_id: UUID
    run_id: UUID
    kind: str
    mode: str | None
    state: str
    reason: str | None
    actor: str | None
    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int]
    skipped: Mapping[str, int]


def fold_run(run: Run | None, event: Message[Any]) -> Run:
    """`run` with what `event` says; in whatever order the events come, the same run."""
    reported = _reported(event)
    if run is None:
        return reported
    if (_RANK[reported.state], reported.ended_at or reported.started_at) > (
        _RANK[run.state],
        run.ended_at or run.started_at,
    ):
        state, reason, ended = reported.state, reported.reason, reported.ended_at
    else:
        state, reason, ended = run.state, run.reason, run.ended_at
    earlier, later = sorted((run, reported), key=lambda r: r.started_at)
    return replace(
        run,
        mode=run.mode or reported.mode,
        state=state,
        reason=reason,
        actor=earlier.actor or later.actor,
        started_at=earlier.started_at,
        ended_at=ended,
        counts=_most(run.counts, reported.counts),
        skipped=_most(run.skipped, reported.skipped),
    )


def _most(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in sorted({*one, *other})}


def _reported(event: Message[Any]) -> Run:
    body = event.body
    state = _STATES.get(type(body), "running")
    ended = state != "running"
    syncing = isinstance(body, SyncStarted | SyncProgressed)
    return Run(
        event.company_id,
        body.run_id,
        "sync" if syncing else "import",
        body.mode if isinstance(body, ImportStarted) else None,
        state,
        body.reason if isinstance(body, ImportFailed | ImportCompleted) else None,
        event.actor,
        event.time,
        event.time if ended else None,
        _counts(body),
        dict(getattr(body, "skipped", {})),
    )


def _counts(body: Any) -> dict[str, int]:
    """What the event counts; how many records a run is about is not said of one that reads a whole directory.

    Nor who is missing where the directory was believed.
    """
    counted = {name: getattr(body, name) for name in _COUNTS if hasattr(body, name)}
    if isinstance(body, ImportStarted) and not body.total:
        del counted["total"]
    if not counted.get("missing"):
        return {name: count for name, count in counted.items() if name not in ("missing", "known")}
    return counted


class RunRecord(NamedTuple):
    """What became of one record in one run, and why where that is not a success; `at` is when."""

    company_id: UUID
    run_id: UUID
    record_id: UUID
    outcome: str
    reason: str
    field: str | None
    at: datetime


def run_records(events: Sequence[Message[Any]]) -> list[RunRecord]:
    """The records of runs that these events say something of, each by its last event."""
    found: dict[tuple[UUID, UUID, UUID], RunRecord] = {}
    for event in events:
        ended = _ended(event.body)
        if event.run_id is None or ended is None:
            continue
        key = (event.company_id, event.run_id, event.body.record_id)
        known = found.get(key)
        if known is None or known.at <= event.time:
            found[key] = RunRecord(*key, *ended, event.time)
    return list(found.values())


class PushResult(NamedTuple):
    """How one push ended; of one that succeeded also when its change was staged."""

    company_id: UUID
    run_id: UUID | None
    outcome: str
    reason: str
    at: datetime
    staged_at: datetime | None


def push_results(events: Sequence[Message[Any]]) -> list[PushResult]:
    """The ends of pushes among these events. A source rev is the database's millisecond at staging."""
    found = []
    for event in events:
        ended = _ended(event.body) if isinstance(event.body, PushEvent) else None
        if ended is not None:
            staged = None
            if isinstance(event.body, PushSucceeded):
                staged = datetime.fromtimestamp(event.body.source_rev / 1000, UTC)
            found.append(PushResult(event.company_id, event.run_id, ended[0], ended[1], event.time, staged))
    return found


def _ended(body: Body) -> tuple[str, str, str | None] | None:
    """How a record's part in a run ended, as outcome, reason and field; None for what is no end."""
    match body:
        case PushSucceeded() | PushAdopted():
            return "succeeded", "", None
        case PushFailed():
            return "failed" if body.retryable else "needs_action", body.reason, body.field
        case PushHeld():
            return "held", body.reason, body.field
        case EmployeeUnreadable():
            return "unreadable", body.reason, body.field
        case _:
            return None
