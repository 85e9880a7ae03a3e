"""OAuth 2: connecting a QuickBooks company, and tokens that are refreshed early, once, and stored before they are used."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx

from shared.backoff import backoff_seconds
from shared.clock import Clock
from shared.connectors.client import Http, HttpResponse, read_json
from shared.connectors.vault import LEASE_SECONDS, Credential, Vault
from shared.errors import Unauthorized, Unavailable
from shared.settings import ApplicationSettings

SCOPE = "com.intuit.quickbooks.accounting"
_EARLY = timedelta(minutes=5)
_ASK_SECONDS = LEASE_SECONDS / 2
"""For one question to the token service; the other half of the lease is for storing its answer."""
_POLL_SECONDS, _POLL_SECONDS_MOST = 0.1, 0.8
_POLLS = int(2 * LEASE_SECONDS / _POLL_SECONDS_MOST)
_STATES = {
    "invalid_grant": "reconnect",
    "invalid_client": "wrong_application",
    "unauthorized_client": "wrong_application",
}
_HARD_END = "x-include-refresh-token-hard-expires-in"


def authorise_url(application: ApplicationSettings, redirect_uri: str, state: str) -> str:
    """Where a person's browser goes to connect a company. `state` comes back: bound to the session, used once."""
    query = {
        "client_id": application.client_id,
        "response_type": "code",
        "scope": SCOPE,
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{application.authorise_url}?{urlencode(query)}"


async def exchange_code(
    http: Http, system: str, application: ApplicationSettings, code: str, redirect_uri: str, clock: Clock
) -> Credential:
    """The credential that a callback's code stands for. Its realmId comes with the callback only: keep both together.

    Raises `Unauthorized` when the code is spent, too old or another application's.
    """
    credential = Credential(
        system=system,
        client_id=application.client_id,
        client_secret=application.client_secret.get_secret_value(),
        token_url=application.token_url,
        revoke_url=application.revoke_url,
    )
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return await _tokens(http, credential, form, clock.now())


async def revoke(http: Http, credential: Credential) -> None:
    """End the tokens at the other side too. One that is not known there any more has ended already."""
    if not credential.revoke_url:
        return
    answer = await http.call(
        "revoke",
        "POST",
        credential.revoke_url,
        headers={"Accept": "application/json"},
        auth=(credential.client_id, credential.client_secret),
        json={"token": credential.refresh_token or credential.access_token},
        seconds=_ASK_SECONDS,
    )
    if not (answer.ok or answer.status == httpx.codes.BAD_REQUEST):
        raise Unavailable(f"token service: {answer.status}")


class Tokens:
    """The access token of one account."""

    def __init__(self, vault: Vault, company: UUID, account: UUID, clock: Clock, http: Http) -> None:
        self._vault = vault
        self._place = (company, account)
        self._clock = clock
        self._http = http
        self._known: Credential | None = None
        self._unstored: tuple[Credential, Credential] | None = None
        self._refreshing: asyncio.Task[bool] | None = None

    async def access(self) -> str:
        """A token that is good for minutes. Raises `Unauthorized` when a person must reconnect."""
        known = self._known
        if known is None:
            known = self._known = await self._vault.load(*self._place)
        if self._good(known):
            return known.access_token
        token, _ = await self.renew(known.access_token)
        return token

    async def renew(self, refused: str) -> tuple[str, bool]:
        """Another token than `refused`, which the system did not take or which is about to end.

        And whether it is fresh from the token service; otherwise somebody else got it, at a time we do not know.
        One refresh serves all who wait here, and goes on when they give up: its answer must not be lost.
        """
        known = self._known
        if known is not None and known.access_token != refused and self._good(known):
            return known.access_token, False
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(refused))
            self._refreshing.add_done_callback(lambda task: task.cancelled() or task.exception())
        fresh = await asyncio.shield(self._refreshing)
        if self._known is None:
            raise Unavailable("the token was refused while it was refreshed")
        return self._known.access_token, fresh

    async def end(self, refused: str, state: str, problem: str) -> bool:
        """Note that a person must act; False when another token is known or stored by now."""
        known = self._known
        if known is None or known.access_token != refused:
            return False
        self._known = None
        return await self._vault.end(*self._place, known, state, problem)

    async def close(self) -> None:
        """Wait for a refresh that is under way."""
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing])

    def _good(self, credential: Credential) -> bool:
        expires_at = credential.expires_at
        early = self._clock.now() + _EARLY
        return bool(credential.access_token) and expires_at is not None and expires_at > early

    async def _refresh(self, refused: str) -> bool:
        """Load what is stored; refresh it under a lease, or wait for who holds that. True: we have asked ourselves."""
        if self._unstored is not None:
            await self._store(*self._unstored)
            return True
        for polls in range(1, _POLLS + 1):
            stored = self._known = await self._vault.load(*self._place)
            if stored.access_token != refused and self._good(stored):
                return False
            if await self._vault.lease(*self._place, stored):
                await self._replace(stored)
                return True
            await asyncio.sleep(backoff_seconds(polls, first=_POLL_SECONDS, most=_POLL_SECONDS_MOST))
        raise Unavailable("somebody else is refreshing the token, and does not come to an end")

    async def _replace(self, stored: Credential) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": stored.refresh_token}
        try:
            renewed = await _tokens(self._http, stored, form, self._clock.now())
        except Unauthorized as error:
            self._known = None
            await self._vault.end(*self._place, stored, error.state, str(error))
            raise
        except Unavailable:
            with suppress(Unavailable):
                await self._vault.release(*self._place, stored)
            raise
        self._unstored = (stored, renewed)
        await self._store(stored, renewed)

    async def _store(self, stored: Credential, renewed: Credential) -> None:
        """Durable before it is used. The old refresh token is spent: losing the new one would need a person."""
        kept: bool | None = None
        pause = _POLL_SECONDS
        while kept is None:
            try:
                kept = await self._vault.renew(*self._place, stored, renewed)
            except Unavailable:
                if pause > _POLL_SECONDS_MOST:
                    raise
                await asyncio.sleep(pause)
                pause *= 2
        self._unstored = None
        if kept:
            self._known = renewed.model_copy(update={"version": stored.version + 1})
        else:
            self._known = await self._vault.load(*self._place)


