"""The chain of the log, and how facts become rows that people read. Pure."""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts import events
from shared.contracts.events import Body, Message
from shared.contracts.reasons import REASONS
from shared.contracts.records import Change, CompanySettings, Situation, System

GENESIS = bytes(32)
_SYSTEM_NAMES = {System.LINARC: "Linarc", System.QUICKBOOKS: "QuickBooks Online"}
_SITUATIONS: dict[type[Body], Situation] = {
    events.RecordLinked: Situation.LINKED,
    events.RecordUnlinked: Situation.UNLINKED,
    events.RecordUnmatched: Situation.UNMATCHED,
    events.RecordDisputed: Situation.DISPUTED,
    events.RecordDeleted: Situation.DELETED,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a company's log."""

    n: int
    event_id: UUID
    event_time: datetime
    type: str
    record_id: UUID | None
    run_id: UUID | None
    actor: str | None
    body: bytes
    hash: bytes


def link(previous: bytes, company: UUID, n: int, message: Message[Any]) -> Entry:
    """The entry of `message` behind the one whose hash is `previous`."""
    kind = message.body.wire_type()
    record = getattr(message.body, "record_id", None)
    digest = chain_hash(previous, company, n, message.id, message.time, kind, record, message.run_id, message.actor, message.raw)
    return Entry(n, message.id, message.time, kind, record, message.run_id, message.actor, message.raw, digest)


def chain_hash(
    previous: bytes,
    company: UUID,
    n: int,
    event_id: UUID,
    at: datetime,
    kind: str,
    record: UUID | None,
    run: UUID | None,
    actor: str | None,
    body: bytes,
) -> bytes:
    """SHA-256 over the hash before, what identifies the entry, and its exact bytes."""
    micros = round(at.timestamp() * 1_000_000)
    head = f"{company}|{n}|{event_id}|{micros}|{kind}|{record}|{run}|{actor}|{len(body)}|"
    return hashlib.sha256(previous + head.encode() + body).digest()


def first_bad(company: UUID, previous: bytes, expected: int, entries: Iterable[Entry]) -> tuple[int | None, bytes, int]:
    """Check a stretch of the chain: the first number that is wrong or missing (or None), the last hash, the next number."""
    for e in entries:
        good = chain_hash(
            previous, company, e.n, e.event_id, e.event_time, e.type, e.record_id, e.run_id, e.actor, bytes(e.body)
        )
        if e.n != expected or good != bytes(e.hash):
            return expected, previous, expected
        previous, expected = good, expected + 1
    return None, previous, expected


def folded(*texts: str | None) -> str:
    """Text to search in: lower case, no accents."""
    joined = " ".join(text for text in texts if text)
    if joined.isascii():
        return joined.lower()
    plain = unicodedata.normalize("NFKD", joined)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def situation(body: Body) -> Situation:
    """The situation that an answer of mapper's tells of."""
    return _SITUATIONS[type(body)]


def explain(reason: str | None, field: str | None, settings: CompanySettings | None) -> tuple[str, str]:
    """The sentence and the fix of a reason code, with the systems' names in it."""
    found = REASONS.get(reason or "")
    if found is None:
        return "", ""
    source = settings.source() if settings else None
    destination = settings.destination() if settings else None
    words = {
        "source": _SYSTEM_NAMES[source.system] if source else "the source",
        "destination": _SYSTEM_NAMES[destination.system] if destination else "the destination",
        "field": (field or "one field").replace("_", " "),
    }
    return found.text.format(**words), found.fix.format(**words)


def timeline_entry(kind: str, body: Mapping[str, Any]) -> tuple[dict[str, Change], dict[str, Any]]:
    """The fields that moved, and what else is worth showing, of a logged event."""
    changes = body.get("changes") or body.get("fields") or {}
    moved = {name: Change.model_validate(change) for name, change in changes.items()}
    names = ("action", "origin", "destination_remote_id", "remote_id", "remote_version", "rev", "item_id", "cause", "mode")
    detail = {name: body[name] for name in names if name in body}
    if kind == "employee.staged":
        moved = {n: Change(after=v) for n, v in body.get("employee", {}).items() if v is not None and n != "masked"}
    return moved, detail


def newest(messages: Sequence[Message[Any]], rev: str) -> dict[UUID, Message[Any]]:
    """Of each record the message with the highest `rev`."""
    found: dict[UUID, Message[Any]] = {}
    for message in messages:
        known = found.get(message.body.record_id)
        if known is None or getattr(known.body, rev) <= getattr(message.body, rev):
            found[message.body.record_id] = message
    return found
