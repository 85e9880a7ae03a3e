"""OAuth 2 tokens: refreshed early, by one worker at a time, stored before they are used."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import httpx

from shared.clock import Clock
from shared.connectors.client import Answer, Http, checked_url, read_json
from shared.connectors.vault import Credential, Vault
from shared.contracts.records import System
from shared.errors import Unauthorized, Unavailable

_EARLY = timedelta(minutes=5)
_TIMEOUT = httpx.Timeout(10, connect=5)
"""Short, because the row stays locked meanwhile."""
_ENDED = frozenset({"invalid_grant", "invalid_client", "unauthorized_client"})
_PROBLEM = "the refresh token does not work any more"


class Tokens:
    """The access token of one account."""

    def __init__(self, vault: Vault, company: UUID, account: UUID, clock: Clock, http: Http) -> None:
        self._vault = vault
        self._company = company
        self._account = account
        self._clock = clock
        self._http = http
        self._known: Credential | None = None
        self._lock = asyncio.Lock()

    async def access(self) -> str:
        """A token that is good for minutes. Raises `Unauthorized` when a person must reconnect."""
        known = self._known
        if known is None:
            known = self._known = await self._vault.load(self._company, self._account)
        if self._good(known):
            return known.access_token
        token, _ = await self.renew(known.access_token)
        return token

    async def renew(self, refused: str) -> tuple[str, bool]:
        """Another token than `refused`, which the system did not take or which is about to end.

        And whether it is fresh from the token service; otherwise somebody else got it, at a time we do not know.
        """
        async with self._lock:
            known = self._known
            if known is not None and known.access_token != refused and self._good(known):
                return known.access_token, False
            self._known, fresh = await self._refresh(refused)
            return self._known.access_token, fresh

    async def end(self, refused: str, problem: str) -> None:
        """Note that a person must reconnect, unless the stored token is another one by now."""
        self._known = None
        with suppress(Unauthorized):
            async with self._vault.refreshing(self._company, self._account) as held:
                if held.credential.access_token == refused:
                    held.problem = problem

    def _good(self, credential: Credential) -> bool:
        expires_at = credential.expires_at
        early = self._clock.now() + _EARLY
        return bool(credential.access_token) and expires_at is not None and expires_at > early

    async def _refresh(self, refused: str) -> tuple[Credential, bool]:
        """Once the lock is held the stored token may already be another one: then somebody else has refreshed it.

        While it is held nobody can replace the refresh token, so `invalid_grant` is about the newest one there is.
        """
        renewed: Credential | None = None
        try:
            async with self._vault.refreshing(self._company, self._account) as held:
                if held.credential.access_token != refused and self._good(held.credential):
                    return held.credential, False
                renewed = held.renewed = await self._ask(held.credential)
                held.problem = "" if renewed else _PROBLEM
        except Unavailable:
            if renewed is None:
                raise
            # The old refresh token is spent: losing the new one would need a person.
            await self._vault.save(self._company, self._account, renewed)
        if renewed is None:
            self._known = None
            raise Unauthorized(System.QUICKBOOKS, _PROBLEM)
        return renewed, True

    async def _ask(self, credential: Credential) -> Credential | None:
        """The credential with its new tokens; None when the token service refuses the old ones for good."""
        asked_at = self._clock.now()
        answer = await self._http.call(
            "token",
            "POST",
            checked_url(credential.token_url),
            headers={"Accept": "application/json"},
            auth=(credential.client_id, credential.client_secret),
            data={"grant_type": "refresh_token", "refresh_token": credential.refresh_token},
            timeout=_TIMEOUT,
        )
        told = _told(answer)
        if (
            answer.status in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED)
            and told.get("error") in _ENDED
        ):
            return None
        access, seconds = str(told.get("access_token") or ""), str(told.get("expires_in", ""))
        if not (answer.ok and access and seconds.isdecimal()):
            raise Unavailable(f"token service: {answer.status}")
        new = {
            "access_token": access,
            "refresh_token": str(told.get("refresh_token") or credential.refresh_token),
            "expires_at": asked_at + timedelta(seconds=int(seconds)),
        }
        return credential.model_copy(update=new)


def _told(answer: Answer) -> dict[str, object]:
    try:
        told = read_json(answer.content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
