"""The only place that reads the clock or draws random numbers; everything else is given a `Clock`."""

import os
import time
import uuid
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time and ids as inputs, so that what depends on them can be decided again in a test."""

    def now(self) -> datetime:
        """The present instant, in UTC."""

    def new_id(self) -> uuid.UUID:
        """A fresh id that sorts by time (UUID version 7, RFC 9562)."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)

    def new_id(self) -> uuid.UUID:
        """A fresh id that sorts by time (UUID version 7, RFC 9562)."""
        milliseconds = time.time_ns() // 1_000_000
        value = (milliseconds << 80) | int.from_bytes(os.urandom(10))
        value = (value & ~(0xF << 76)) | (0x7 << 76)
        value = (value & ~(0x3 << 62)) | (0x2 << 62)
        return uuid.UUID(int=value)
