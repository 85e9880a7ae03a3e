"""What people read: reasons in words, a record's timeline, and the cursors that continue a page."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson

from services.history.core.chain import Entry
from shared.contracts.reasons import REASONS, SYSTEMS
from shared.contracts.records import Change, CompanySettings
from shared.contracts.views import TimelineEntry

SORTS = frozenset({"number", "name", "status", "synced_at"})
_FIELDS = MappingProxyType(
    {
        "number": "employee number",
        "email": "e-mail address",
        "phone": "phone number",
        "mobile": "mobile number",
        "address_city": "city",
        "address_state": "state",
        "address_postal_code": "postal code",
        "address_country": "country",
    }
)
_DIGITS = re.compile(r"(?<=[a-z])(?=\d)")
_NOT_SHOWN = frozenset(
    {
        "record_id",
        "account_id",
        "destination_account_id",
        "employee",
        "changes",
        "fields",
        "basis",
        "status",
        "reason",
    }
)


@dataclass(frozen=True, slots=True)
class Names:
    """How the two sides are called."""

    source: str = "the source"
    destination: str = "the destination"


def names(settings: CompanySettings | None) -> Names:
    """The systems of the company's route."""
    route = settings.route if settings else None
    if settings is None or route is None:
        return Names()
    source, destination = settings.account(route.source), settings.account(route.destination)
    unnamed = Names()
    return Names(
        SYSTEMS[source.system] if source else unnamed.source,
        SYSTEMS[destination.system] if destination else unnamed.destination,
    )


def field_words(field: str) -> str:
    """`address_line1` → `address line 1`."""
    return _FIELDS.get(field) or _DIGITS.sub(" ", field.replace("_", " "))


def reason_words(reason: str, field: str | None, called: Names) -> tuple[str, str]:
    """Why, and what to do about it, as sentences; a code we do not know is shown in words."""
    known = REASONS.get(reason)
    if known is None:
        return reason.replace("_", " ").capitalize(), ""
    values = {
        "source": called.source,
        "destination": called.destination,
        "field": field_words(field) if field else "a field",
    }
    return known.text.format_map(values), known.fix.format_map(values)


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


def like(text: str) -> str:
    """`text` as a LIKE pattern that finds it anywhere."""
    return "%" + text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"


def planned_fields(entries: Iterable[Entry]) -> dict[str, Any]:
    """The fields of each planned push, by the push's id."""
    bodies = (orjson.loads(e.body) for e in entries if e.type == "push.planned")
    return {body["item_id"]: body["fields"] for body in bodies}


def timeline(
    entries: Sequence[Entry], record: UUID, planned: Mapping[str, Any], called: Names
) -> tuple[TimelineEntry, ...]:
    """The log's entries as people read them. What a push wrote is what its plan said."""
    return tuple(_timeline_entry(entry, record, planned, called) for entry in entries)


def _timeline_entry(entry: Entry, record: UUID, planned: Mapping[str, Any], called: Names) -> TimelineEntry:
    body = orjson.loads(entry.body)
    changes = body.get("changes") or body.get("fields") or {}
    if entry.type == "push.succeeded":
        changes = planned.get(body["item_id"], {})
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
        status=body.get("status"),
        reason=reason,
        reason_text=text,
        detail={**detail, "side": "source" if entry.record_id == record else "destination"},
    )
