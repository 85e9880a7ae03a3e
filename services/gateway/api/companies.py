"""Companies, their accounts, their route with its rules, and their API keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, SecretStr

from services.gateway import store
from services.gateway.api.common import (
    Access,
    Deps,
    IdempotencyKey,
    Input,
    admin,
    check_same_site,
    once,
    operator,
    signed_in,
    viewer,
)
from services.gateway.core import Role, secret_hash
from shared.connectors.client import checked_url, make_connector
from shared.connectors.vault import Credential
from shared.contracts.events import SettingsChanged, SourceChanged
from shared.contracts.records import (
    Account,
    CompanySettings,
    Lane,
    Route,
    Rules,
    System,
    account_id,
    record_id,
)
from shared.db.tx import Tx
from shared.errors import MusterError, Unauthorized, Unavailable
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing


class NewCompany(Input):
    """A company's name."""

    name: str = Field(min_length=1, max_length=200)


class NewCredential(Input):
    """An API key (Linarc), or OAuth tokens (QuickBooks)."""

    api_key: SecretStr = SecretStr("")
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    refresh_token: SecretStr = SecretStr("")
    token_url: str = ""


class NewAccount(Input):
    """Where a company's directory is, and what opens it."""

    system: System
    environment: Literal["production", "sandbox"]
    tenant_id: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=200)
    base_url: str = Field(max_length=500)
    credential: NewCredential


class NewRoute(Input):
    """Which account is the source of truth, and the rules."""

    source: UUID
    destination: UUID
    rules: Rules = Rules()
    active: bool = True


class NewKey(Input):
    """An API key for a service of the company's."""

    name: str = Field(min_length=1, max_length=100)
    role: Literal["viewer", "operator", "admin"]


class Hints(Input):
    """Records that are said to have moved."""

    remote_ids: list[str] = Field(min_length=1, max_length=500)


def make(deps: Deps) -> APIRouter:
    """Settings of companies."""
    routes = APIRouter(prefix="/v1/companies", tags=["companies"])
    _companies(routes, deps)
    _accounts(routes, deps)
    _keys(routes, deps)
    return routes


