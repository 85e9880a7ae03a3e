"""Credentials at rest: sealed with AES-256-GCM, bound to their company and account, replaced by one process at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.db.seal import Sealer, SealError
from shared.db.tx import Database, Record, Tx
from shared.errors import MusterError, RateLimited, Unauthorized
from shared.settings import VaultSettings

PAUSE_SECONDS = 15.0
"""How soon work that meets a paused connection looks again."""
LEASE_SECONDS = 20.0
"""Longer than a call to the token service may last, with the time to store its answer."""


class Credential(BaseModel):
    """What opens one account: an API key or OAuth tokens, as the system's description says. Its text never shows a secret."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    system: str
    api_key: str = Field(default="", repr=False)
    client_id: str = Field(default="", repr=False)
    client_secret: str = Field(default="", repr=False)
    token_url: str = ""
    revoke_url: str = ""
    refresh_token: str = Field(default="", repr=False)
    access_token: str = Field(default="", repr=False)
    expires_at: datetime | None = None
    reconnect_by: datetime | None = None
    """When the refresh token ends for good unless it is renewed before: 101 days, at last five years (RTPOL)."""
    given: str = ""
    """Digest of the token as a person gave it: giving it again must not undo a rotation since."""
    version: int = Field(default=0, exclude=True)
    """Of the stored row; it moves with every change of the tokens."""

    def __repr__(self) -> str:
        """The system only."""
        return f"Credential({self.system})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Health:
    """How one connection is. `state` is a code of `domain.reasons.CONNECTIONS`, `problem` its cause for engineers.

    `warning` is a code of `domain.reasons.DIRECTORIES`, or empty; it is about `warning_count` of `warning_total` people.
    """

    account_id: UUID
    state: str
    problem: str
    warning: str
    warning_count: int
    warning_total: int
    updated_at: datetime
    reconnect_by: datetime | None
    renewed_at: datetime
    """When the key or the tokens were given or last replaced."""
    expires_at: datetime | None
    """When the access token ends; it is renewed before that."""


def not_open(state: str) -> MusterError:
    """Why an account in this state is not called: work waits while it is paused, and otherwise for a person."""
    if state == "paused":
        return RateLimited("this connection is paused", retry_after=PAUSE_SECONDS, ours=True)
    return Unauthorized("vault", f"this account is not connected: {state}", state=state)


class Seal:
    """Seals with the newest key; opens with any that is still listed."""

    def __init__(self, settings: VaultSettings) -> None:
        """Raises ValueError when a key is not 32 bytes in base64."""
        self._sealer = Sealer(settings.listed())
        self.newest = self._sealer.newest

    def close(self, company: UUID, account: UUID, credential: Credential) -> tuple[str, bytes]:
        """The key's id and the sealed bytes."""
        return self._sealer.close(credential.model_dump_json().encode(), _associated_data(company, account))

    def open(self, company: UUID, account: UUID, key_id: str, sealed: bytes) -> Credential:
        """Raises `Unauthorized` when the key is gone, or the bytes belong to another row."""
        try:
            text = self._sealer.open(key_id, sealed, _associated_data(company, account))
        except SealError as error:
            raise Unauthorized("vault", f"this credential cannot be opened: {error}") from None
        return Credential.model_validate_json(text)


def _associated_data(company: UUID, account: UUID) -> str:
    return f"{company}|vault.credentials|sealed|{account}"


