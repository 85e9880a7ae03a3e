"""The second factor of one's password: setting it up, recovery codes, taking it off."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from services.gateway.api.callers import OwnAccount, account, installation, must_wait
from services.gateway.api.common import Deps, Input, source_of
from services.gateway.core import Bucket, bucket, second_factor
from services.gateway.store import attempts, second_factors, users
from services.gateway.store.audit import INSTALLATION, Action, Entry, add_entry
from services.gateway.store.users import Person
from shared.contracts.people import FactorBegun, FactorState, RecoveryCodes
from shared.db.seal import Sealer
from shared.db.tx import Tx
from shared.domain.visibility import Role
from shared.http.problems import ProblemError

CODE_TRIES = 10
"""Wrong codes for one person, from anywhere, before the next one must wait: who guesses codes knows the password."""
_NOT_THIS = "The code is wrong, or was used already. Wait for the next one."


class Confirmed(Input):
    """One's password, for what somebody at an open browser must not do."""

    password: str = Field(min_length=1, max_length=500)


class Code(Input):
    """What the authenticator shows."""

    code: str = Field(min_length=6, max_length=30)


class EndFactor(Confirmed, Code):
    """The password, and a code or a recovery code."""


class ResetFor(Input):
    """Whose factor is lost."""

    email: str = Field(min_length=3, max_length=254)


def make(deps: Deps) -> list[APIRouter]:
    """One's own second factor, and taking off a lost one."""
    mine = APIRouter(prefix="/v1/me/second-factor", tags=["account"])
    _own(mine, deps)
    lost = APIRouter(prefix="/v1/second-factor-resets", tags=["account"])
    _lost(lost, deps)
    return [mine, lost]


def _own(routes: APIRouter, deps: Deps) -> None:
    @routes.get("", response_model=FactorState)
    async def show_second_factor(mine: OwnAccount = account(deps)) -> dict[str, Any]:
        """Whether one has a second factor, whether one must, and how many recovery codes are left."""
        person, user, _ = mine
        async with deps.database.system() as tx:
            state = await second_factors.factor_state(tx, user)
        required = deps.settings.second_factor and person.method == "password"
        return {**dict(state.items()), "required": required}

    @routes.post("", status_code=201, response_model=FactorBegun)
    async def begin_second_factor(
        body: Confirmed, request: Request, mine: OwnAccount = account(deps)
    ) -> dict[str, Any]:
        """A new secret for an authenticator. It counts once a code of it is given."""
        person, user, _ = mine
        await _check_password(deps, request, user, body.password)
        secret = secrets.token_bytes(second_factor.SECRET_BYTES)
        async with deps.database.system() as tx:
            if not await second_factors.begin_factor(tx, _sealer(deps), user, secret):
                raise ProblemError("conflict", "You have a second factor. Remove it first.")
        return {"secret": second_factor.shown(secret), "uri": second_factor.uri(secret, person.email)}

    @routes.put("", response_model=RecoveryCodes)
    async def confirm_second_factor(
        body: Code, request: Request, mine: OwnAccount = account(deps)
    ) -> dict[str, Any]:
        """Give a code of the authenticator: the factor counts from now on. The recovery codes are shown this once."""
        person, user, _ = mine
        async with deps.database.system() as tx:
            row = await second_factors.find_factor(tx, user)
        if row is None or row["confirmed"]:
            raise ProblemError("conflict", "Begin to set up a second factor first.")
        await check_code(deps, user, body.code)
        codes = second_factor.new_recovery_codes()
        async with deps.database.system() as tx:
            hashes = [second_factor.recovery_hash(code) for code in codes]
            await second_factors.set_recovery_codes(tx, user, hashes)
            await _note(tx, person, request, "second_factor.added")
        return {"codes": codes}

    @routes.post("/off", status_code=204)
    async def end_second_factor(body: EndFactor, request: Request, mine: OwnAccount = account(deps)) -> None:
        """Take one's second factor off."""
        person, user, _ = mine
        await _check_password(deps, request, user, body.password)
        await check_code(deps, user, body.code)
        async with deps.database.system() as tx:
            await second_factors.drop_factor(tx, user)
            await _note(tx, person, request, "second_factor.removed")


def _lost(routes: APIRouter, deps: Deps) -> None:
    @routes.post("", status_code=204)
    async def reset_second_factor(
        body: ResetFor, request: Request, person: Person = installation(deps, Role.ADMIN)
    ) -> None:
        """Take a person's lost second factor off. For an administrator of this Muster."""
        async with deps.database.system() as tx:
            user = await users.find_user(tx, body.email)
            if user is None or not await second_factors.drop_factor(tx, user["user_id"]):
                raise ProblemError("not-found", "Nobody with this address has a second factor.")
            await _note(tx, person, request, "second_factor.removed", f"user:{user['user_id']}")


async def check_code(deps: Deps, user: UUID, code: str) -> None:
    """Use up a code of the authenticator, or a recovery code. Raises `forbidden`, or `too-many` for one who guesses."""
    tried = Bucket(bucket(CODE_TRIES, "code", str(user)).key, CODE_TRIES)
    async with deps.database.system() as tx:
        if seconds := await attempts.begin_attempt(tx, [tried]):
            raise must_wait(seconds)
    async with deps.database.system() as tx:
        row = await second_factors.find_factor(tx, user)
        good = False
        if row is not None:
            secret = second_factors.secret_of(_sealer(deps), user, row)
            plain = code.replace(" ", "")
            if len(plain) == second_factor.DIGITS and plain.isascii() and plain.isdigit():
                period = second_factor.period_of(secret, plain, deps.clock.now(), row["last_period"])
                if good := period is not None:
                    await second_factors.use_period(tx, user, period or 0)
            elif row["confirmed"]:
                good = await second_factors.take_recovery_code(tx, user, second_factor.recovery_hash(plain))
        if good:
            await attempts.forgive_attempts(tx, tried, [])
    if not good:
        raise ProblemError("forbidden", _NOT_THIS)


async def has_factor(deps: Deps, user: UUID) -> bool:
    """Whether a code is asked for when the person signs in with the password."""
    async with deps.database.system() as tx:
        return bool((await second_factors.factor_state(tx, user))["enabled"])


async def _check_password(deps: Deps, request: Request, user: UUID, password: str) -> None:
    mine = bucket(deps.settings.sign_in_tries, "password", str(user), source_of(request).address)
    async with deps.database.system() as tx:
        if seconds := await attempts.begin_attempt(tx, [mine]):
            raise must_wait(seconds)
        hashed = await users.password_of(tx, user)
    if not await asyncio.to_thread(users.is_password, hashed, password):
        raise ProblemError("forbidden", "The password is wrong.")
    async with deps.database.system() as tx:
        await attempts.forgive_attempts(tx, mine, [])


async def _note(tx: Tx, person: Person, request: Request, action: Action, subject: str = "") -> None:
    entry = Entry(action, person.actor, source_of(request), subject or person.actor)
    await add_entry(tx, [INSTALLATION], entry)


def _sealer(deps: Deps) -> Sealer:
    return Sealer(deps.settings.vault.listed())