def _companies(routes: APIRouter, deps: Deps) -> None:
    @routes.get("")
    async def companies(request: Request) -> list[dict[str, Any]]:
        """The companies one may see."""
        _, roles = await signed_in(deps, request)
        async with deps.database.transaction(roles) as tx:
            found = await store.load_companies(tx, list(roles))
        return [{**_shown(s), "role": roles[s.company_id].name.lower()} for s in found]

    @routes.post("", status_code=201)
    async def add_company(body: NewCompany, request: Request) -> dict[str, Any]:
        """Make a company and become its administrator."""
        person, _ = await signed_in(deps, request)
        check_same_site(request)
        if not person.superuser or person.user_id is None:
            raise ProblemError("forbidden", "Only an administrator of this Muster makes companies.")
        owner, company = person.user_id, deps.clock.new_id()

        async def act(tx: Tx) -> dict[str, Any]:
            await store.add_company(tx, company, body.name, owner)
            settings = CompanySettings(company_id=company, version=1, name=body.name)
            await _tell(deps, tx, settings, person.actor)
            return _shown(settings)

        return await once(deps, request, company, None, act)

    @routes.get("/{company}")
    async def company_settings(company: UUID, access: Access = viewer(deps)) -> dict[str, Any]:
        """One company's settings."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await store.load_companies(tx, [company])
        return {**_shown(settings), "role": access.role.name.lower()}

    @routes.put("/{company}/route")
    async def set_route(
        company: UUID,
        body: NewRoute,
        request: Request,
        access: Access = admin(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Say which account is the source of truth, and by what rules the other follows."""
        if body.source == body.destination:
            raise ProblemError("invalid", "Source and destination must be two accounts.")

        def change(settings: CompanySettings) -> CompanySettings:
            ends = [settings.account(body.source), settings.account(body.destination)]
            if None in ends or len({a.system for a in ends if a}) < len(ends):
                raise ProblemError(
                    "invalid", "Source and destination are accounts of this company, in different systems."
                )
            route = Route(
                source=body.source, destination=body.destination, rules=body.rules, active=body.active
            )
            return settings.model_copy(update={"route": route})

        async def act(tx: Tx) -> dict[str, Any]:
            return _shown(await _change(deps, tx, company, access.person.actor, change))

        return await once(deps, request, company, key, act)

    @routes.patch("/{company}/route/rules")
    async def set_rules(
        company: UUID, body: dict[str, bool | int], request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Change single rules."""
        if unknown := sorted(set(body) - set(Rules.model_fields)):
            raise ProblemError(
                "invalid",
                f"There are no such rules. Known are: {', '.join(Rules.model_fields)}.",
                unknown=unknown,
            )

        def change(settings: CompanySettings) -> CompanySettings:
            if settings.route is None:
                raise ProblemError("conflict", "Set the route first.")
            rules = Rules.model_validate({**settings.route.rules.model_dump(), **body})
            return settings.model_copy(update={"route": settings.route.model_copy(update={"rules": rules})})

        async def act(tx: Tx) -> dict[str, Any]:
            return _shown(await _change(deps, tx, company, access.person.actor, change))

        return await once(deps, request, company, None, act)


def _accounts(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/{company}/accounts")
    async def accounts(company: UUID, access: Access = viewer(deps)) -> list[dict[str, Any]]:
        """The company's accounts and how their connections are."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await store.load_companies(tx, [company])
        health = {h.account_id: h for h in await deps.vault.health(access.company)}
        return [_account(a, health.get(a.account_id)) for a in settings.accounts]

    @routes.post("/{company}/accounts", status_code=201)
    async def connect(company: UUID, body: NewAccount, access: Access = admin(deps)) -> dict[str, Any]:
        """Connect an account: the credential is tried first, and kept only if the system says who it is."""
        account = _new_account(company, body)
        given = body.credential
        credential = Credential(
            system=body.system,
            api_key=given.api_key.get_secret_value(),
            client_id=given.client_id,
            client_secret=given.client_secret.get_secret_value(),
            refresh_token=given.refresh_token.get_secret_value(),
            token_url=given.token_url,
            given=secret_hash(
                given.api_key.get_secret_value() + given.refresh_token.get_secret_value()
            ).hex(),
        )
        await _keep(deps, company, account.account_id, credential)
        await _test(deps, company, account)

        def change(settings: CompanySettings) -> CompanySettings:
            others = tuple(a for a in settings.accounts if a.account_id != account.account_id)
            return settings.model_copy(update={"accounts": (*others, account)})

        async with deps.database.transaction([company]) as tx:
            await _change(deps, tx, company, access.person.actor, change)
        return _account(account, None)

    @routes.post("/{company}/accounts/{account}/notifications", status_code=202)
    async def notify(
        company: UUID, account: UUID, body: Hints, access: Access = operator(deps)
    ) -> dict[str, Any]:
        """Say that records may have moved; Muster reads them."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await store.load_companies(tx, [company])
            if settings.account(account) is None:
                raise ProblemError("not-found", "There is no such account here.")
            hints = [
                SourceChanged(record_id=record_id(account, i), account_id=account, remote_id=i)
                for i in dict.fromkeys(body.remote_ids)
            ]
            actor = access.person.actor
            await deps.outbox.append(
                tx, [Outgoing(h, company, lane=Lane.REAL_TIME, actor=actor) for h in hints]
            )
        return {"accepted": len(hints)}


def _keys(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/{company}/api-keys")
    async def keys(company: UUID, _: Access = admin(deps)) -> list[dict[str, Any]]:
        """The company's API keys, without their secrets."""
        async with deps.database.transaction([company]) as tx:
            return [dict(row.items()) for row in await store.list_keys(tx, company)]

    @routes.post("/{company}/api-keys", status_code=201)
    async def add_key(company: UUID, body: NewKey, _: Access = admin(deps)) -> dict[str, Any]:
        """Make an API key. It is shown once."""
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        async with deps.database.transaction([company]) as tx:
            await store.add_key(tx, company, key_id, body.name, Role.named(body.role), secret_hash(secret))
        return {"key_id": key_id, "key": f"mk_{key_id}_{secret}", "role": body.role}

    @routes.delete("/{company}/api-keys/{key_id}", status_code=204)
    async def drop_key(company: UUID, key_id: str, _: Access = admin(deps)) -> None:
        """Take an API key back."""
        async with deps.database.transaction([company]) as tx:
            if not await store.drop_key(tx, company, key_id):
                raise ProblemError("not-found", "There is no such key here.")


def _new_account(company: UUID, body: NewAccount) -> Account:
    try:
        base_url = checked_url(body.base_url)
        if body.credential.token_url:
            checked_url(body.credential.token_url)
    except ValueError as error:
        raise ProblemError("invalid", f"{str(error).capitalize()}.") from None
    return Account(
        account_id=account_id(company, body.system.value, body.environment, body.tenant_id),
        system=body.system,
        environment=body.environment,
        tenant_id=body.tenant_id,
        name=body.name,
        base_url=base_url,
    )


async def _keep(deps: Deps, company: UUID, account: UUID, credential: Credential) -> None:
    """Store a credential, unless it is the one that is stored already and perhaps rotated since."""
    try:
        known = await deps.vault.load(company, account)
    except Unauthorized:
        known = None
    if known is None or known.given != credential.given:
        await deps.vault.save(company, account, credential)


async def _test(deps: Deps, company: UUID, account: Account) -> None:
    connector = make_connector(account, company, deps.vault, deps.clock)
    try:
        tenant = await connector.test()
    except Unavailable:
        raise
    except MusterError as error:
        await deps.vault.mark(company, account.account_id, "reconnect", str(error))
        raise ProblemError("conflict", "The system refused the credential. Check it and try again.") from None
    finally:
        await connector.close()
    if tenant != account.tenant_id:
        await deps.vault.mark(company, account.account_id, "disconnected", "another tenant")
        raise ProblemError("conflict", "The credential opens another company's directory than the one named.")


async def _change(
    deps: Deps, tx: Tx, company: UUID, actor: str, change: Callable[[CompanySettings], CompanySettings]
) -> CompanySettings:
    """Change the settings under their lock, and say the whole new document."""
    before = await store.lock_company(tx, company)
    after = change(before)
    if after == before:
        return before
    after = after.model_copy(update={"version": before.version + 1})
    await store.save_company(tx, after)
    await _tell(deps, tx, after, actor)
    return after


async def _tell(deps: Deps, tx: Tx, settings: CompanySettings, actor: str) -> None:
    body = SettingsChanged(company_id=settings.company_id, settings=settings)
    await deps.outbox.append(tx, [Outgoing(body, settings.company_id, actor=actor)])


def _shown(settings: CompanySettings) -> dict[str, Any]:
    return settings.model_dump(mode="json")


def _account(account: Account, health: Any) -> dict[str, Any]:
    return {
        **account.model_dump(mode="json"),
        "state": health.state if health else "connected",
        "problem": health.problem if health else "",
    }
