"""Keeps the counts by minute short."""

import asyncio
from contextlib import suppress

from services.history.store import operations
from shared.db.tx import Database
from shared.errors import Unavailable

_DAYS = 8
"""A week is shown."""
_EVERY_SECONDS = 3600.0


async def keep_minutes(database: Database) -> None:
    """Until cancelled."""
    while True:
        with suppress(Unavailable):
            async with database.system() as tx:
                await operations.keep_minutes(tx, _DAYS)
        await asyncio.sleep(_EVERY_SECONDS)