async def _tokens(http: Http, credential: Credential, form: dict[str, str], asked_at: datetime) -> Credential:
    """The credential with new tokens. Raises `Unauthorized` when the token service refuses the old ones for good."""
    answer = await http.call(
        "token",
        "POST",
        credential.token_url,
        headers={"Accept": "application/json", _HARD_END: "true"},
        auth=(credential.client_id, credential.client_secret),
        data=form,
        seconds=_ASK_SECONDS,
    )
    fields = _fields(answer)
    state = _STATES.get(str(fields.get("error")))
    if state and answer.status in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED):
        raise Unauthorized(credential.system, f"token service: {fields['error']}", state=state)
    access, refresh = str(fields.get("access_token") or ""), str(fields.get("refresh_token") or "")
    lasts = _seconds(fields, "expires_in")
    if not (answer.ok and access and lasts):
        raise Unavailable(f"token service: {answer.status}")
    ends = [
        end
        for name in ("x_refresh_token_expires_in", "x_refresh_token_hard_expires_in")
        if (end := _seconds(fields, name))
    ]
    return credential.model_copy(
        update={
            "access_token": access,
            "refresh_token": refresh or credential.refresh_token,
            "expires_at": asked_at + timedelta(seconds=lasts),
            "reconnect_by": asked_at + timedelta(seconds=min(ends)) if ends else None,
        }
    )


def _fields(answer: HttpResponse) -> dict[str, Any]:
    try:
        fields = read_json(answer.content)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _seconds(fields: dict[str, Any], name: str) -> int:
    """0 when it is not there or makes no sense; at most some thirty years."""
    text = str(fields.get(name) or "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len("1000000000") else 0
