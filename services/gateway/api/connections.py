"""How accounts are connected, tested and let go. The two systems are asked here, because a person waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.gateway.api.common import Deps, change_settings
from services.gateway.store import companies
from shared.connectors import oauth
from shared.connectors.client import Http, make_connector
from shared.connectors.ports import Tenant
from shared.connectors.vault import Credential, Health
from shared.contracts.reasons import SYSTEMS, connection_words
from shared.contracts.records import Account, CompanySettings
from shared.errors import MusterError, Unauthorized, Unavailable
from shared.http.problems import ProblemError


async def connect(
    deps: Deps, company: UUID, account: Account, credential: Credential, actor: str
) -> dict[str, Any]:
    """Keep the credential if the system takes it and is the one named; then the account is the company's."""
    tenant = await _keep(deps, company, account, credential)
    account = account.model_copy(
        update={"name": account.name or tenant.name or SYSTEMS[account.system], "features": tenant.features}
    )
    await _put(deps, company, actor, account)
    return await shown(deps, company, account)


async def test(deps: Deps, company: UUID, account: Account, actor: str) -> dict[str, Any]:
    """Ask the system who it is. What comes of it is a state, never an error of the request."""
    try:
        tenant = await _ask(deps, company, account)
    except ProblemError as error:
        if "state" not in error.more:
            raise
        return await shown(deps, company, account)
    told = account.model_copy(update={"features": tenant.features})
    if told != account:
        await _put(deps, company, actor, told)
    return await shown(deps, company, told)


async def disconnect(deps: Deps, company: UUID, account: Account, actor: str) -> dict[str, Any]:
    """Close everything that would call it, end its tokens at the other side, and throw them away."""
    account = account.model_copy(update={"connected": False})
    await _put(deps, company, actor, account)
    revoked = True
    try:
        credential = await deps.vault.load(company, account.account_id)
        async with _http(account, account.base_url) as http:
            await oauth.revoke(http, credential)
    except Unauthorized:
        pass  # there is nothing that works
    except Unavailable:
        revoked = False
    await deps.vault.forget(company, account.account_id)
    return {**await shown(deps, company, account), "revoked": revoked}


async def exchange(deps: Deps, account: Account, code: str, redirect_uri: str) -> Credential:
    """What a callback's code stands for."""
    application = deps.settings.application
    async with _http(account, application.token_url) as http:
        try:
            return await oauth.exchange_code(http, application, code, redirect_uri, deps.clock)
        except Unauthorized as error:
            if error.state == "wrong_application":
                raise refusal(error.state, account) from None
            raise ProblemError(
                "conflict", "This permission has been used or is too old. Begin again."
            ) from None


async def shown(deps: Deps, company: UUID, account: Account, health: Health | None = None) -> dict[str, Any]:
    """An account, how its connection is and what to do, and what its calls have used of the budget."""
    if health is None:
        found = await deps.vault.health(company)
        health = next((h for h in found if h.account_id == account.account_id), None)
    state = health.state if health else "connected"
    if not account.connected:
        state = "disconnected"
    words = connection_words(state, account.system)
    return {
        **account.model_dump(mode="json"),
        "state": state,
        "state_text": words.text,
        "fix": words.fix,
        "problem": health.problem if health else "",
        "reconnect_by": health.reconnect_by if health else None,
        "budget": asdict(await deps.limits.budget(company, account)),
    }


@asynccontextmanager
async def _http(account: Account, address: str) -> AsyncIterator[Http]:
    http = Http(account.system, address)
    try:
        yield http
    finally:
        await http.close()


def refusal(state: str, account: Account) -> ProblemError:
    """The problem that a state is to who wants to connect."""
    words = connection_words(state, account.system)
    return ProblemError("conflict", f"{words.text} {words.fix}", state=state)


async def find(deps: Deps, company: UUID, account: UUID) -> Account:
    """The company's account. Raises `not-found`."""
    async with deps.database.transaction([company]) as tx:
        (settings,) = await companies.load_companies(tx, [company])
    found = settings.account(account)
    if found is None:
        raise ProblemError("not-found", "There is no such account here.")
    return found


async def _put(deps: Deps, company: UUID, actor: str, account: Account) -> None:
    def change(settings: CompanySettings) -> CompanySettings:
        others = (a for a in settings.accounts if a.account_id != account.account_id)
        ordered = sorted((*others, account), key=lambda a: (a.system, a.environment, a.tenant_id))
        return settings.model_copy(update={"accounts": tuple(ordered)})

    async with deps.database.transaction([company]) as tx:
        await change_settings(deps, tx, company, actor, change)


async def _keep(deps: Deps, company: UUID, account: Account, credential: Credential) -> Tenant:
    """Keep a credential and use it, as it may be renewed by that; one that fails gives way to the one that worked.

    The one that is stored already, and perhaps rotated since, is not stored again.
    """
    place = account.account_id
    try:
        before = await deps.vault.load(company, place)
    except Unauthorized:
        before = None
    if before is None or not credential.given or before.given != credential.given:
        await deps.vault.save(company, place, credential)
    else:
        before = None
    try:
        return await _ask(deps, company, account)
    except BaseException as error:
        if before is not None:
            await deps.vault.save(company, place, before)
        elif isinstance(error, ProblemError):
            await deps.vault.mark(
                company, place, error.more.get("state", "reconnect"), "refused when it was connected"
            )
        raise


async def _ask(deps: Deps, company: UUID, account: Account) -> Tenant:
    """Who the system says it is. Raises the problem that its state is."""
    connector = make_connector(account, company, deps.vault, deps.limits, deps.clock)
    try:
        tenant = await connector.test()
    except Unavailable:
        raise
    except Unauthorized as error:
        raise refusal(error.state, account) from None
    except MusterError:
        raise ProblemError("conflict", "The system refused the credential. Check it and try again.") from None
    finally:
        await connector.close()
    if tenant.tenant_id != account.tenant_id:
        await deps.vault.mark(company, account.account_id, "wrong_company", "another tenant answered")
        raise refusal("wrong_company", account)
    return tenant
