"""Checking a company's chain, read in pages: what both the internal API and `muster history verify` answer with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.history.core import chain
from services.history.core.chain import GENESIS, Fault
from services.history.store import log
from shared.db.tx import Database

CHUNK = 5_000
MOST = 100
"""Faults that are named; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Report:
    """How one company's chain is."""

    company_id: UUID
    entries: int
    head: str
    faults: tuple[Fault, ...]
    found: int
    """All faults, also those beyond the first `MOST`."""


async def verify(database: Database, company: UUID) -> Report:
    """Check the chain up to where it ended when this began; what is appended meanwhile is not looked at."""
    async with database.reading(company) as tx:
        ends = await log.ends(tx, company)
    upto = ends.last_n or 0 if ends.head_n is None else ends.head_n
    n, before, faults, found = 0, GENESIS, list[Fault](), 0
    while n < upto:
        async with database.reading(company) as tx:
            rows = [row for row in await log.read(tx, company, n, CHUNK) if row.n <= upto]
        if not rows:
            break
        new = list(chain.verify(rows, before, n))
        faults += new[: MOST - len(faults)]
        found += len(new)
        n, before = rows[-1].n, rows[-1].hash
    last = list(chain.verify_ends(ends, n, before))
    head = ends.head_hash.hex() if ends.head_hash is not None else ""
    return Report(company, ends.head_n or 0, head, (*faults, *last), found + len(last))
