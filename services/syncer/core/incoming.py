"""What the other services publish about records, as it is kept here."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.syncer.core.state import Snapshot, StoredSnapshot
from shared.contracts.events import (
    SITUATIONS,
    EmployeeChanged,
    EmployeeRemoved,
    EmployeeStaged,
    EmployeeUnreadable,
    Message,
    RecordDeleted,
    RecordExcluded,
    RecordLinked,
    RecordUnmatched,
)
from shared.domain.employee import Employee
from shared.domain.versions import Reading

SNAPSHOT_EVENTS = frozenset({EmployeeStaged, EmployeeChanged, EmployeeRemoved, EmployeeUnreadable})
"""The events that carry the newest version of one record."""


class MatchResult(NamedTuple):
    """mapper's result about one source record, as it is kept."""

    company_id: UUID
    record_id: UUID
    situation: str
    link_rev: int
    source_rev: int
    reason: str
    destination_record_id: UUID | None
    destination_remote_id: str | None
    create_asked_at: datetime | None


def snapshot_of(body: EmployeeStaged | EmployeeRemoved | EmployeeUnreadable) -> Snapshot:
    """One of `SNAPSHOT_EVENTS`; a removed or unreadable record carries no values."""
    match body:
        case EmployeeStaged():
            return Snapshot(
                body.record_id,
                body.account_id,
                body.remote_id,
                body.rev,
                "present",
                body.employee,
                _reading(body),
            )
        case EmployeeRemoved():
            return Snapshot(
                body.record_id, body.account_id, body.remote_id, body.rev, "removed", Employee(), None
            )
        case EmployeeUnreadable():
            return Snapshot(
                body.record_id,
                body.account_id,
                body.remote_id,
                body.rev,
                "unreadable",
                Employee(),
                None,
                body.reason,
            )


def _reading(body: EmployeeStaged) -> Reading:
    return Reading(
        body.remote_version,
        body.remote_updated_at,
        body.requested_at,
        body.answered_at,
        body.written_for is not None,
    )


def stored(snapshot: Snapshot) -> StoredSnapshot:
    """The snapshot as it is stored."""
    return StoredSnapshot(snapshot.rev, snapshot.state, snapshot.employee.text(), snapshot.reading)


def match_result_of(event: Message[Any]) -> MatchResult:
    """One of `SITUATIONS`."""
    body: Any = event.body
    kind = type(body)
    linked = kind is RecordLinked
    return MatchResult(
        event.company_id,
        body.record_id,
        SITUATIONS[kind].value,
        body.link_rev,
        body.source_rev,
        body.reason,
        body.destination_record_id if linked or kind in (RecordDeleted, RecordExcluded) else None,
        body.destination_remote_id if linked else None,
        body.asked_at if kind is RecordUnmatched else None,
    )
