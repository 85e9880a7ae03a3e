"""Events into rows of the views. Of one record's events in a batch the newest stands; the store compares with what it holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.contracts.events import (
    SITUATIONS,
    Decided,
    DirectoryComplete,
    EmployeeRemoved,
    EmployeeStaged,
    Message,
    PushEvent,
    RecordDeleted,
    RecordExcluded,
    RecordLinked,
    RecordStatus,
    StatusChanged,
)
from shared.domain.employee import Employee
from shared.domain.search import searchable


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
