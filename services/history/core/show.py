"""What people read: reasons in words, a record's timeline, and the cursors that continue a page."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import Any
from uuid import UUID

import orjson

from services.history.core.chain import Entry
from services.history.core.entries import Group
from shared.contracts.history_views import Attempt, HistoryEntry, HistoryKind
from shared.contracts.views import NoteView, TimelineEntry
from shared.domain.capabilities import left_out
from shared.domain.employee import Change, Employee
from shared.domain.mapping import desired
from shared.domain.reasons import NOTES, field_words
from shared.domain.settings import CompanySettings
from shared.domain.values import Note, Status
from shared.systems import mapping_of
from shared.systems.words import Names, names, reason_words

SORTS = frozenset({"number", "name", "status", "synced_at"})
WRITTEN = frozenset({"push.succeeded", "push.adopted"})
"""What says that a planned change was written."""
_NOT_SHOWN = frozenset(
    {
        "record_id",
        "account_id",
        "destination_account_id",
        "employee",
        "changes",
        "fields",
        "basis",
        "record_status",
        "status",
        "reason",
    }
)


def notes(employee: Employee, settings: CompanySettings | None) -> tuple[NoteView, ...]:
    """Which of a source record's values were not taken as they are, and which the destination cannot hold."""
    found, called = list(employee.notes), names(settings)
    mapping = mapping_of(settings) if settings else None
    if mapping is not None:
        found += left_out(desired(employee, mapping), mapping.destination, mapping.features)
    return tuple(
        NoteView(field=note.field, reason=note.reason, text=_note_words(note, called)) for note in found
    )


def _note_words(note: Note, called: Names) -> str:
    words = {"source": called.source, "destination": called.destination, "field": field_words(note.field)}
    return NOTES[note.reason].format_map(words) if note.reason in NOTES else note.reason.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the sort it belongs to, and the last row's values."""

    sort: str
    text: str
    time: datetime
    id: UUID

    def encode(self) -> str:
        """An opaque word."""
        values = [self.sort, self.text, self.time.isoformat(), str(self.id)]
        return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")

    @classmethod
    def decode(cls, word: str, sort: str) -> "Cursor":
        """The cursor that `encode` made for the same sort. Raises `ValueError` for anything else."""
        values = orjson.loads(base64.urlsafe_b64decode(word.encode() + b"=" * (-len(word) % 4)))
        if not isinstance(values, list) or [type(v) for v in values] != [str] * 4 or values[0] != sort:
            msg = "a cursor of something else"
            raise ValueError(msg)
        time = datetime.fromisoformat(values[2])
        if "\0" in values[1] or time.tzinfo is None:
            msg = "not a cursor of ours"
            raise ValueError(msg)
        return cls(sort, values[1], time, UUID(values[3]))


def history_entry(
    group: Group, people: Mapping[UUID, tuple[UUID, str]], source: UUID | None, called: Names
) -> HistoryEntry:
    """One entry in words; `people` are the account and the name of records."""
    first, last = group.events[0], group.events[-1]
    account, name = people.get(last.record_id, (None, "")) if last.record_id else (None, "")
    return HistoryEntry(
        n=last.n,
        at=last.event_time,
        began_at=first.event_time,
        kind=group.kind,
        type=last.type,
        record_id=last.record_id,
        record_name=name,
        side=None if account is None else "source" if account == source else "destination",
        actor=group.actor,
        cause=last.cause,
        automatic=group.kind is HistoryKind.SYNC and group.actor is None,
        run_id=last.run_id,
        action=group.bodies[-1].get("action"),
        changes={name: Change.model_validate(change) for name, change in group.changes.items()},
        status=Status(group.status) if group.status else None,
        reason=group.reason,
        reason_text=_reason_text(group.reason, group.field, called),
        detail=group.detail(),
        attempts=tuple(map(_attempt, group.events, group.bodies, repeat(called)))
        if group.kind is HistoryKind.SYNC
        else (),
    )


def _attempt(event: Entry, body: Mapping[str, Any], called: Names) -> Attempt:
    reason = body.get("reason") or ""
    return Attempt(
        n=event.n,
        at=event.event_time,
        type=event.type,
        reason=reason,
        reason_text=_reason_text(reason, body.get("field"), called),
        retry_at=(body.get("record_status") or {}).get("retry_at"),
        answer=body.get("answer"),
    )


def _reason_text(reason: str, field: str | None, called: Names) -> str:
    return reason_words(reason, field, called)[0] if reason else ""


def planned_fields(entries: Iterable[Entry]) -> dict[str, Any]:
    """The fields of each planned push, by the push's id."""
    bodies = (orjson.loads(e.body) for e in entries if e.type == "push.planned")
    return {body["push_id"]: body["fields"] for body in bodies}


def timeline(
    entries: Sequence[Entry], record: UUID, planned: Mapping[str, Any], called: Names
) -> tuple[TimelineEntry, ...]:
    """The log's entries as people read them. What a push wrote is what it had planned."""
    return tuple(_timeline_entry(entry, record, planned, called) for entry in entries)


def _timeline_entry(entry: Entry, record: UUID, planned: Mapping[str, Any], called: Names) -> TimelineEntry:
    body = orjson.loads(entry.body)
    changes = body.get("changes") or body.get("fields") or {}
    if entry.type in WRITTEN:
        changes = planned.get(body["push_id"], {})
    reason = body.get("reason") or None
    text = reason_words(reason, body.get("field"), called)[0] if reason else ""
    detail = {name: value for name, value in body.items() if name not in _NOT_SHOWN}
    return TimelineEntry(
        n=entry.n,
        at=entry.event_time,
        type=entry.type,
        actor=entry.actor,
        cause=entry.cause,
        run_id=entry.run_id,
        changes={name: Change.model_validate(change) for name, change in changes.items()},
        status=(body.get("record_status") or body).get("status"),
        reason=reason,
        reason_text=text,
        detail={**detail, "side": "source" if entry.record_id == record else "destination"},
    )
