"""Accounts: connecting them, how their connections are, and hints that their records moved."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, SecretStr, model_validator

from services.gateway.api import connections
from services.gateway.api.common import (
    Access,
    Deps,
    Input,
    RemoteId,
    admin,
    operator,
    viewer,
)
from services.gateway.core import check_base_url, secret_hash
from services.gateway.store import companies
from shared.connectors.client import checked_url
from shared.connectors.vault import Credential
from shared.contracts.events import SourceChanged
from shared.contracts.records import Account, Lane, System, account_id, record_id
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outgoing

Secret = Annotated[SecretStr, Field(max_length=8000)]
_NEEDED = {
    System.LINARC: ("api_key",),
    System.QUICKBOOKS: ("client_id", "client_secret", "refresh_token", "token_url"),
}


class NewCredential(Input):
    """An API key (Linarc), or OAuth tokens (QuickBooks)."""

    api_key: Secret = SecretStr("")
    client_id: str = Field(default="", max_length=500)
    client_secret: Secret = SecretStr("")
    refresh_token: Secret = SecretStr("")
    token_url: str = Field(default="", max_length=500)


class NewAccount(Input):
    """Where a company's directory is, and what opens it."""

    system: System
    environment: Literal["production", "sandbox"]
    tenant_id: str = Field(max_length=100, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")
    name: str = Field(min_length=1, max_length=200)
    base_url: str = Field(max_length=500)
    credential: NewCredential

    @model_validator(mode="after")
    def _credential_of_the_system(self) -> NewAccount:
        given = {name: _plain(getattr(self.credential, name)) for name in NewCredential.model_fields}
        needed = _NEEDED[self.system]
        if any(bool(value) != (name in needed) for name, value in given.items()):
            msg = f"the credential of {self.system} is {', '.join(needed)}"
            raise ValueError(msg)
        if not all(value.isascii() and value.isprintable() and " " not in value for value in given.values()):
            msg = "a credential is printable ASCII without spaces"
            raise ValueError(msg)
        return self


class Hints(Input):
    """Records that are said to have moved."""

    remote_ids: list[RemoteId] = Field(min_length=1, max_length=500)


def make(deps: Deps) -> APIRouter:
    """Accounts of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}/accounts", tags=["accounts"])

    @routes.get("")
    async def accounts(company: UUID, access: Access = viewer(deps)) -> list[dict[str, Any]]:
        """The company's accounts and how their connections are."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await companies.load_companies(tx, [company])
        health = {h.account_id: h for h in await deps.vault.health(access.company)}
        return [
            await connections.shown(deps, company, a, health.get(a.account_id)) for a in settings.accounts
        ]

    @routes.post("", status_code=201)
    async def connect(company: UUID, body: NewAccount, access: Access = admin(deps)) -> dict[str, Any]:
        """Connect an account: the credential is kept only if the system takes it and says who it is."""
        account = _account(company, body)
        return await connections.connect(deps, company, account, _credential(body), access.person.actor)

    @routes.post("/{account}/test")
    async def test(company: UUID, account: UUID, access: Access = operator(deps)) -> dict[str, Any]:
        """Ask the system who it is; the answer says how the connection is, and what to do."""
        found = await connections.find(deps, company, account)
        return await connections.test(deps, company, found, access.person.actor)

    @routes.post("/{account}/disconnect")
    async def disconnect(company: UUID, account: UUID, access: Access = admin(deps)) -> dict[str, Any]:
        """End the connection here and at the system. Records, links and history stay, for when it is connected again.

        `revoked` is false where the system did not answer; then end it there as well.
        """
        found = await connections.find(deps, company, account)
        return await connections.disconnect(deps, company, found, access.person.actor)

    @routes.post("/{account}/notifications", status_code=202)
    async def notify(
        company: UUID, account: UUID, body: Hints, access: Access = operator(deps)
    ) -> dict[str, Any]:
        """Say that records may have moved; Muster reads them."""
        await connections.find(deps, company, account)
        hints = [
            SourceChanged(record_id=record_id(account, i), account_id=account, remote_id=i)
            for i in dict.fromkeys(body.remote_ids)
        ]
        actor = access.person.actor
        async with deps.database.transaction([company]) as tx:
            await deps.outbox.append(
                tx, [Outgoing(h, company, lane=Lane.REAL_TIME, actor=actor) for h in hints]
            )
        return {"accepted": len(hints)}

    return routes


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _account(company: UUID, body: NewAccount) -> Account:
    try:
        for url in filter(None, (body.base_url, body.credential.token_url)):
            check_base_url(url)
            checked_url(url)
    except ValueError as error:
        raise ProblemError("invalid", f"{str(error).capitalize()}.") from None
    return Account(
        account_id=account_id(company, body.system.value, body.environment, body.tenant_id),
        system=body.system,
        environment=body.environment,
        tenant_id=body.tenant_id,
        name=body.name,
        base_url=checked_url(body.base_url),
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
