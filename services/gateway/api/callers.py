"""Who is asking, by session or API key, and what they may do here."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request

from services.gateway.api.common import Access, Deps, source_of
from services.gateway.api.needs import Need, marked, needing
from services.gateway.core import bucket, parse_key, secret_hash
from services.gateway.store import api_keys, attempts, audit, users
from services.gateway.store.audit import Entry
from services.gateway.store.users import Person
from shared.domain.visibility import Role, hidden_fields
from shared.http.problems import ProblemError

SignedIn = tuple[Person, dict[UUID, Role]]
OwnAccount = tuple[Person, UUID, bytes]
COOKIE = "muster_session"
NOT_HERE = "There is no such thing here."
_ENROLLING = ("/v1/me", "/v1/session")
"""What one may ask who must set up a second factor first."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def signed_in(deps: Deps, request: Request, *, active: bool = True) -> SignedIn:
    """Who is asking, and the companies they may see; `active` keeps a session from ending. Raises `unauthenticated`.

    It is looked up once for a request: before its body is read, where it may have one.
    """
    found: SignedIn | None = getattr(request.state, "signed_in", None)
    if found is None:
        found = request.state.signed_in = await _signed_in(deps, request, active=active)
    return found


async def _signed_in(deps: Deps, request: Request, *, active: bool) -> SignedIn:
    key = parse_key(request.headers.get("authorization", ""))
    if key is not None:
        return await _by_key(deps, request, *key)
    cookie = session_cookie(deps, request)
    if cookie is None:
        raise ProblemError("unauthenticated", "Sign in, or send an API key.")
    check_same_site(request)
    async with deps.database.system() as tx:
        settings = deps.settings
        person = await users.session_user(
            tx, secret_hash(cookie), settings.session_idle_minutes, settings.session_hours, active=active
        )
        if person is None or person.user_id is None or not settings.sso.lets_in(person.method, person.email):
            raise ProblemError("unauthenticated", "Your session has ended. Sign in again.")
        if settings.second_factor and person.must_enrol and not request.url.path.startswith(_ENROLLING):
            raise ProblemError(
                "forbidden",
                "This Muster asks for a second factor. Set it up under Your account first.",
                must_enrol=True,
            )
        return person, await users.memberships(tx, person.user_id)


async def _by_key(deps: Deps, request: Request, key_id: str, secret: str) -> SignedIn:
    async with deps.database.system() as tx:
        row = await api_keys.find_key(tx, key_id)
    if row is None or not hmac.compare_digest(bytes(row["secret_hash"]), secret_hash(secret)):
        await _refuse_key(deps, request, key_id, row["company_id"] if row else audit.INSTALLATION)
        raise ProblemError("unauthenticated", "This API key does not exist or was revoked.")
    if not row["good"]:
        raise ProblemError(
            "unauthenticated", "This API key has expired, or its maker is no longer an administrator."
        )
    if row["unnoted"]:
        async with deps.database.system() as tx:
            await api_keys.note_use(tx, key_id)
    actor = f"key:{key_id}"
    return Person(actor, None, row["name"], "", actor, row["made_by"]), {
        row["company_id"]: Role.named(row["role"])
    }


async def _refuse_key(deps: Deps, request: Request, key_id: str, company: UUID) -> None:
    """Count it. Raises `too-many` for a client whose keys fail again and again; a good key is never kept waiting."""
    source = source_of(request)
    entry = Entry("key.refused", "unknown", source, f"key:{key_id}")
    async with deps.database.system() as tx:
        mine = bucket(deps.settings.client_tries, "keys", source.address)
        if seconds := await attempts.begin_attempt(tx, [mine]):
            raise must_wait(seconds)
        await audit.add_entry(tx, [company], entry)


def must_wait(seconds: int) -> ProblemError:
    """Too many attempts failed."""
    detail = f"Too many failed attempts. Wait {seconds} seconds."
    return ProblemError("too-many", detail, retry_after=seconds)


