"""One's own account: sessions and password; and links for those who have lost theirs."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from pydantic import Field, field_validator

from services.gateway.api.callers import OwnAccount, account, count_guess, installation, must_wait
from services.gateway.api.common import Deps, Input, NewPassword, Token, page_address, source_of
from services.gateway.api.needs import open_to_all
from services.gateway.core import bucket, secret_hash
from services.gateway.store import attempts, password_resets, users
from services.gateway.store.audit import INSTALLATION, Entry, add_entry
from services.gateway.store.users import Person
from shared.contracts.people import ResetMade, SessionList
from shared.domain.visibility import Role
from shared.http.problems import ProblemError


class PasswordChange(Input):
    """The password one has, and the new one."""

    current: str = Field(min_length=1, max_length=500)
    new: NewPassword


class Formats(Input):
    """How times and numbers are shown to one; empty: as the browser has it."""

    time_zone: str = Field(max_length=64, description="A name of the IANA database, such as `Europe/Berlin`.")
    language: str = Field(max_length=35, pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name and name not in available_timezones():
            msg = "choose a time zone of the IANA database, such as America/Los_Angeles"
            raise ValueError(msg)
        return name


class ResetFor(Input):
    """Who has lost the password."""

    email: str = Field(min_length=3, max_length=254)


class Reset(Input):
    """The new password."""

    password: NewPassword


def make(deps: Deps) -> list[APIRouter]:
    """What a person may do about their own account."""
    mine = APIRouter(prefix="/v1/me", tags=["account"])
    _sessions(mine, deps)
    _formats(mine, deps)
    _password(mine, deps)
    resets = APIRouter(prefix="/v1/password-resets", tags=["account"])
    _resets(resets, deps)
    return [mine, resets]


def _sessions(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/sessions", response_model=SessionList)
    async def my_sessions(mine: OwnAccount = account(deps)) -> dict[str, Any]:
        """Where one is signed in: since when, last seen when, from which address and with which browser."""
        person, user, current = mine
        limits = (deps.settings.session_idle_minutes, deps.settings.session_hours)
        passwords = deps.settings.sso.lets_in("password", person.email)
        async with deps.database.system() as tx:
            rows = await users.list_sessions(tx, user, current, *limits, passwords=passwords)
        return {"items": [dict(row.items()) for row in rows]}

    @routes.delete("/sessions", status_code=204)
    async def end_other_sessions(request: Request, mine: OwnAccount = account(deps)) -> None:
        """Sign out everywhere else."""
        person, user, current = mine
        async with deps.database.system() as tx:
            ended = await users.end_other_sessions(tx, user, current)
            entry = Entry("session.ended", person.actor, source_of(request), person.actor, "all others")
            await add_entry(tx, [INSTALLATION], entry)
        deps.on_ended([users.session_credential(one) for one in ended])

    @routes.delete("/sessions/{session}", status_code=204)
    async def end_session(session: UUID, request: Request, mine: OwnAccount = account(deps)) -> None:
        """Sign out elsewhere."""
        person, user, _ = mine
        async with deps.database.system() as tx:
            ended = await users.end_one_session(tx, user, session)
            if ended is None:
                raise ProblemError("not-found", "There is no such session of yours.")
            entry = Entry("session.ended", person.actor, source_of(request), f"session:{session}")
            await add_entry(tx, [INSTALLATION], entry)
        deps.on_ended([users.session_credential(ended)])


def _formats(routes: APIRouter, deps: Deps) -> None:
    @routes.put("/formats", status_code=204)
    async def save_formats(body: Formats, mine: OwnAccount = account(deps)) -> None:
        """Choose the time zone, and the language whose formats numbers and dates have."""
        _, user, _current = mine
        async with deps.database.system() as tx:
            await users.save_formats(tx, user, body.time_zone, body.language)


def _password(routes: APIRouter, deps: Deps) -> None:
    @routes.put("/password", status_code=204)
    async def change_password(
        body: PasswordChange, request: Request, mine: OwnAccount = account(deps)
    ) -> None:
        """Change one's password. Other sessions end."""
        person, user, current = mine
        tries = bucket(deps.settings.sign_in_tries, "password", str(user), source_of(request).address)
        async with deps.database.system() as tx:
            if seconds := await attempts.begin_attempt(tx, [tries]):
                raise must_wait(seconds)
            hashed = await users.password_of(tx, user)
        if not await asyncio.to_thread(users.is_password, hashed, body.current):
            raise ProblemError("forbidden", "That is not your current password.")
        made = await asyncio.to_thread(users.HASHER.hash, body.new)
        async with deps.database.system() as tx:
            if await users.password_of(tx, user) != hashed:
                raise ProblemError("conflict", "Your password was changed meanwhile. Try again.")
            await attempts.forgive_attempts(tx, tries, [])
            ended = await users.set_password(tx, user, made, keep=current)
            await add_entry(
                tx, [INSTALLATION], Entry("password.changed", person.actor, source_of(request), person.actor)
            )
        deps.on_ended([users.session_credential(one) for one in ended])


def _resets(routes: APIRouter, deps: Deps) -> None:
    @routes.post("", status_code=201, response_model=ResetMade)
    async def make_reset(
        body: ResetFor, request: Request, person: Person = installation(deps, Role.ADMIN)
    ) -> dict[str, Any]:
        """A link by which a person sets a new password, shown this once. For an administrator of this Muster."""
        token, hours = secrets.token_urlsafe(32), deps.settings.reset_hours
        async with deps.database.system() as tx:
            user = await users.find_user(tx, body.email)
            if user is None:
                raise ProblemError("not-found", "No account has this e-mail address.")
            await password_resets.add_reset(tx, secret_hash(token), user["user_id"], hours)
            subject = f"user:{user['user_id']}"
            await add_entry(
                tx, [INSTALLATION], Entry("password.reset", person.actor, source_of(request), subject, "link")
            )
        link = page_address(deps, request, f"/reset/{token}")
        return {"link": link, "expires_in_hours": hours}

    @routes.post("/{token}", status_code=204, dependencies=[open_to_all])
    async def reset_password(token: Token, body: Reset, request: Request) -> None:
        """Set a new password by a link. Every session of the person ends."""
        link = secret_hash(token)
        async with deps.database.system() as tx:
            known = await password_resets.has_reset(tx, link)
        user, ended = None, []
        if known:  # a hash takes long and 19 MiB: not for whoever asks
            made = await asyncio.to_thread(users.HASHER.hash, body.password)
            async with deps.database.system() as tx:
                if user := await password_resets.take_reset(tx, link):
                    ended = await users.set_password(tx, user, made)
                    entry = Entry("password.reset", f"user:{user}", source_of(request), f"user:{user}", "set")
                    await add_entry(tx, [INSTALLATION], entry)
        if user is None:
            await count_guess(deps, request)
            raise ProblemError("gone", "This link was used or has expired. Ask for a new one.")
        deps.on_ended([users.session_credential(one) for one in ended])
