"""What every route needs: who is asking, what they may do here, and answers that are safe to ask for again."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from fastapi import Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.core import Role, parse_key, request_hash, secret_hash
from services.gateway.settings import Settings
from services.gateway.store import api_keys, companies, requests, users
from services.gateway.store.users import Person
from shared.clock import Clock
from shared.connectors.limits import Limits
from shared.connectors.vault import Vault
from shared.contracts.events import SettingsChanged
from shared.contracts.records import CompanySettings
from shared.db.tx import Database, Tx
from shared.http.internal import Internal
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outbox, Outgoing

COOKIE = "muster_session"
NOT_HERE = "There is no such thing here."
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", max_length=200, pattern=r"^[!-~][ -~]*$")
]
RemoteId = Annotated[str, Field(max_length=200, pattern=r"^[^\s\x00-\x1f\x7f]+$")]
"""Bounded, so that 500 of them fit one message."""


class Input(BaseModel):
    """Base of every request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Deps:
    """What the routes are built from."""

    database: Database
    outbox: Outbox
    clock: Clock
    settings: Settings
    vault: Vault
    limits: Limits
    history: Internal
    mapper: Internal
    importer: Internal


@dataclass(frozen=True, slots=True)
class Access:
    """A person in one company."""

    person: Person
    company: UUID
    role: Role


async def signed_in(deps: Deps, request: Request, *, active: bool = True) -> tuple[Person, dict[UUID, Role]]:
    """Who is asking, and the companies they may see; `active` keeps a session from ending. Raises `unauthenticated`."""
    key = parse_key(request.headers.get("authorization", ""))
    if key is not None:
        return await _by_key(deps, *key)
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise ProblemError("unauthenticated", "Sign in, or send an API key.")
    check_same_site(request)
    async with deps.database.system() as tx:
        settings = deps.settings
        person = await users.session_user(
            tx, secret_hash(cookie), settings.session_idle_minutes, settings.session_hours, active=active
        )
        if person is None or person.user_id is None:
            raise ProblemError("unauthenticated", "Your session has ended. Sign in again.")
        return person, await users.memberships(tx, person.user_id)


async def _by_key(deps: Deps, key_id: str, secret: str) -> tuple[Person, dict[UUID, Role]]:
    async with deps.database.system() as tx:
        row = await api_keys.find_key(tx, key_id)
    if row is None or not hmac.compare_digest(bytes(row["secret_hash"]), secret_hash(secret)):
        raise ProblemError("unauthenticated", "This API key does not exist or was taken back.")
    person = Person(f"key:{key_id}", None, row["name"], "")
    return person, {row["company_id"]: Role.named(row["role"])}


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


def allowed(deps: Deps, least: Role, *, active: bool = True) -> Callable[[Request, UUID], Awaitable[Access]]:
    """A dependency: the person in the company of the path, at least in this role. A stranger gets 404."""

    async def check(request: Request, company: UUID) -> Access:
        person, roles = await signed_in(deps, request, active=active)
        role = roles.get(company)
        if role is None:
            raise ProblemError("not-found", NOT_HERE)
        if role < least:
            raise ProblemError(
                "forbidden", f"This needs the role {least.name.lower()}. Ask the Company Administrator."
            )
        return Access(person, company, role)

    return check


def viewer(deps: Deps) -> Any:
    """May look."""
    return Depends(allowed(deps, Role.VIEWER))


def operator(deps: Deps) -> Any:
    """May import, push and map."""
    return Depends(allowed(deps, Role.OPERATOR))


def admin(deps: Deps) -> Any:
    """May change settings."""
    return Depends(allowed(deps, Role.ADMIN))


async def answered(deps: Deps, request: Request, company: UUID, key: str | None) -> dict[str, Any] | None:
    """What this request was answered before, where it comes again with its idempotency key."""
    if key is None:
        return None
    body = await request.body()
    async with deps.database.transaction([company]) as tx:
        return await _answered(tx, company, key, request_hash(request.method, request.url.path, body))


async def _answered(tx: Tx, company: UUID, key: str, asked: bytes) -> dict[str, Any] | None:
    known = await requests.saved_answer(tx, company, key)
    if known is None:
        return None
    if bytes(known["request_hash"]) != asked:
        raise ProblemError("key-reused", "Send another Idempotency-Key with another request.")
    answer: dict[str, Any] = orjson.loads(known["answer"])
    return answer


async def once(
    deps: Deps,
    request: Request,
    company: UUID,
    key: str | None,
    act: Callable[[Tx], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Do it in one transaction; with an idempotency key, do it once and give the same answer again for a day."""
    asked = request_hash(request.method, request.url.path, await request.body())
    async with deps.database.transaction([company]) as tx:
        if key is not None and (known := await _answered(tx, company, key, asked)) is not None:
            return known
        answer = await act(tx)
        if key is not None:
            await requests.save_answer(tx, company, key, asked, answer)
        return answer


async def change_settings(
    deps: Deps, tx: Tx, company: UUID, actor: str, change: Callable[[CompanySettings], CompanySettings]
) -> CompanySettings:
    """Change the settings under their lock, and say the whole new document; nothing is said of no change."""
    before = await companies.lock_company(tx, company)
    after = change(before)
    if after == before:
        return before
    after = after.model_copy(update={"version": before.version + 1})
    await companies.save_company(tx, after)
    await tell_settings(deps, tx, after, actor)
    return after


async def tell_settings(deps: Deps, tx: Tx, settings: CompanySettings, actor: str) -> None:
    """Say the whole document."""
    body = SettingsChanged(company_id=settings.company_id, settings=settings)
    await deps.outbox.append(tx, [Outgoing(body, settings.company_id, actor=actor)])