_LOAD = """
SELECT key_id, sealed, state, version FROM vault.credentials WHERE company_id = $1 AND account_id = $2
"""
_SAVE = """
INSERT INTO vault.credentials (company_id, account_id, system, key_id, sealed, expires_at, reconnect_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (company_id, account_id) DO UPDATE SET
    key_id = excluded.key_id, sealed = excluded.sealed, expires_at = excluded.expires_at,
    reconnect_by = excluded.reconnect_by, version = credentials.version + 1, lease_until = NULL,
    state = 'connected', problem = '', updated_at = now(), renewed_at = now()
"""
_RESEAL = """
UPDATE vault.credentials SET key_id = $4, sealed = $5
WHERE company_id = $1 AND account_id = $2 AND version = $3 AND key_id <> $4
"""
_LEASE = """
UPDATE vault.credentials SET lease_until = clock_timestamp() + make_interval(secs => $4)
WHERE company_id = $1 AND account_id = $2 AND version = $3 AND state = 'connected'
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
"""
_RENEW = """
UPDATE vault.credentials SET
    key_id = $4, sealed = $5, expires_at = $6, reconnect_by = $7, version = version + 1, lease_until = NULL,
    state = CASE state WHEN 'paused' THEN state ELSE 'connected' END, problem = '', updated_at = now(), renewed_at = now()
WHERE company_id = $1 AND account_id = $2 AND version = $3
"""
_RELEASE = """
UPDATE vault.credentials SET lease_until = NULL WHERE company_id = $1 AND account_id = $2 AND version = $3
"""
_END = """
UPDATE vault.credentials SET state = $4, problem = $5, lease_until = NULL, updated_at = now()
WHERE company_id = $1 AND account_id = $2 AND version = $3
"""
_MARK = """
UPDATE vault.credentials SET state = $3, problem = $4, updated_at = now()
WHERE company_id = $1 AND account_id = $2 AND (state, problem) IS DISTINCT FROM ($3, $4)
"""
_TURN = """
UPDATE vault.credentials SET state = $4, updated_at = now() WHERE company_id = $1 AND account_id = $2 AND state = $3
"""
_FORGET = """
UPDATE vault.credentials SET
    state = 'disconnected', problem = '', key_id = '', sealed = '', expires_at = NULL, reconnect_by = NULL,
    version = version + 1, lease_until = NULL, updated_at = now()
WHERE company_id = $1 AND account_id = $2
"""
_WARN = """
UPDATE vault.credentials SET warning = $3, warning_count = $4, warning_total = $5
WHERE company_id = $1 AND account_id = $2 AND (warning, warning_count, warning_total) <> ($3, $4, $5)
"""


async def warn(tx: Tx, company: UUID, account: UUID, warning: str, count: int, total: int) -> None:
    """Note what was wrong with the account's last complete read (`domain.reasons.DIRECTORIES`); empty: nothing was."""
    await tx.execute(_WARN, company, account, warning, count, total)


_HEALTH = """
SELECT account_id, state, problem, warning, warning_count, warning_total, updated_at, reconnect_by, renewed_at, expires_at
FROM vault.credentials WHERE company_id = $1
"""

_HEALTHS = """
SELECT company_id, account_id, state, reconnect_by FROM vault.credentials WHERE company_id = ANY ($1::uuid[])
"""

_STATES = """
SELECT company_id, state, count(*)::int AS count FROM vault.credentials WHERE company_id = ANY ($1::uuid[]) GROUP BY 1, 2
"""


