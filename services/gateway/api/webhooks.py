"""An account's webhooks: where they are sent, with which secret, and whether they arrive."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import httpx
from fastapi import APIRouter, Request

from services.gateway.api import connections
from services.gateway.api.callers import admin, operator, viewer
from services.gateway.api.common import Access, Deps, record
from services.gateway.core import good_secrets, rotated
from services.gateway.settings import Settings
from services.gateway.store import webhooks as store
from shared.connectors.opening import webhooks_of
from shared.contracts.webhooks import WebhookSecret, WebhookTest, WebhookView
from shared.db.seal import Sealer
from shared.domain.settings import Account
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS

_WAIT_SECONDS = 5.0


def make(deps: Deps) -> APIRouter:
    """Webhooks of one account."""
    routes = APIRouter(prefix="/v1/companies/{company}/accounts/{account}/webhook", tags=["webhooks"])

    @routes.get("", response_model=WebhookView)
    async def webhook(company: UUID, account: UUID, _: Access = viewer(deps)) -> dict[str, Any]:
        """Where the system sends this account's changes, and when the last one came."""
        found = await connections.find(deps, company, account)
        async with deps.database.transaction([company]) as tx:
            row = await store.show_webhook(tx, company, account)
        shared = SYSTEMS[found.system].one_webhook
        return {
            "address": _address(deps.settings, found),
            "secret_from": "installation" if shared else "account",
            "has_secret": bool(deps.settings.application.verifiers())
            if shared
            else bool(row and row["has_secret"]),
            "secret_made_at": row["secret_made_at"] if row else None,
            "last_received_at": row["last_received_at"] if row else None,
        }

    @routes.post("/secret", response_model=WebhookSecret)
    async def new_secret(
        company: UUID, account: UUID, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Make a secret for the system to sign with, shown only once; the one before is accepted for one more day."""
        found = await connections.find(deps, company, account)
        if SYSTEMS[found.system].one_webhook:
            label = SYSTEMS[found.system].label
            detail = (
                f"{label}'s developer portal gives the secret. It is a setting of this Muster: "
                "MUSTER_APPLICATION__VERIFIER_TOKENS."
            )
            raise ProblemError("conflict", detail)
        secret, now = webhooks_of(found.system).new_secret(), deps.clock.now()
        async with deps.database.transaction([company]) as tx:
            await store.put_account(tx, company, found)
            row = await store.lock_secrets(tx, company, account)
            assert row is not None
            sealer = Sealer(deps.settings.vault.listed())
            secrets = rotated(store.open_secrets(sealer, row), secret, now)
            await store.save_secrets(tx, sealer, company, account, secrets)
            await record(tx, access, request, "webhook.secret", f"account:{account}")
        await deps.on_webhooks()
        until = secrets[1].until if len(secrets) > 1 else None
        return {"address": _address(deps.settings, found), "secret": secret, "previous_until": until}

    @routes.post("/test", response_model=WebhookTest)
    async def try_webhook(company: UUID, account: UUID, _: Access = operator(deps)) -> dict[str, Any]:
        """Send a signed delivery to the account's address, as the system would; it names no employee."""
        found = await connections.find(deps, company, account)
        now = deps.clock.now()
        if SYSTEMS[found.system].one_webhook:
            secrets = deps.settings.application.verifiers()
        else:
            async with deps.database.transaction([company]) as tx:
                row = await store.lock_secrets(tx, company, account)
            sealer = Sealer(deps.settings.vault.listed())
            secrets = good_secrets(store.open_secrets(sealer, row), now) if row else []
        if not secrets:
            raise ProblemError("conflict", "There is no secret yet that a delivery could be signed with.")
        return await _try(
            _address(deps.settings, found),
            *webhooks_of(found.system).sample(found.tenant_id, secrets[0], now),
        )

    return routes


async def _try(address: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    began = time.monotonic()
    status, detail = None, ""
    try:
        async with httpx.AsyncClient(timeout=_WAIT_SECONDS, trust_env=False) as http:
            answer = await http.post(address, content=body, headers=headers)
        status = answer.status_code
    except httpx.HTTPError as error:
        detail = f"The address does not answer ({type(error).__name__}). Is it reachable from outside?"
    delivered = status == httpx.codes.OK
    if status is not None and not delivered:
        detail = f"The address answered {status}."
    return {
        "delivered": delivered,
        "status": status,
        "milliseconds": round((time.monotonic() - began) * 1000),
        "detail": detail,
    }


def _address(settings: Settings, account: Account) -> str:
    """Where the system sends to: below the address that browsers use, too."""
    base = settings.public_url.rstrip("/") or f"http://127.0.0.1:{settings.http.port}"
    path = f"/webhooks/{account.system}"
    return base + (path if SYSTEMS[account.system].one_webhook else f"{path}/{account.account_id}")
