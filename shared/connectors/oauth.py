"""OAuth 2 tokens: refreshed early, by one worker at a time, stored before they are used."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import httpx

from shared.clock import Clock
from shared.connectors.client import checked_url
from shared.connectors.vault import Credential, Vault
from shared.errors import Unauthorized, Unavailable

_EARLY = timedelta(minutes=5)
_TIMEOUT = httpx.Timeout(15, connect=5)


class Tokens:
    """The access token of one account."""

    def __init__(self, vault: Vault, company: UUID, account: UUID, clock: Clock) -> None:
        self._vault = vault
        self._company = company
        self._account = account
        self._clock = clock
        self._known: Credential | None = None

    async def access(self) -> str:
        """A token that is good for minutes. Raises `Unauthorized` when a person must reconnect."""
        if self._known is None:
            self._known = await self._vault.load(self._company, self._account)
        if not self._good(self._known):
            self._known = await self._refresh(self._known.access_token)
        return self._known.access_token

    async def renew(self, refused: str) -> str:
        """Another token than `refused`, which the system did not take."""
        self._known = await self._refresh(refused)
        return self._known.access_token

    def _good(self, credential: Credential) -> bool:
        expires_at = credential.expires_at
        return (
            bool(credential.access_token)
            and expires_at is not None
            and expires_at - self._clock.now() > _EARLY
        )

    async def _refresh(self, refused: str) -> Credential:
        """After the lock is held the stored token may already be another one: then somebody else has refreshed it."""
        try:
            async with self._vault.refreshing(self._company, self._account) as held:
                if held.credential.access_token != refused and self._good(held.credential):
                    return held.credential
                held.renewed = await self._ask(held.credential)
                return held.renewed
        except Unauthorized as error:
            await self._vault.mark(self._company, self._account, "reconnect", str(error))
            raise

    async def _ask(self, credential: Credential) -> Credential:
        asked_at = self._clock.now()
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
                response = await client.post(
                    checked_url(credential.token_url),
                    auth=(credential.client_id, credential.client_secret),
                    data={"grant_type": "refresh_token", "refresh_token": credential.refresh_token},
                    headers={"Accept": "application/json"},
                )
        except httpx.TransportError as error:
            raise Unavailable(f"token service: {type(error).__name__}") from error
        if response.status_code in (400, 401):
            raise Unauthorized("quickbooks", "the refresh token does not work any more")
        if not response.is_success:
            raise Unavailable(f"token service: {response.status_code}")
        answer = response.json()
        return credential.model_copy(
            update={
                "access_token": answer["access_token"],
                "refresh_token": answer["refresh_token"],
                "expires_at": asked_at + timedelta(seconds=int(answer["expires_in"])),
            }
        )