class Vault:
    """The credentials of all accounts, for the three services that need them.

    No transaction stays open while a remote system is asked: who refreshes holds a lease, and what comes of it is
    stored only over the version that it was made from.
    """

    def __init__(self, database: Database, settings: VaultSettings) -> None:
        self._database = database
        self._seal = Seal(settings)

    async def load(self, company: UUID, account: UUID, *, paused: bool = False) -> Credential:
        """Sealed again if its key is an old one. Raises the error of `not_open` unless the account is connected.

        `paused`: the connection is about to be replaced or ended, which a pause does not stop.
        """
        async with self._database.transaction([company]) as tx:
            row = await tx.fetchrow(_LOAD, company, account)
            credential = self._opened(company, account, row, "paused" if paused else "connected")
            if row is not None and row["key_id"] != self._seal.newest:
                sealed = self._seal.close(company, account, credential)
                await tx.execute(_RESEAL, company, account, credential.version, *sealed)
            return credential

    def _opened(self, company: UUID, account: UUID, row: Record | None, also: str) -> Credential:
        state = row["state"] if row is not None else "disconnected"
        if row is None or state not in ("connected", also):
            raise not_open(state)
        credential = self._seal.open(company, account, row["key_id"], row["sealed"])
        return credential.model_copy(update={"version": row["version"]})

    async def save(self, company: UUID, account: UUID, credential: Credential) -> None:
        """Keep the credential that a person gave; the connection is well again."""
        sealed = self._seal.close(company, account, credential)
        ends = credential.expires_at, credential.reconnect_by
        async with self._database.transaction([company]) as tx:
            await tx.execute(_SAVE, company, account, credential.system, *sealed, *ends)

    async def lease(self, company: UUID, account: UUID, credential: Credential) -> bool:
        """Whether the caller may replace this credential now: it is still the stored one, and nobody else is at it."""
        async with self._database.transaction([company]) as tx:
            done = await tx.execute(_LEASE, company, account, credential.version, LEASE_SECONDS)
        return done == "UPDATE 1"

    async def release(self, company: UUID, account: UUID, credential: Credential) -> None:
        """Give the lease back; nothing came of it."""
        async with self._database.transaction([company]) as tx:
            await tx.execute(_RELEASE, company, account, credential.version)

    async def renew(self, company: UUID, account: UUID, old: Credential, new: Credential) -> bool:
        """Put `new` in the place of `old`; False when another one is there by now.

        The lease may be over: tokens that exist are worth more than the right to ask for them, so a late answer also
        fixes a wrong alarm.
        """
        sealed = self._seal.close(company, account, new)
        async with self._database.transaction([company]) as tx:
            done = await tx.execute(
                _RENEW, company, account, old.version, *sealed, new.expires_at, new.reconnect_by
            )
        return done == "UPDATE 1"

    async def end(self, company: UUID, account: UUID, refused: Credential, state: str, problem: str) -> bool:
        """Note that a person must act, unless the stored credential is another than the refused one by now."""
        async with self._database.transaction([company]) as tx:
            done = await tx.execute(_END, company, account, refused.version, state, problem)
        return done == "UPDATE 1"

    async def mark(self, company: UUID, account: UUID, state: str, problem: str = "") -> None:
        """Note how a connection is, whichever credential is stored."""
        async with self._database.transaction([company]) as tx:
            await tx.execute(_MARK, company, account, state, problem)

    async def pause(self, company: UUID, account: UUID) -> bool:
        """Call it no more until it is resumed; False unless it is connected."""
        return await self._turn(company, account, "connected", "paused")

    async def resume(self, company: UUID, account: UUID) -> bool:
        """Go on after a pause; False unless it is paused."""
        return await self._turn(company, account, "paused", "connected")

    async def _turn(self, company: UUID, account: UUID, was: str, becomes: str) -> bool:
        async with self._database.transaction([company]) as tx:
            return await tx.execute(_TURN, company, account, was, becomes) == "UPDATE 1"

    async def forget(self, company: UUID, account: UUID) -> None:
        """Disconnect: the credential is thrown away. Revoke it first (`oauth.revoke`)."""
        async with self._database.transaction([company]) as tx:
            await tx.execute(_FORGET, company, account)

    async def health(self, company: UUID) -> list[Health]:
        """How the company's connections are."""
        async with self._database.transaction([company]) as tx:
            return [Health(**row) for row in await tx.fetch(_HEALTH, company)]

    async def healths(self, companies: Sequence[UUID]) -> dict[UUID, tuple[str, datetime | None]]:
        """The state of each of these companies' connections, by account, and until when it must be made again."""
        async with self._database.transaction(companies) as tx:
            rows = await tx.fetch(_HEALTHS, companies)
        return {row["account_id"]: (row["state"], row["reconnect_by"]) for row in rows}

    async def states(self, companies: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
        """How many connections of each company are in each state."""
        found: dict[UUID, dict[str, int]] = {}
        if companies:
            async with self._database.transaction(companies) as tx:
                for row in await tx.fetch(_STATES, companies):
                    found.setdefault(row["company_id"], {})[row["state"]] = row["count"]
        return found
