"""Folders for the data of the tests' servers."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from muster import postgres

MEMORY, NEEDED = Path("/dev/shm"), 6 * 1024**3


def scratch() -> AbstractContextManager[Path]:
    """A folder that is gone afterwards. It is in memory where there is plenty: a database is cloned seven times as fast there."""
    plenty = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED
    return postgres.scratch("muster-test-", MEMORY if plenty else None)
