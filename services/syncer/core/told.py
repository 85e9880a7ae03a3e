"""What the other services say of records, as it is kept here."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.syncer.core.case import Fact, Stored
from shared.contracts.events import (
    SITUATIONS,
    EmployeeChanged,
    EmployeeRemoved,
    EmployeeStaged,
    EmployeeUnreadable,
    Message,
    RecordDeleted,
    RecordLinked,
    RecordUnmatched,
)
from shared.contracts.records import Employee

FACTS = frozenset({EmployeeStaged, EmployeeChanged, EmployeeRemoved, EmployeeUnreadable})
"""The events that tell how one record is now."""


class Link(NamedTuple):
    """mapper's answer about one source record, as it is kept."""

    company_id: UUID
    record_id: UUID
    situation: str
    link_rev: int
    source_rev: int
    reason: str
    destination_record_id: UUID | None
    destination_remote_id: str | None
    create_asked_at: datetime | None


def fact_of(body: EmployeeStaged | EmployeeRemoved | EmployeeUnreadable) -> Fact:
    """One of `FACTS`; who is gone or unreadable says nothing of its values."""
    match body:
        case EmployeeStaged():
            return Fact(
                body.record_id,
                body.account_id,
                body.remote_id,
                body.rev,
                "present",
                body.employee,
                body.remote_version,
                body.read_at,
            )
        case EmployeeRemoved():
            return Fact(
                body.record_id, body.account_id, body.remote_id, body.rev, "removed", Employee(), None, None
            )
        case EmployeeUnreadable():
            return Fact(
                body.record_id,
                body.account_id,
                body.remote_id,
                body.rev,
                "unreadable",
                Employee(),
                None,
                None,
                body.reason,
            )


def stored(fact: Fact) -> Stored:
    """The fact as it is stored."""
    return Stored(fact.rev, fact.state, fact.employee.text(), fact.remote_version, fact.read_at)


def link_of(event: Message[Any]) -> Link:
    """One of `SITUATIONS`."""
    body: Any = event.body
    kind = type(body)
    linked = kind is RecordLinked
    return Link(
        event.company_id,
        body.record_id,
        SITUATIONS[kind].value,
        body.link_rev,
        body.source_rev,
        body.reason,
        body.destination_record_id if linked or kind is RecordDeleted else None,
        body.destination_remote_id if linked else None,
        body.asked_at if kind is RecordUnmatched else None,
    )
