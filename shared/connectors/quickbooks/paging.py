"""Paging through a directory in the order in which its people were created: Id is announced as no longer sortable. Pure.

Many people may share a moment of creation, in any order among themselves. So the next page begins at the moment at which the
last one ended, and leaves out whom that one has shown; where a page begins and ends at the same moment, its place is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from shared.connectors.client import read_json
from shared.connectors.ports import RawRecord

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: at `start` (from 1) of those created at `since` or later; `shown` are not to be shown again.

    `read` is how many people have been read before.
    """

    since: str = ""
    start: int = 1
    read: int = 0
    shown: frozenset[str] = frozenset()

    @classmethod
    def at(cls, cursor: str | None) -> Place:
        """The place that a cursor names. Raises ValueError."""
        if cursor is None:
            return cls()
        since, start, read, shown = orjson.loads(cursor)
        return cls(since, start, read, frozenset(shown))

    def cursor(self) -> str:
        """As text."""
        return orjson.dumps([self.since, self.start, self.read, sorted(self.shown)]).decode()

    def moved(self, rows: Sequence[RawRecord]) -> bool:
        """Whether somebody before this place is gone, by a merge, so that others have moved up to before it."""
        return self.start > 1 and (not rows or rows[0].remote_id not in self.shown)

    def back(self) -> Place:
        """One page before."""
        return replace(self, start=max(1, self.start - PAGE))

    def new(self, rows: Sequence[RawRecord]) -> list[RawRecord]:
        """The rows that no page has shown."""
        return list({r.remote_id: r for r in rows if r.remote_id not in self.shown}.values())

    def after(self, rows: Sequence[RawRecord]) -> Place:
        """The place behind these rows. Raises ValueError when the last of them does not say when it was created."""
        read = self.read + len(self.new(rows))
        if not rows:
            return replace(self, read=read)
        last = _created(rows[-1])
        if last == self.since:
            return Place(last, self.start + len(rows) - 1, read, frozenset(r.remote_id for r in rows))
        together = []
        for row in reversed(rows):
            if _created(row) != last:
                break
            together.append(row.remote_id)
        return Place(last, 1, read, frozenset(together))


def _created(row: RawRecord) -> str:
    found = read_json(row.payload).get("MetaData")
    created = found.get("CreateTime") if isinstance(found, dict) else None
    if not created:
        raise ValueError("no time of creation")
    return str(created)
