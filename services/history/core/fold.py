"""Events into rows of the views. Of one record's events in a batch the newest stands; the store compares with what it holds."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.events import (
    SITUATIONS,
    Decided,
    DirectoryComplete,
    EmployeeRemoved,
    EmployeeStaged,
    ImportCompleted,
    ImportFailed,
    ImportProgressed,
    ImportStarted,
    Message,
    RecordDeleted,
    RecordLinked,
    StatusChanged,
    SyncCompleted,
    SyncProgressed,
    SyncStarted,
)
from shared.contracts.records import Employee

_NOT_DECOMPOSED = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_RANK = MappingProxyType({"running": 0, "failed": 1, "completed": 2})
_IMPORT_COUNTS = ("read", "staged", "changed", "unchanged", "unreadable", "removed")
_SYNC_COUNTS = ("total", "succeeded", "failed")


class Fact(NamedTuple):
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


class Standing(NamedTuple):
    """What one batch says of one source record's status."""

    company_id: UUID
    record_id: UUID
    status_rev: int
    status: str
    reason: str
    field: str | None
    synced_at: datetime | None
    updated_at: datetime


def searchable(text: str) -> str:
    """Small letters without accents, as both what is searched and what is asked for are compared."""
    if text.isascii():
        return text.lower()
    parted = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in parted if not unicodedata.combining(c))
    return bare.casefold().translate(_NOT_DECOMPOSED)


def facts(events: Sequence[Message[Any]]) -> list[Fact]:
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
    return [_fact(event, carrying.get(key)) for key, event in newest.items()]


def _fact(event: Message[Any], carrying: Message[EmployeeStaged] | None) -> Fact:
    body = event.body
    fixed = (event.company_id, body.record_id, body.account_id, body.remote_id, body.rev)
    removed = isinstance(body, EmployeeRemoved)
    if carrying is None:
        return Fact(*fixed, 0, removed, None, "", None, None, None, "", None, event.time)
    employee: Employee = carrying.body.employee
    name = employee.full_name()
    return Fact(
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
    if isinstance(body, RecordLinked | RecordDeleted):
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


def standings(events: Sequence[Message[Any]]) -> list[Standing]:
    """One row a source record, of its newest status."""
    newest: dict[tuple[UUID, UUID], Message[StatusChanged]] = {}
    for event in events:
        if isinstance(event.body, StatusChanged):
            key = (event.company_id, event.body.record_id)
            known = newest.get(key)
            if known is None or known.body.status_rev < event.body.status_rev:
                newest[key] = event
    return [
        Standing(e.company_id, b.record_id, b.status_rev, b.status, b.reason, b.field, b.synced_at, e.time)
        for e in newest.values()
        for b in (e.body,)
    ]


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
    said = _said(event)
    if run is None:
        return said
    if (_RANK[said.state], said.ended_at or said.started_at) > (
        _RANK[run.state],
        run.ended_at or run.started_at,
    ):
        state, reason, ended = said.state, said.reason, said.ended_at
    else:
        state, reason, ended = run.state, run.reason, run.ended_at
    earlier, later = sorted((run, said), key=lambda r: r.started_at)
    return replace(
        run,
        mode=run.mode or said.mode,
        state=state,
        reason=reason,
        actor=earlier.actor or later.actor,
        started_at=earlier.started_at,
        ended_at=ended,
        counts=_most(run.counts, said.counts),
        skipped=_most(run.skipped, said.skipped),
    )


def _most(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in sorted({*one, *other})}


def _said(event: Message[Any]) -> Run:
    body = event.body
    ended = isinstance(body, ImportCompleted | ImportFailed | SyncCompleted)
    syncing = isinstance(body, SyncStarted | SyncProgressed)
    names = _SYNC_COUNTS if syncing else _IMPORT_COUNTS if isinstance(body, ImportProgressed) else ()
    return Run(
        event.company_id,
        body.run_id,
        "sync" if syncing else "import",
        body.mode if isinstance(body, ImportStarted) else None,
        "failed" if isinstance(body, ImportFailed) else "completed" if ended else "running",
        body.reason if isinstance(body, ImportFailed) else None,
        event.actor,
        event.time,
        event.time if ended else None,
        {name: getattr(body, name) for name in names if hasattr(body, name)},
        dict(getattr(body, "skipped", {})),
    )