async def count_guess(deps: Deps, request: Request) -> None:
    """A link was not good. Raises `too-many` for a client that tries one after the other."""
    tried = bucket(deps.settings.client_tries, "links", source_of(request).address)
    async with deps.database.system() as tx:
        if seconds := await attempts.begin_attempt(tx, [tried]):
            raise must_wait(seconds)


def cookie_name(deps: Deps) -> str:
    """Over https a name that browsers take from this very host alone, with `Secure`."""
    return f"__Host-{COOKIE}" if deps.settings.https else COOKIE


def session_cookie(deps: Deps, request: Request) -> str | None:
    """The secret of the session that the browser sends."""
    return request.cookies.get(cookie_name(deps))


def check_same_site(request: Request) -> None:
    """A change that comes with a cookie must come from our own page (CSRF)."""
    if request.method in _SAFE:
        return
    check_origin(request)
    if "x-muster" not in request.headers:
        raise ProblemError("forbidden", "Send the header X-Muster: 1 with every change.")


def check_origin(request: Request) -> None:
    """Where a browser says which page asks, it must be ours."""
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ProblemError("forbidden", "This request comes from another site.")


def anyone(deps: Deps, *, active: bool = True) -> Any:
    """Is signed in; it is asked before anything else of the request is looked at."""

    async def check(request: Request) -> SignedIn:
        return await signed_in(deps, request, active=active)

    return needing(Need.SIGNED_IN, check)


def account(deps: Deps) -> Any:
    """A person, for themselves: who, their id, and the session's hash. Raises `forbidden` for a key."""

    async def check(request: Request, found: SignedIn = anyone(deps)) -> OwnAccount:
        cookie, (person, _) = session_cookie(deps, request), found
        if person.user_id is None or cookie is None:
            raise ProblemError("forbidden", "An API key has no account. Sign in.")
        return person, person.user_id, secret_hash(cookie)

    return needing(Need.ACCOUNT, check)


def installation(deps: Deps, least: Role) -> Any:
    """A person who works for the whole installation, at least in this role; none of it opens a company."""

    async def check(found: SignedIn = anyone(deps)) -> Person:
        person, _ = found
        if person.installation is None or person.installation < least:
            who = "an operator" if least is Role.OPERATOR else "an administrator"
            raise ProblemError("forbidden", f"Only {who} of this Muster may do this.")
        return person

    return needing(Need.in_installation(least), check)


def allowed(deps: Deps, least: Role, *, active: bool = True) -> Callable[..., Awaitable[Access]]:
    """A dependency: the person in the company of the path, at least in this role. A stranger to the company gets 404."""

    async def check(company: UUID, found: SignedIn = anyone(deps, active=active)) -> Access:
        person, roles = found
        role = roles.get(company)
        if role is None:
            raise ProblemError("not-found", NOT_HERE)
        if role < least:
            raise ProblemError(
                "forbidden", f"This needs the role {least.name.lower()}. Ask the Company Administrator."
            )
        return Access(
            person, company, role, hidden_fields(role, from_operators=deps.settings.hide_from_operators)
        )

    return marked(Need.in_company(least), check)


def viewer(deps: Deps) -> Any:
    """May look."""
    return Depends(allowed(deps, Role.VIEWER))


def member(deps: Deps) -> Any:
    """May look, and is a person. Raises `forbidden` for a key."""

    async def check(access: Access = viewer(deps)) -> Access:
        if access.person.user_id is None:
            raise ProblemError("forbidden", "An API key receives no notices. Sign in, or make a channel.")
        return access

    return needing(Need.MEMBER, check)


def operator(deps: Deps) -> Any:
    """May import, push and map."""
    return Depends(allowed(deps, Role.OPERATOR))


def admin(deps: Deps) -> Any:
    """May change settings."""
    return Depends(allowed(deps, Role.ADMIN))
