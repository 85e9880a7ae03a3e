"""The log as other programs receive it: ids, codes and the names of fields, never values."""

from typing import Any

import orjson

from services.history.core.chain import Entry
from shared.contracts.feed import FeedEvent

NOT_FED = ("directory.complete", "directory.matched", "directory.wanted", "settings.changed")
"""What only our own services act on."""
_CODES = ("status", "reason", "field", "action")


def feed_event(entry: Entry) -> FeedEvent:
    """One entry without its values. What becomes of a push carries the record's new status."""
    body = orjson.loads(entry.body)
    body = {**(body.get("record_status") or {}), **body}
    moved: dict[str, Any] = body.get("changes") or body.get("fields") or {}
    return FeedEvent(
        id=entry.n,
        event_id=entry.event_id,
        type=entry.type,
        time=entry.event_time,
        record_id=entry.record_id,
        run_id=entry.run_id,
        actor=entry.actor,
        fields=tuple(sorted(moved)),
        counts={name: value for name, value in body.items() if type(value) is int}
        if entry.run_id and not entry.record_id
        else {},
        **{name: body[name] for name in _CODES if isinstance(body.get(name), str) and body[name]},
    )
