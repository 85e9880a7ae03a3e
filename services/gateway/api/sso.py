"""Signing in by single sign-on: to the provider's page and back, in one browser, once, within ten minutes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from services.gateway.api.callers import cookie_name, session_cookie
from services.gateway.api.common import Deps, page_address, source_of
from services.gateway.api.needs import open_to_all
from services.gateway.core import Bucket, bucket, secret_hash
from services.gateway.core.sso import challenge, derived, roles_of, safe_next
from services.gateway.store import attempts, sso, users
from services.gateway.store.audit import INSTALLATION, Entry, Source, add_entry
from shared.contracts.people import SignInOptions
from shared.db.tx import Tx
from shared.errors import Unavailable
from shared.http.oidc import TokenError
from shared.telemetry.logs import log

CALLBACK = "/v1/sign-in/sso/callback"
MINUTES = 10
_COOKIE = "muster_sign_in"
_MAX_GROUPS = 10_000


class _NotLetInError(Exception):
    """Why somebody is not let in: a code that the sign-in page has words for."""


def make(deps: Deps) -> APIRouter:
    """What the sign-in page offers, and the way to the provider and back."""
    routes = APIRouter(tags=["session"], dependencies=[open_to_all])

    @routes.get("/v1/sign-in/options", response_model=SignInOptions)
    async def sign_in_options() -> dict[str, Any]:
        """How one may sign in here: the name of single sign-on, if there is one, and whether passwords do."""
        settings = deps.settings.sso
        return {"sso": settings.name if settings.issuer else None, "password": not settings.enforced}

    @routes.get("/v1/sign-in/sso", status_code=303, response_class=RedirectResponse)
    async def begin_sign_in(
        request: Request, next_page: Annotated[str, Query(alias="next", max_length=2000)] = "/"
    ) -> RedirectResponse:
        """Send the browser to the provider; it comes back to a page of ours, `next`."""
        if not deps.settings.sso.issuer:
            return _back("off")
        async with deps.database.system() as tx:
            if await attempts.begin_attempt(tx, [_begun(deps, request)]):
                return _back("too_many")
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        verifier = derived(browser, "verifier")
        try:
            url = await deps.provider.authorise_url(
                _callback(deps, request), state, derived(browser, "nonce"), challenge(verifier)
            )
        except (Unavailable, TokenError) as error:
            log.warning("sso.failed", outcome=str(error))
            return _back("unavailable")
        async with deps.database.system() as tx:
            await sso.begin_sign_in(tx, secret_hash(state), secret_hash(browser), safe_next(next_page))
        answer = RedirectResponse(url, 303)
        answer.set_cookie(
            _cookie(deps),
            browser,
            max_age=MINUTES * 60,
            httponly=True,
            samesite="lax",
            secure=deps.settings.https,
            path="/",
        )
        return answer

    @routes.get(CALLBACK, status_code=303, response_class=RedirectResponse)
    async def finish_sign_in(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=4000)] = "",
        iss: Annotated[str, Query(max_length=500)] = "",
        error: Annotated[str, Query(max_length=200)] = "",
    ) -> RedirectResponse:
        """The provider sends the browser here. It goes on to the page that was asked for, or back to the sign-in page."""
        try:
            user, page = await _finish(deps, request, state, code, iss, refused=bool(error))
        except _NotLetInError as reason:
            answer = _back(str(reason))
            if str(reason) != "mixed_up":
                await _refused(deps, source_of(request), str(reason))
        else:
            answer = RedirectResponse(page, 303)
            async with deps.database.system() as tx:
                await attempts.discount_attempts(tx, [_begun(deps, request)])
                await start_session(deps, request, answer, user, "sso", tx)
        answer.delete_cookie(
            _cookie(deps), httponly=True, samesite="lax", secure=deps.settings.https, path="/"
        )
        return answer

    return routes


def _begun(deps: Deps, request: Request) -> Bucket:
    """Attempts that a client has begun and not finished: who begins many must wait."""
    return bucket(deps.settings.client_tries, "sso", source_of(request).address)


async def start_session(
    deps: Deps, request: Request, answer: Any, user: UUID, method: users.Method, tx: Tx
) -> None:
    """A new session in this browser; one that it had ends."""
    token, before = secrets.token_urlsafe(32), session_cookie(deps, request)
    source = source_of(request)

    if before is not None:
        await users.end_session(tx, secret_hash(before))
    await users.start_session(tx, secret_hash(token), user, method, source)
    seen_by = [INSTALLATION, *await users.memberships(tx, user)]
    await add_entry(tx, seen_by, Entry("session.started", f"user:{user}", source, detail=method))
    if before is not None:
        deps.on_ended([users.session_credential(secret_hash(before))])
    answer.set_cookie(
        cookie_name(deps), token, httponly=True, samesite="lax", secure=deps.settings.https, path="/"
    )


def _cookie(deps: Deps) -> str:
    return f"__Host-{_COOKIE}" if deps.settings.https else _COOKIE


def _callback(deps: Deps, request: Request) -> str:
    return page_address(deps, request, CALLBACK)


def _back(reason: str) -> RedirectResponse:
    return RedirectResponse(f"/sign-in?{urlencode({'problem': reason})}", 303)


async def _refused(deps: Deps, source: Source, reason: str) -> None:
    async with deps.database.system() as tx:
        await add_entry(
            tx, [INSTALLATION], Entry("session.refused", "unknown", source, detail=f"sso: {reason}")
        )


async def _finish(
    deps: Deps, request: Request, state: str, code: str, iss: str, *, refused: bool
) -> tuple[UUID, str]:
    """Who came back, and the page they want. Raises `_NotLetInError`."""
    settings, browser = deps.settings.sso, request.cookies.get(_cookie(deps), "")
    if not settings.issuer:
        raise _NotLetInError("off")
    async with deps.database.system() as tx:
        page = await sso.take_sign_in(tx, secret_hash(state), secret_hash(browser))
    if page is None or (iss and iss != settings.issuer):  # RFC 9207: another provider's answer
        raise _NotLetInError("mixed_up")
    if refused or not code:
        raise _NotLetInError("refused")
    nonce, verifier = derived(browser, "nonce"), derived(browser, "verifier")
    try:
        claims = await deps.provider.claims(code, _callback(deps, request), nonce, verifier)
    except TokenError as error:
        log.warning("sso.failed", outcome=str(error))
        raise _NotLetInError("not_valid") from None
    except Unavailable as error:
        log.warning("sso.failed", outcome=str(error))
        raise _NotLetInError("unavailable") from None
    user = await _person(deps, request, claims)
    await _give_roles(deps, request, user, claims)
    return user, page


async def _person(deps: Deps, request: Request, claims: Mapping[str, Any]) -> UUID:
    """Whom these claims are about: known by the provider's own name for them, else by their address, else new.

    Who made an account is not known to be the one whose address it has: an invitation is opened by whoever has its link.
    So the account that is found by the address is the provider's person's from now on, and nobody else's.
    """
    settings, subject = deps.settings.sso, str(claims["sub"])
    email = claims.get("email")
    name = shortened_name(claims.get("name")) or str(email or "")
    async with deps.database.system() as tx:
        known = await sso.find_identity(tx, settings.issuer, subject)
    if known is not None:
        return known
    if not isinstance(email, str) or "@" not in email or not 3 <= len(email) <= 254:  # noqa: PLR2004  (as everywhere)
        raise _NotLetInError("no_address")
    if claims.get("email_verified") is not True and not settings.trust_email:
        raise _NotLetInError("address_not_verified")
    # A password that nobody knows: the person may ask for a new one where passwords are allowed.
    hashed = await asyncio.to_thread(users.HASHER.hash, secrets.token_urlsafe(32))
    ended: Mapping[str, UUID | None] = {}
    async with deps.database.system() as tx:
        user = deps.clock.new_id()
        row = None
        if not await users.add_user(tx, user, email, name, hashed):
            row = await users.find_user(tx, email)
            assert row is not None
            user = row["user_id"]
        linked = await sso.add_identity(tx, settings.issuer, subject, user)
        # The password that breaks the glass was set by who runs this Muster, and must go on opening.
        glass = row is not None and row["installation"] == "admin" and settings.opens_glass(email)
        if linked and row is not None and not glass:
            ended = await _take_over(tx, source_of(request), user, hashed)
    deps.on_ended(list(ended))
    return user


async def _take_over(tx: Tx, source: Source, user: UUID, hashed: str) -> Mapping[str, UUID | None]:
    """End what opened the account so far; what ended."""
    ended = await sso.take_over(tx, user, hashed)
    seen_by = [INSTALLATION, *await users.memberships(tx, user)]
    await add_entry(tx, seen_by, Entry("account.linked", "sso", source, f"user:{user}"))
    for credential, company in ended.items():
        if company is not None:
            await add_entry(tx, [company], Entry("key.deleted", "sso", source, credential))
    return ended


def shortened_name(name: object) -> str:
    """A name as a claim has it: text of up to 200 characters, or none."""
    return name.strip()[:200] if isinstance(name, str) and name.isprintable() else ""


async def _give_roles(deps: Deps, request: Request, user: UUID, claims: Mapping[str, Any]) -> None:
    """What the person's groups give, and what they no longer give. Raises `_NotLetInError` for one with no role at all."""
    settings, listed = deps.settings.sso, claims.get(deps.settings.sso.groups_claim)
    groups = {g for g in listed[:_MAX_GROUPS] if isinstance(g, str)} if isinstance(listed, list) else set()
    wanted = roles_of(groups, settings.rules())
    async with deps.database.system() as tx:
        changed = await sso.set_group_roles(tx, user, wanted)
        for company, role in changed.items():
            entry = Entry("role.changed", "sso", source_of(request), f"user:{user}", role)
            await add_entry(tx, [company], entry)
        may = bool(await users.memberships(tx, user)) or await users.works_for_installation(tx, user)
    if not may:
        raise _NotLetInError("no_role")
