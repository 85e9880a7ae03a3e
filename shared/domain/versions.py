"""Which of two answers about one record is the newer one: one rule for importer, syncer and the answers to our own writes."""

from datetime import datetime
from typing import NamedTuple


class Reading(NamedTuple):
    """How one answer about a record came: what its system says of the version, and our clock before and after the call.

    `written` marks the answer to a write of ours, which shows what stands after that write.
    """

    version: str | None
    updated_at: datetime | None
    requested_at: datetime
    answered_at: datetime
    written: bool = False


def is_newer(known: Reading, fresh: Reading) -> bool:
    """Whether `fresh` replaces `known`.

    The system's own order decides: versions that are numbers, then its times of change. Other versions only tell same
    from different. Without an order, `fresh` must have been requested after `known` was answered. Of two calls that
    overlapped, a read may show the record as it was before our write, so the write's answer wins.
    """
    if order := _remote_order(known, fresh):
        return order > 0
    if fresh.requested_at >= known.answered_at:
        return True
    overlapping = known.requested_at < fresh.answered_at
    return overlapping and fresh.written and not known.written


def _remote_order(known: Reading, fresh: Reading) -> int:
    """1 when the system itself says that `fresh` is the later one, -1 when it says the opposite, else 0."""
    old, new = _number(known.version), _number(fresh.version)
    if old is not None and new is not None and old != new:
        return 1 if new > old else -1
    then, now = known.updated_at, fresh.updated_at
    if then is not None and now is not None and then != now:
        return 1 if now > then else -1
    return 0


def _number(version: str | None) -> int | None:
    return int(version) if version is not None and version.isascii() and version.isdigit() else None
