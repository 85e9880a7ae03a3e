"""What the log holds as people read it: a push with its attempts is one entry, and what only repeats is left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.history.core.chain import Entry
from shared.contracts.history_views import HistoryKind
from shared.domain.values import Cause

KINDS: Mapping[str, HistoryKind] = MappingProxyType(
    {
        **dict.fromkeys(
            ("employee.staged", "employee.changed", "employee.removed", "employee.unreadable"),
            HistoryKind.FIELDS,
        ),
        **dict.fromkeys(
            ("push.planned", "push.succeeded", "push.adopted", "push.failed", "push.held"), HistoryKind.SYNC
        ),
        **dict.fromkeys(
            (
                "record.linked",
                "record.unlinked",
                "record.unmatched",
                "record.disputed",
                "record.deleted",
                "record.excluded",
                "decision.made",
                "match.failed",
            ),
            HistoryKind.MATCHING,
        ),
        "status.changed": HistoryKind.STATUS,
        "settings.changed": HistoryKind.RULES,
        **dict.fromkeys(
            (
                "plan.created",
                "plan.amended",
                "plan.held",
                "plan.approved",
                "plan.released",
                "plan.cancelled",
                "plan.expired",
            ),
            HistoryKind.PLAN,
        ),
    }
)
"""What is shown, by wire type."""
_SAME = timedelta(seconds=60)
"""A status within this time of what happened before is what that led to."""
_SAID: Mapping[str, str] = MappingProxyType({"record.linked": "link", "record.excluded": "exclude"})
"""mapper's answers that say no more than the decision that led to them."""
_DETAILS = (
    "decision",
    "note",
    "outcome",
    "origin",
    "destination_remote_id",
    "version",
    "records",
    "total",
    "counts",
)


class EntryFilter(NamedTuple):
    """A filter over entries; an empty `actor` is Muster itself."""

    kinds: frozenset[HistoryKind] = frozenset()
    field: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, group: "Group") -> bool:
        """Whether the entry is asked for."""
        last = group.events[-1]
        return (
            (not self.kinds or group.kind in self.kinds)
            and (self.field is None or self.field in group.changes)
            and (self.actor is None or (group.actor or "") == self.actor)
            and (self.since is None or last.event_time >= self.since)
            and (self.until is None or last.event_time < self.until)
        )

    def types(self) -> list[str]:
        """The wire types of its kinds."""
        return [name for name, kind in KINDS.items() if not self.kinds or kind in self.kinds]


@dataclass(slots=True)
class Group:
    """What is one entry: its events in their order, and what they say together."""

    kind: HistoryKind
    events: list[Entry]
    bodies: list[dict[str, Any]]
    changes: Mapping[str, Any]
    status: str | None = None
    reason: str = ""
    field: str | None = None

    @property
    def n(self) -> int:
        """The number of its last event, which stands for it."""
        return self.events[-1].n

    @property
    def actor(self) -> str | None:
        """Who asked for it first."""
        return next((event.actor for event in self.events if event.actor), None)

    def detail(self) -> dict[str, Any]:
        """What else there is to say of it."""
        return {
            name: self.bodies[-1][name] for name in _DETAILS if self.bodies[-1].get(name) not in (None, "")
        }

    def is_said_by(self, answer: Entry, body: Mapping[str, Any]) -> bool:
        """Whether this is a decision, and the answer repeats it."""
        mine, there = self.bodies[-1], "destination_record_id"
        done = self.events[-1].type == "decision.made" and mine.get("outcome", "done") == "done"
        same = mine.get(there) in (None, body.get(there))
        return done and same and _SAID.get(answer.type) == mine["decision"]


def grouped(events: Iterable[Entry]) -> list[Group]:
    """The entries of one record, or of what concerns none, from its events in their order; oldest first."""
    groups: list[Group] = []
    pushes: dict[str, Group] = {}
    linked: Any = None
    decided: Group | None = None
    for event in events:
        kind = KINDS.get(event.type)
        if kind is None:
            continue
        body = orjson.loads(event.body)
        if kind is HistoryKind.STATUS:
            _status(groups, event, body)
            continue
        if kind is HistoryKind.FIELDS and _repeats_push(event, body):
            continue
        if kind is HistoryKind.MATCHING and event.type != "decision.made":
            before, linked = linked, (event.type, body.get("reason"), body.get("destination_record_id"))
            if before == linked or (decided is not None and decided.is_said_by(event, body)):
                continue
        if kind is HistoryKind.SYNC and (push := pushes.get(body["push_id"])) is not None:
            _goes_on(push, event, body)
            continue
        group = Group(kind, [event], [body], body.get("changes") or body.get("fields") or {})
        _status_of(group, body)
        groups.append(group)
        if kind is HistoryKind.MATCHING:
            decided = group
        if kind is HistoryKind.SYNC:
            pushes[body["push_id"]] = group
    return groups


def _repeats_push(event: Entry, body: Mapping[str, Any]) -> bool:
    """Whether this is our own write as importer staged it, or a newer version in which nothing moved."""
    return body.get("cause") == Cause.PUSH or (event.type == "employee.changed" and not body.get("changes"))


def _goes_on(push: Group, event: Entry, body: dict[str, Any]) -> None:
    """One more attempt; planned again, it writes what it is planned to write now."""
    push.events.append(event)
    push.bodies.append(body)
    if event.type == "push.planned":
        push.changes = body.get("fields") or {}
    _status_of(push, body)


def _status_of(group: Group, body: Mapping[str, Any]) -> None:
    """A push's event says what status its record has by it; a failure or an answer of mapper says why."""
    status = body.get("record_status") or {}
    group.status = status.get("status") or group.status
    group.reason = body.get("reason") or status.get("reason") or ""
    group.field = body.get("field") or status.get("field")


def _status(groups: list[Group], event: Entry, body: dict[str, Any]) -> None:
    """A status is what led to it; one that comes alone is an entry of its own."""
    last = groups[-1] if groups else None
    if last is not None and event.event_time - last.events[-1].event_time <= _SAME:
        last.status = body["status"]
        last.reason, last.field = body.get("reason") or last.reason, body.get("field")
        return
    if last is not None and last.kind is HistoryKind.STATUS:
        repeated = (last.status, last.reason) == (body["status"], body.get("reason") or "")
        if repeated:
            return
    groups.append(
        Group(
            HistoryKind.STATUS,
            [event],
            [body],
            {},
            body["status"],
            body.get("reason") or "",
            body.get("field"),
        )
    )


def chosen(
    context: Sequence[Entry], looked_at: set[int], wanted: EntryFilter, *, together: bool
) -> list[Group]:
    """The entries that end with one of the events `looked_at`, newest first.

    `context` are the same records' events in their order, so that what belongs together is found; `together`: they are one
    person's.
    """
    apart: dict[UUID | None, list[Entry]] = {}
    for event in context:
        apart.setdefault(None if together else event.record_id, []).append(event)
    groups = [group for events in apart.values() for group in grouped(events)]
    return sorted((g for g in groups if g.n in looked_at and wanted.takes(g)), key=lambda g: -g.n)
