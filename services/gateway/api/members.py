"""A company's people: roles, invitations, and joining by one."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from services.gateway.api.callers import admin, count_guess, must_wait, session_cookie, signed_in, viewer
from services.gateway.api.common import (
    PASSWORD_LEAST,
    Access,
    Deps,
    Input,
    Token,
    page_address,
    record,
    source_of,
)
from services.gateway.api.needs import open_to_all
from services.gateway.core import bucket, secret_hash
from services.gateway.store import attempts, companies, members, users
from services.gateway.store.audit import Entry, add_entry
from services.gateway.store.members import Invitation
from shared.contracts.people import InvitationList, InvitationMade, InvitationShown, Joined, MemberList
from shared.contracts.run_views import Colleague
from shared.db.tx import Tx
from shared.domain.visibility import Role
from shared.http.problems import ProblemError

RoleName = Literal["viewer", "operator", "admin"]
Email = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
_GONE = "This invitation was used, taken back, or has expired. Ask for a new one."
_LAST = "This is the company's last administrator. Make somebody else an administrator first."


class NewInvitation(Input):
    """Whom to invite, and as what."""

    email: Email
    role: RoleName


class NewRole(Input):
    """A member's role."""

    role: RoleName


class Joining(Input):
    """One's name, and a password: a new one, or that of the account one has, unless one is signed in with it."""

    name: str = Field(default="", max_length=200)
    password: str = Field(default="", max_length=500)


def make(deps: Deps) -> list[APIRouter]:
    """Members of one company, for its administrators, and invitations, for those who have one."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["people"])
    _members(routes, deps)
    _invitations(routes, deps)
    joining = APIRouter(prefix="/v1/invitations", tags=["people"], dependencies=[open_to_all])
    _joining(joining, deps)
    return [routes, joining]


def _members(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/people", response_model=list[Colleague])
    async def people(access: Access = viewer(deps)) -> list[dict[str, Any]]:
        """Who may see the company, and as what; with the addresses of the Company Administrators, who can help."""
        async with deps.database.system() as tx:
            return [dict(row.items()) for row in await users.colleagues(tx, access.company)]

    @routes.get("/members", response_model=MemberList)
    async def list_members(access: Access = admin(deps)) -> dict[str, Any]:
        """The company's people, their roles, and when they were last here."""
        async with deps.database.system() as tx:
            rows = await members.list_members(tx, access.company)
        return {"items": [dict(row.items()) for row in rows]}

    @routes.put("/members/{user}", status_code=204)
    async def set_role(user: UUID, body: NewRole, request: Request, access: Access = admin(deps)) -> None:
        """Give a member another role. Keys that the person made fall with the role of an administrator."""
        role = Role.named(body.role)
        async with deps.database.transaction([access.company]) as tx:
            if role < Role.ADMIN:
                await _not_the_last(tx, access.company, user)
            if not await members.set_role(tx, access.company, user, role):
                raise ProblemError("not-found", "There is no such member here.")
            await record(tx, access, request, "role.changed", f"user:{user}", body.role)

    @routes.delete("/members/{user}", status_code=204)
    async def remove_member(user: UUID, request: Request, access: Access = viewer(deps)) -> None:
        """Take a person's membership away, or leave the company oneself."""
        if access.role < Role.ADMIN and user != access.person.user_id:
            raise ProblemError("forbidden", "Only an administrator removes somebody else.")
        async with deps.database.transaction([access.company]) as tx:
            await _not_the_last(tx, access.company, user)
            if not await members.drop_member(tx, access.company, user):
                raise ProblemError("not-found", "There is no such member here.")
            await record(tx, access, request, "member.removed", f"user:{user}")


