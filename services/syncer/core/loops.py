"""Records that are written automatically again and again, because something writes back each time. Pure.

Two companies that sync the same accounts in opposite directions, or another tool at the other side, can undo what we write;
each change back comes as a change of the source, and would be pushed like any other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.syncer.core.state import Fields, RecordState
from shared.domain.mapping import RouteMapping

WITHIN = timedelta(hours=1)
ALTERNATING = 3
"""So many automatic writes an hour may come before one that writes again what one of them wrote."""
AT_MOST = 20
"""So many automatic writes of one record an hour, whatever they write: values may also grow with each."""


class AutomaticWrite(NamedTuple):
    """When an automatic push wrote, and the values by field, in canonical JSON form."""

    at: datetime
    values: dict[str, Any]


def noted(writes: Sequence[AutomaticWrite], at: datetime, fields: Fields) -> tuple[AutomaticWrite, ...]:
    """The writes of the last hour, with this one."""
    values = {name: change["after"] for name, change in fields.items()}
    return (*(w for w in writes if w.at > at - WITHIN), AutomaticWrite(at, values))[-AT_MOST:]


def goes_back_and_forth(state: RecordState, fields: Fields, mapping: RouteMapping) -> str | None:
    """The field for which an automatic push of `fields` would write what one of the last hour wrote, after enough of them."""
    if state.source is None or state.source.reading is None:
        return None
    since = state.source.reading.answered_at - WITHIN
    recent = [w for w in state.writes if w.at > since]
    if len(recent) < ALTERNATING:
        return None
    for name, change in fields.items():
        if any(name in w.values and mapping.same(name, w.values[name], change["after"]) for w in recent):
            return name
    return next(iter(fields), None) if len(recent) >= AT_MOST else None
