"""Attempts to connect an account by the system's own authorise page."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shared.db.tx import Tx


@dataclass(frozen=True, slots=True)
class Authorisation:
    """An attempt to connect an account; `account_id` where it is one that the company has."""

    company_id: UUID
    account_id: UUID | None
    environment: str
    redirect_uri: str


_BEGIN_AUTHORISATION = """
WITH old AS (DELETE FROM authorisations WHERE created_at < now() - interval '1 hour')
INSERT INTO authorisations (state_hash, session_hash, company_id, account_id, environment, redirect_uri)
VALUES ($1, $2, $3, $4, $5, $6)
"""


async def begin_authorisation(tx: Tx, state: bytes, session: bytes, begun: Authorisation) -> None:
    """Remember an attempt by the hashes of its state and of the session that makes it."""
    values = (begun.company_id, begun.account_id, begun.environment, begun.redirect_uri)
    await tx.execute(_BEGIN_AUTHORISATION, state, session, *values)


_TAKE_AUTHORISATION = """
DELETE FROM authorisations WHERE state_hash = $1 AND session_hash = $2
RETURNING company_id, account_id, environment, redirect_uri, created_at > now() - interval '10 minutes' AS fresh
"""


async def take_authorisation(tx: Tx, state: bytes, session: bytes) -> Authorisation | None:
    """The attempt, for once; None when there is none of this session, or it is over ten minutes old."""
    row = await tx.fetchrow(_TAKE_AUTHORISATION, state, session)
    if row is None or not row["fresh"]:
        return None
    return Authorisation(row["company_id"], row["account_id"], row["environment"], row["redirect_uri"])
