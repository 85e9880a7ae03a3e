"""Accounts: connecting them, how their connections are, and hints that their records moved."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr, model_validator

from services.gateway.api import connections
from services.gateway.api.callers import admin, operator, viewer
from services.gateway.api.common import Access, Deps, Input, RemoteId, record, source_of
from services.gateway.api.idempotency import IdempotencyKey, once
from services.gateway.api.starting import connected, say_directory
from services.gateway.core import check_base_url, secret_hash
from services.gateway.store import companies
from services.gateway.store.audit import Action
from shared.connectors.client import allowed
from shared.connectors.vault import Credential
from shared.contracts.connections import AccountEnded, AccountView
from shared.contracts.events import SourceChanged
from shared.contracts.views import RunStarted
from shared.db.tx import Tx
from shared.domain.ids import account_id
from shared.domain.settings import Account
from shared.domain.values import Lane
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing
from shared.systems import SYSTEMS

Secret = Annotated[SecretStr, Field(max_length=8000)]


class NewCredential(Input):
    """What opens an account: the fields that its system asks for, and no others."""

    api_key: Secret = SecretStr("")
    client_id: str = Field(default="", max_length=500)
    client_secret: Secret = SecretStr("")
    refresh_token: Secret = SecretStr("")
    token_url: str = Field(default="", max_length=500)


class NewAccount(Input):
    """Where a company's directory is, and what opens it."""

    system: str = Field(json_schema_extra={"enum": [*SYSTEMS]})
    environment: Literal["production", "sandbox"]
    tenant_id: str = Field(max_length=100, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")
    name: str = Field(min_length=1, max_length=200)
    base_url: str = Field(max_length=500)
    credential: NewCredential

    @model_validator(mode="after")
    def _credential_of_the_system(self) -> NewAccount:
        given = {name: _plain(getattr(self.credential, name)) for name in NewCredential.model_fields}
        if self.system not in SYSTEMS:
            msg = f"a system is one of {', '.join(sorted(SYSTEMS))}"
            raise ValueError(msg)
        needed = SYSTEMS[self.system].credential
        if any(bool(value) != (name in needed) for name, value in given.items()):
            msg = f"the credential of {self.system} is {', '.join(needed)}"
            raise ValueError(msg)
        if not all(value.isascii() and value.isprintable() and " " not in value for value in given.values()):
            msg = "a credential is printable ASCII without spaces"
            raise ValueError(msg)
        return self


class Gone(Input):
    """How many people a person confirms as gone: the `warning_count` of the account."""

    gone_at_most: int = Field(ge=1, le=10_000_000)


class Hints(Input):
    """Records that are reported as changed."""

    remote_ids: list[RemoteId] = Field(min_length=1, max_length=500)


def make(deps: Deps) -> APIRouter:
    """Accounts of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}/accounts", tags=["accounts"])

    @routes.get("", response_model=list[AccountView])
    async def accounts(company: UUID, access: Access = viewer(deps)) -> list[dict[str, Any]]:
        """The company's accounts and how their connections are."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await companies.load_companies(tx, [company])
        health = {h.account_id: h for h in await deps.vault.health(access.company)}
        return [
            await connections.shown(deps, company, a, health.get(a.account_id)) for a in settings.accounts
        ]

    @routes.post("", status_code=201, response_model=AccountView)
    async def connect(
        company: UUID, body: NewAccount, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Connect an account: the credential is kept only if the system takes it and says who it is."""
        account = _account(deps, company, body)
        actor, source = access.person.actor, source_of(request)
        return await connections.connect(deps, company, account, _credential(body), actor, source)

    @routes.post("/{account}/test", response_model=AccountView)
    async def test(company: UUID, account: UUID, access: Access = operator(deps)) -> dict[str, Any]:
        """Ask the system who it is; the answer says how the connection is, and what to do."""
        found = await connections.find(deps, company, account)
        return await connections.test(deps, company, found, access.person.actor)

    @routes.post("/{account}/pause", response_model=AccountView)
    async def pause(
        company: UUID, account: UUID, request: Request, access: Access = operator(deps)
    ) -> dict[str, Any]:
        """Do not call the system until the connection is resumed. What is to be read or written waits, and fails for nobody."""
        found = await connections.find(deps, company, account)
        if not await deps.vault.pause(company, account):
            raise ProblemError("conflict", "Only a connection that works can be paused.")
        return await turned(found, request, access, "connection.paused")

    @routes.post("/{account}/resume", response_model=AccountView)
    async def resume(
        company: UUID, account: UUID, request: Request, access: Access = operator(deps)
    ) -> dict[str, Any]:
        """Go on after a pause; what waited is done within half a minute."""
        found = await connections.find(deps, company, account)
        if not await deps.vault.resume(company, account):
            raise ProblemError("conflict", "This connection is not paused.")
        return await turned(found, request, access, "connection.resumed")

    async def turned(found: Account, request: Request, access: Access, action: Action) -> dict[str, Any]:
        async with deps.database.transaction([access.company]) as tx:
            await record(tx, access, request, action, f"account:{found.account_id}")
        return await connections.shown(deps, access.company, found)

    @routes.post("/{account}/disconnect", response_model=AccountEnded)
    async def disconnect(
        company: UUID, account: UUID, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """End the connection here and at the system. Records, links and history stay, for when it is connected again.

        `revoked` is false where the system did not answer; then end it there as well.
        """
        found = await connections.find(deps, company, account)
        actor, source = access.person.actor, source_of(request)
        return await connections.disconnect(deps, company, found, actor, source)

    _directories(routes, deps)
    return routes


def _directories(routes: APIRouter, deps: Deps) -> None:
    @routes.post("/{account}/gone", status_code=202, response_model=RunStarted)
    async def confirm_gone(
        company: UUID,
        account: UUID,
        body: Gone,
        request: Request,
        response: Response,
        access: Access = operator(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Confirm that so many people have really left a directory that showed less than half of them.

        It is read completely once more; those who are not there are marked as gone, unless they are more than confirmed.
        """
        found = await connections.find(deps, company, account)
        health = next((h for h in await deps.vault.health(company) if h.account_id == account), None)

        async def act(tx: Tx) -> dict[str, Any]:
            connected(found)
            if health is None or not health.warning:
                raise ProblemError("conflict", "Nobody is missing here: there is nothing to confirm.")
            if body.gone_at_most != health.warning_count:
                count, total = f"{health.warning_count:,}", f"{health.warning_total:,}"
                raise ProblemError("conflict", f"{count} of {total} people are missing. Confirm that number.")
            await record(
                tx, access, request, "directory.confirmed", f"account:{account}", str(body.gone_at_most)
            )
            run = await say_directory(deps, tx, company, access.person.actor, account, body.gone_at_most)
            return {"run_id": str(run)}

        answer = await once(deps, request, company, key, act)
        response.headers["Location"] = f"/v1/companies/{company}/runs/{answer['run_id']}"
        return answer

    @routes.post("/{account}/notifications", status_code=202)
    async def notify(
        company: UUID, account: UUID, body: Hints, access: Access = operator(deps)
    ) -> dict[str, Any]:
        """Say that records may have moved; Muster reads them."""
        found = await connections.find(deps, company, account)
        if not found.connected:
            raise ProblemError("conflict", "This account is disconnected. Connect it again first.")
        named = list(dict.fromkeys(body.remote_ids))
        hint = Outgoing(
            SourceChanged.of(account, named), company, lane=Lane.REAL_TIME, actor=access.person.actor
        )
        async with deps.database.transaction([company]) as tx:
            await deps.outbox.append(tx, [hint])
        return {"accepted": len(named)}


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _account(deps: Deps, company: UUID, body: NewAccount) -> Account:
    try:
        for url in filter(None, (body.base_url, body.credential.token_url)):
            check_base_url(url)
            allowed(body.system, deps.settings.egress).check(url)
    except ValueError as error:
        raise ProblemError("invalid", f"{str(error).capitalize()}.") from None
    return Account(
        account_id=account_id(company, body.system, body.environment, body.tenant_id),
        system=body.system,
        environment=body.environment,
        tenant_id=body.tenant_id,
        name=body.name,
        base_url=body.base_url.rstrip("/"),
    )


def _credential(body: NewAccount) -> Credential:
    given = body.credential
    api_key, refresh_token = given.api_key.get_secret_value(), given.refresh_token.get_secret_value()
    return Credential(
        system=body.system,
        api_key=api_key,
        client_id=given.client_id,
        client_secret=given.client_secret.get_secret_value(),
        refresh_token=refresh_token,
        token_url=given.token_url,
        given=secret_hash(api_key + refresh_token).hex(),
    )
