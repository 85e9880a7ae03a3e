"""How accounts are connected, tested and let go. The two systems are asked here, because a person waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.gateway.api.common import Deps, change_settings
from services.gateway.store import companies, webhooks
from services.gateway.store.audit import Entry, Source, add_entry
from shared.connectors import oauth
from shared.connectors.client import Http, guarded
from shared.connectors.opening import make_connector
from shared.connectors.ports import Tenant
from shared.connectors.vault import Credential, Health
from shared.domain.reasons import connection_words, directory_words
from shared.domain.settings import Account, CompanySettings
from shared.egress import Blocked
from shared.errors import MusterError, Unauthorized, Unavailable
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS


async def connect(
    deps: Deps, company: UUID, account: Account, credential: Credential, actor: str, source: Source
) -> dict[str, Any]:
    """Keep the credential if the system takes it and is the one named; then the account is the company's."""
    tenant = await _keep(deps, company, account, credential)
    account = account.model_copy(
        update={
            "name": account.name or tenant.name or SYSTEMS[account.system].label,
            "features": tenant.features,
        }
    )
    await _put(deps, company, actor, account, Entry("connection.made", actor, source, _subject(account)))
    return await shown(deps, company, account)


async def test(deps: Deps, company: UUID, account: Account, actor: str) -> dict[str, Any]:
    """Ask the system who it is, unless it is paused. What comes of it is a state, never an error of the request."""
    before = await shown(deps, company, account)
    if before["state"] == "paused":
        return before
    try:
        tenant = await _ask(deps, company, account)
    except ProblemError as error:
        if "state" not in error.more:
            raise
        return await shown(deps, company, account)
    updated = account.model_copy(update={"features": tenant.features})
    if updated != account:
        await _put(deps, company, actor, updated)
    return await shown(deps, company, updated)


async def disconnect(
    deps: Deps, company: UUID, account: Account, actor: str, source: Source
) -> dict[str, Any]:
    """Close everything that would call it, end its tokens at the other side, and throw them away."""
    account = account.model_copy(update={"connected": False})
    await _put(deps, company, actor, account, Entry("connection.ended", actor, source, _subject(account)))
    revoked = True
    try:
        credential = await deps.vault.load(company, account.account_id, paused=True)
        async with _http(deps, account, account.base_url) as http:
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
    async with _http(deps, account, application.token_url) as http:
        try:
            return await oauth.exchange_code(
                http, account.system, application, code, redirect_uri, deps.clock
            )
        except Unauthorized as error:
            if error.state == "wrong_application":
                raise refusal(error.state, account) from None
            raise ProblemError(
                "conflict", "This authorization was already used or has expired. Start again."
            ) from None


async def shown(deps: Deps, company: UUID, account: Account, health: Health | None = None) -> dict[str, Any]:
    """An account, how its connection is and what to do, and what its calls have used of the budget."""
    if health is None:
        found = await deps.vault.health(company)
        health = next((h for h in found if h.account_id == account.account_id), None)
    state = health.state if health else "connected"
    if not account.connected:
        state = "disconnected"
    label = SYSTEMS[account.system].label
    words = connection_words(state, label)
    budget = await deps.limits.budget(company, account)
    warning = (health.warning if health else "") or ("calls_running_out" if budget.lasts_until else "")
    count, total = (health.warning_count, health.warning_total) if health else (0, 0)
    about = directory_words(warning, label, count, total)
    return {
        **account.model_dump(mode="json"),
        "state": state,
        "state_text": words.text,
        "fix": words.fix,
        "problem": health.problem if health else "",
        "warning": warning,
        "warning_text": f"{about.text} {about.fix}".strip(),
        "warning_count": count,
        "warning_total": total,
        "reconnect_by": health.reconnect_by if health else None,
        "renewed_at": health.renewed_at if health and state != "disconnected" else None,
        "token_until": health.expires_at if health else None,
        "budget": asdict(budget),
    }


@asynccontextmanager
async def _http(deps: Deps, account: Account, address: str) -> AsyncIterator[Http]:
    http = Http(account.system, address, guarded(account.system, deps.settings.egress))
    try:
        yield http
    finally:
        await http.close()


def refusal(state: str, account: Account) -> ProblemError:
    """The problem that a state is to who wants to connect."""
    words = connection_words(state, SYSTEMS[account.system].label)
    return ProblemError("conflict", f"{words.text} {words.fix}", state=state)


async def find(deps: Deps, company: UUID, account: UUID) -> Account:
    """The company's account. Raises `not-found`."""
    async with deps.database.transaction([company]) as tx:
        (settings,) = await companies.load_companies(tx, [company])
    found = settings.account(account)
    if found is None:
        raise ProblemError("not-found", "There is no such account here.")
    return found


def _subject(account: Account) -> str:
    return f"account:{account.account_id}"


async def _put(deps: Deps, company: UUID, actor: str, account: Account, entry: Entry | None = None) -> None:
    def change(settings: CompanySettings) -> CompanySettings:
        others = (a for a in settings.accounts if a.account_id != account.account_id)
        ordered = sorted((*others, account), key=lambda a: (a.system, a.environment, a.tenant_id))
        return settings.model_copy(update={"accounts": tuple(ordered)})

    async with deps.database.transaction([company]) as tx:
        await change_settings(deps, tx, company, actor, change)
        await webhooks.put_account(tx, company, account)
        if entry is not None:
            await add_entry(tx, [company], entry)
    await deps.on_webhooks()


async def _keep(deps: Deps, company: UUID, account: Account, credential: Credential) -> Tenant:
    """Keep a credential and use it, as it may be renewed by that; one that fails gives way to the one that worked.

    The one that is stored already, and perhaps rotated since, is not stored again.
    """
    place = account.account_id
    try:
        before = await deps.vault.load(company, place, paused=True)
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
    connector = make_connector(account, company, deps.vault, deps.limits, deps.clock, deps.settings.egress)
    try:
        tenant = await connector.test()
    except Blocked:
        raise ProblemError(
            "conflict",
            "Muster is not allowed to call this host. Ask an installation administrator to add it to MUSTER_EGRESS__HOSTS.",
        ) from None
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
