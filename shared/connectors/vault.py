"""Credentials at rest: sealed with AES-256-GCM, bound to their company and account, refreshed under a row lock."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.records import System
from shared.db.tx import Database, Tx
from shared.errors import Unauthorized
from shared.settings import VaultSettings

_NONCE_BYTES = 12
_KEY_BYTES = 32


class Credential(BaseModel):
    """What opens one account: an API key (Linarc) or OAuth tokens (QuickBooks). Its text never shows a secret."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    system: System
    api_key: str = Field(default="", repr=False)
    client_id: str = Field(default="", repr=False)
    client_secret: str = Field(default="", repr=False)
    token_url: str = ""
    refresh_token: str = Field(default="", repr=False)
    access_token: str = Field(default="", repr=False)
    expires_at: datetime | None = None
    given: str = ""
    """Digest of the token as a person gave it: giving it again must not undo a rotation since."""

    def __repr__(self) -> str:
        """The system only."""
        return f"Credential({self.system})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Health:
    """How one connection is: `connected`, `reconnect` (a person must) or `disconnected`."""

    account_id: UUID
    state: str
    problem: str
    updated_at: datetime


class Seal:
    """Seals with the newest key; opens with any that is still listed."""

    def __init__(self, settings: VaultSettings) -> None:
        """Raises ValueError when a key is not 32 bytes in base64."""
        keys = [
            base64.b64decode(k.strip(), validate=True) for k in settings.key.get_secret_value().split(",")
        ]
        if any(len(k) != _KEY_BYTES for k in keys):
            msg = f"a key of the vault is {_KEY_BYTES} bytes in base64"
            raise ValueError(msg)
        self._ciphers = {hashlib.sha256(k).hexdigest()[:8]: AESGCM(k) for k in keys}
        self._newest = next(iter(self._ciphers))

    def close(self, company: UUID, account: UUID, credential: Credential) -> tuple[str, bytes]:
        """The key's id and the sealed bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        text = credential.model_dump_json().encode()
        sealed = self._ciphers[self._newest].encrypt(nonce, text, _bound(company, account, self._newest))
        return self._newest, nonce + sealed

    def open(self, company: UUID, account: UUID, key_id: str, sealed: bytes) -> Credential:
        """Raises `Unauthorized` when the key is gone, or the bytes belong to another row."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unauthorized("vault", "the key that sealed this credential is not listed any more")
        try:
            text = cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(company, account, key_id)
            )
        except (InvalidTag, ValueError):
            raise Unauthorized("vault", "this credential does not belong to its row") from None
        return Credential.model_validate_json(text)


def _bound(company: UUID, account: UUID, key_id: str) -> bytes:
    return f"{company}|vault.credentials|sealed|{account}|{key_id}".encode()


_LOAD = "SELECT key_id, sealed, state FROM vault.credentials WHERE company_id = $1 AND account_id = $2"
_LOAD_LOCKED = (
    "SELECT key_id, sealed, state FROM vault.credentials WHERE company_id = $1 AND account_id = $2 FOR UPDATE"
)
_SAVE = """
INSERT INTO vault.credentials (company_id, account_id, system, key_id, sealed, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (company_id, account_id) DO UPDATE SET
    key_id = excluded.key_id, sealed = excluded.sealed, expires_at = excluded.expires_at,
    state = 'connected', problem = '', updated_at = now()
"""
_MARK = """
UPDATE vault.credentials SET state = $3, problem = $4, updated_at = now()
WHERE company_id = $1 AND account_id = $2 AND (state, problem) IS DISTINCT FROM ($3, $4)
"""
_HEALTH = "SELECT account_id, state, problem, updated_at FROM vault.credentials WHERE company_id = $1"


class Vault:
    """The credentials of all accounts, for the three services that need them."""

    def __init__(self, database: Database, settings: VaultSettings) -> None:
        self._database = database
        self._seal = Seal(settings)

    async def load(self, company: UUID, account: UUID) -> Credential:
        """Raises `Unauthorized` when there is none, or a person must reconnect."""
        async with self._database.transaction([company]) as tx:
            return await self._load(tx, _LOAD, company, account)

    async def _load(self, tx: Tx, sql: str, company: UUID, account: UUID) -> Credential:
        row = await tx.fetchrow(sql, company, account)
        if row is None or row["state"] != "connected":
            raise Unauthorized("vault", "this account is not connected")
        return self._seal.open(company, account, row["key_id"], row["sealed"])

    async def save(self, company: UUID, account: UUID, credential: Credential) -> None:
        """Keep a new credential; the connection is well again."""
        async with self._database.transaction([company]) as tx:
            await self._save(tx, company, account, credential)

    async def _save(self, tx: Tx, company: UUID, account: UUID, credential: Credential) -> None:
        key_id, sealed = self._seal.close(company, account, credential)
        await tx.execute(
            _SAVE, company, account, credential.system.value, key_id, sealed, credential.expires_at
        )

    @asynccontextmanager
    async def refreshing(self, company: UUID, account: UUID) -> AsyncIterator[Refreshing]:
        """The credential under its row lock: one refresh at a time, whoever asks. What is set is durable at the end.

        A problem is noted under the same lock, so it never falls on a credential that came meanwhile.
        """
        async with self._database.transaction([company]) as tx:
            credential = await self._load(tx, _LOAD_LOCKED, company, account)
            refreshing = Refreshing(credential)
            yield refreshing
            if refreshing.renewed is not None:
                await self._save(tx, company, account, refreshing.renewed)
            elif refreshing.problem:
                await tx.execute(_MARK, company, account, "reconnect", refreshing.problem)

    async def mark(self, company: UUID, account: UUID, state: str, problem: str = "") -> None:
        """Note that a connection has ended, or is well again, and why."""
        async with self._database.transaction([company]) as tx:
            await tx.execute(_MARK, company, account, state, problem)

    async def health(self, company: UUID) -> list[Health]:
        """How the company's connections are."""
        async with self._database.transaction([company]) as tx:
            return [Health(**row) for row in await tx.fetch(_HEALTH, company)]


@dataclass(slots=True)
class Refreshing:
    """The credential as it is now; set `renewed` to keep a new one, or `problem` when a person must reconnect."""

    credential: Credential
    renewed: Credential | None = None
    problem: str = ""
