"""Events into rows of the views. Of one record's events in a batch the newest stands; the store compares with what it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.contracts.events import (
    SITUATIONS,
    Body,
    Decided,
    DirectoryComplete,
    EmployeeRemoved,
    EmployeeStaged,
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
    RecordDeleted,
    RecordExcluded,
    RecordLinked,
    RecordStatus,
    StatusChanged,
    SyncCompleted,
    SyncProgressed,
    SyncStarted,
)
from shared.domain.employee import Employee
from shared.domain.search import searchable

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


class Snapshot(NamedTuple):
    """What one batch says of one record. `employee_rev` is 0 when no event of it carried the employee."""

    company_id: UUID
    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    employee_rev: int
    removed: bool
    number: str | None
    name: str
    first_name: str | None
    last_name: str | None
    email: str | None
    search: str
    employee: str | None
    updated_at: datetime


class Linking(NamedTuple):
    """What one batch says of how one source record stands to the other side."""

    company_id: UUID
    record_id: UUID
    link_rev: int
    situation: str
    destination_record_id: UUID | None
    destination_remote_id: str | None
    updated_at: datetime


class SyncStatus(NamedTuple):
    """What one batch says of one source record's status."""

    company_id: UUID
    record_id: UUID
    status_rev: int
    status: str
    reason: str
    field: str | None
    retry_at: datetime | None
    holder: str | None
    """As JSON."""
    answer: str | None
    """As JSON."""
    synced_at: datetime | None
    updated_at: datetime


def snapshots(events: Sequence[Message[Any]]) -> list[Snapshot]:
    """One row a record: its newest rev, and the newest employee among the events that carry one."""
    newest: dict[tuple[UUID, UUID], Message[Any]] = {}
    carrying: dict[tuple[UUID, UUID], Message[EmployeeStaged]] = {}
    for event in events:
        body = event.body
        if isinstance(body, DirectoryComplete):
            continue
        key = (event.company_id, body.record_id)
        known = newest.get(key)
        if known is None or known.body.rev < body.rev:
            newest[key] = event
        if isinstance(body, EmployeeStaged):
            held = carrying.get(key)
            if held is None or held.body.rev < body.rev:
                carrying[key] = event
    return [_snapshot(event, carrying.get(key)) for key, event in newest.items()]


def _snapshot(event: Message[Any], carrying: Message[EmployeeStaged] | None) -> Snapshot:
    body = event.body
    fixed = (event.company_id, body.record_id, body.account_id, body.remote_id, body.rev)
    removed = isinstance(body, EmployeeRemoved)
    if carrying is None:
        return Snapshot(*fixed, 0, removed, None, "", None, None, None, "", None, event.time)
    employee: Employee = carrying.body.employee
    name = employee.full_name()
    return Snapshot(
        *fixed,
        carrying.body.rev,
        removed,
        employee.number,
        name,
        employee.first_name,
        employee.last_name,
        employee.email,
        searchable(f"{name} {employee.email or ''} {employee.number or ''}"),
        employee.text(),
        event.time,
    )


def linkings(events: Sequence[Message[Any]]) -> list[Linking]:
    """One row a source record, of the newest decision about it."""
    newest: dict[tuple[UUID, UUID], Message[Any]] = {}
    for event in events:
        if isinstance(event.body, Decided):
            key = (event.company_id, event.body.record_id)
            known = newest.get(key)
            if known is None or known.body.link_rev < event.body.link_rev:
                newest[key] = event
    return [_linking(event) for event in newest.values()]


def _linking(event: Message[Any]) -> Linking:
    body, there, remote_id = event.body, None, None
    if isinstance(body, RecordLinked | RecordDeleted | RecordExcluded):
        there = body.destination_record_id
    if isinstance(body, RecordLinked):
        remote_id = body.destination_remote_id
    return Linking(
        event.company_id,
        body.record_id,
        body.link_rev,
        SITUATIONS[type(body)],
        there,
        remote_id,
        event.time,
    )


def statuses(events: Sequence[Message[Any]]) -> list[SyncStatus]:
    """One row a source record, of its newest status."""
    newest: dict[tuple[UUID, UUID], tuple[RecordStatus, datetime]] = {}
    for event in events:
        status = _status(event.body)
        if status is not None:
            key = (event.company_id, event.body.record_id)
            known = newest.get(key)
            if known is None or known[0].status_rev < status.status_rev:
                newest[key] = (status, event.time)
    return [
        SyncStatus(
            *key,
            s.status_rev,
            s.status,
            s.reason,
            s.field,
            s.retry_at,
            s.holder.model_dump_json(exclude_none=True) if s.holder else None,
            orjson.dumps(s.answer).decode() if s.answer else None,
            s.synced_at,
            time,
        )
        for key, (s, time) in newest.items()
    ]


def _status(body: Any) -> RecordStatus | None:
    if isinstance(body, StatusChanged):
        return body
    return body.record_status if isinstance(body, PushEvent) else None


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