def _invitations(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/invitations", response_model=InvitationList)
    async def invitations(access: Access = admin(deps)) -> dict[str, Any]:
        """Who is invited and has not joined yet."""
        async with deps.database.transaction([access.company]) as tx:
            rows = await members.list_invitations(tx, access.company)
        return {"items": [dict(row.items()) for row in rows]}

    @routes.post("/invitations", status_code=201, response_model=InvitationMade)
    async def invite(body: NewInvitation, request: Request, access: Access = admin(deps)) -> dict[str, Any]:
        """Invite a person. The link, which is shown only once, is for them alone; send it to them."""
        token = secrets.token_urlsafe(32)
        new = Invitation(access.company, deps.clock.new_id(), body.email, body.role)
        async with deps.database.transaction([access.company]) as tx:
            row = await members.add_invitation(
                tx, new, secret_hash(token), access.person.actor, deps.settings.invitation_days
            )
            await record(tx, access, request, "member.invited", f"invitation:{new.invitation_id}", body.role)
        return {**dict(row.items()), "link": page_address(deps, request, f"/join/{token}")}

    @routes.delete("/invitations/{invitation}", status_code=204)
    async def drop_invitation(invitation: UUID, request: Request, access: Access = admin(deps)) -> None:
        """Take an invitation back."""
        async with deps.database.transaction([access.company]) as tx:
            if not await members.drop_invitation(tx, access.company, invitation):
                raise ProblemError("not-found", "There is no such invitation here.")
            await record(tx, access, request, "invitation.deleted", f"invitation:{invitation}")


def _joining(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/{token}", response_model=InvitationShown)
    async def show_invitation(token: Token, request: Request) -> dict[str, Any]:
        """What an invitation is to, for the one who has its link."""
        found = await _found(deps, request, token)
        async with deps.database.system() as tx:
            known = await users.find_user(tx, found.email)
        async with deps.database.transaction([found.company_id]) as tx:
            (settings,) = await companies.load_companies(tx, [found.company_id])
        return {
            "company": settings.name,
            "email": found.email,
            "role": found.role,
            "has_account": known is not None,
            "yours": known is not None and await _is_signed_in(deps, request, known["user_id"]),
        }

    @routes.post("/{token}", status_code=201, response_model=Joined)
    async def join(token: Token, body: Joining, request: Request) -> dict[str, Any]:
        """Join the company. One who has no account makes one; one who has signs in first, or gives its password.

        A higher role that one has there already stays.
        """
        source, found = source_of(request), await _found(deps, request, token)
        async with deps.database.system() as tx:
            known = await users.find_user(tx, found.email)
        hashed = ""
        if known is None:
            if len(body.password) < PASSWORD_LEAST:
                raise ProblemError("invalid", f"Use at least {PASSWORD_LEAST} characters.")
            if not body.name.strip():
                raise ProblemError("invalid", "Give your name.")
            user, hashed = deps.clock.new_id(), await asyncio.to_thread(users.HASHER.hash, body.password)
        else:
            user = known["user_id"]
            if body.password or not await _is_signed_in(deps, request, user):
                await _check_password(
                    deps, found.email, source.address, known["password_hash"], body.password
                )
        async with deps.database.system() as tx:
            again = await members.find_invitation(tx, secret_hash(token))
            if again is None:
                raise ProblemError("gone", _GONE)
            if known is None and not await users.add_user(tx, user, found.email, body.name.strip(), hashed):
                raise ProblemError("conflict", "There is an account for this address now. Try again.")
            role = await members.add_member(tx, found.company_id, user, found.role)
            await members.drop_invitation(tx, found.company_id, found.invitation_id)
            entry = Entry("member.joined", f"user:{user}", source, f"user:{user}", role)
            await add_entry(tx, [found.company_id], entry)
        return {"email": found.email, "company_id": found.company_id}


async def _found(deps: Deps, request: Request, token: str) -> Invitation:
    """The invitation. Raises `gone`; a client that guesses must wait."""
    async with deps.database.system() as tx:
        found = await members.find_invitation(tx, secret_hash(token))
    if found is None:
        await count_guess(deps, request)
        raise ProblemError("gone", _GONE)
    return found


async def _is_signed_in(deps: Deps, request: Request, user: UUID) -> bool:
    """Whether it is this person's browser that asks: their session stands for their password."""
    if session_cookie(deps, request) is None:
        return False
    try:
        person, _ = await signed_in(deps, request)
    except ProblemError:
        return False
    return person.user_id == user


async def _check_password(deps: Deps, email: str, address: str, hashed: str, password: str) -> None:
    """Raises `unauthenticated` for a wrong password, and `too-many` for one who tries several."""
    mine = bucket(deps.settings.sign_in_tries, "address", email, address)
    async with deps.database.system() as tx:
        if seconds := await attempts.begin_attempt(tx, [mine]):
            raise must_wait(seconds)
    if not await asyncio.to_thread(users.is_password, hashed, password):
        raise ProblemError(
            "unauthenticated",
            "The password of your account is wrong. Or sign in first, then open the link again.",
        )
    async with deps.database.system() as tx:
        await attempts.forgive_attempts(tx, mine, [])


async def _not_the_last(tx: Tx, company: UUID, user: UUID) -> None:
    if await members.lock_admins(tx, company) == {user}:
        raise ProblemError("conflict", _LAST)
