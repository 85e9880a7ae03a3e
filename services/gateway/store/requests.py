"""Requests: the answers saved under their idempotency keys, the commands they gave, the selections they made."""

from __future__ import annotations

from uuid import UUID

import orjson

from shared.contracts.commands import SELECTED, Selected
from shared.db.tx import Record, Tx

_FORGET = "DELETE FROM idempotency_keys WHERE company_id = $1 AND created_at < now() - interval '24 hours'"
_ANSWER = "SELECT request_hash, answer FROM idempotency_keys WHERE company_id = $1 AND key = $2"
_LOCK_KEY = "SELECT pg_advisory_xact_lock(5, hashtext($1))"


async def saved_answer(tx: Tx, company: UUID, key: str) -> Record | None:
    """What this key was answered within a day. A second request with a key waits for the first."""
    await tx.execute(_LOCK_KEY, f"{company}/{key}")
    await tx.execute(_FORGET, company)
    return await tx.fetchrow(_ANSWER, company, key)


_SAVE_ANSWER = "INSERT INTO idempotency_keys (company_id, key, request_hash, answer) VALUES ($1, $2, $3, $4)"


async def save_answer(tx: Tx, company: UUID, key: str, request: bytes, answer: object) -> None:
    """Remember the answer for a day."""
    await tx.execute(_SAVE_ANSWER, company, key, request, orjson.dumps(answer).decode())


_ADD_COMMAND = """
INSERT INTO commands (company_id, run_id, kind, mode, actor, total) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def add_command(
    tx: Tx, company: UUID, run: UUID, kind: str, mode: str | None, actor: str, total: int
) -> None:
    """Note what was asked, so that it can be shown before its owner has begun."""
    await tx.execute(_ADD_COMMAND, company, run, kind, mode, actor, total)


_COMMAND = "SELECT kind, mode, actor, total, created_at FROM commands WHERE company_id = $1 AND run_id = $2"


async def find_command(tx: Tx, company: UUID, run: UUID) -> Record | None:
    """What was asked with this run."""
    return await tx.fetchrow(_COMMAND, company, run)


_ADD_SELECTION = """
WITH old AS (DELETE FROM selections WHERE company_id = $1 AND created_at < now() - interval '1 hour')
INSERT INTO selections (company_id, selection_id, records, count) VALUES ($1, $2, $3, $4)
"""


async def add_selection(tx: Tx, company: UUID, selection: UUID, records: list[Selected]) -> None:
    """Keep a selection as it stood when it was made, for an hour."""
    rows = SELECTED.dump_json(records).decode()
    await tx.execute(_ADD_SELECTION, company, selection, rows, len(records))


_SELECTION = """
SELECT records FROM selections
WHERE company_id = $1 AND selection_id = $2 AND created_at > now() - interval '1 hour'
"""


async def find_selection(tx: Tx, company: UUID, selection: UUID) -> list[Selected] | None:
    """A selection, if it has not expired."""
    text = await tx.fetchval(_SELECTION, company, selection)
    return SELECTED.validate_json(text) if text is not None else None
