"""What the webhooks of all systems are read with: ids and times that a database and a message can hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_ID = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")


def identifier(value: object) -> str:
    """An id as text. Raises ValueError when it is none that could be stored, sent or asked for."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _ID.fullmatch(text):
        raise ValueError("an id that cannot be one")
    text.encode()  # half a surrogate pair cannot be stored
    return text


def instant(value: object) -> datetime:
    """A time with its offset; one without is UTC. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("a time that is no text")  # noqa: TRY004  (a value from outside)
    at = datetime.fromisoformat(value)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
