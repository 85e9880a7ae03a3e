"""Connecting QuickBooks Online by OAuth 2: to Intuit's page and back, in one session, once, within ten minutes."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from html import escape
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from services.gateway.api import connections
from services.gateway.api.callers import admin, session_cookie, signed_in
from services.gateway.api.common import Access, Deps, Input, source_of
from services.gateway.api.needs import Need, needing
from services.gateway.core import secret_hash
from services.gateway.store import authorisations, webhooks
from services.gateway.store.authorisations import Authorisation
from shared.connectors.oauth import authorise_url
from shared.domain.ids import account_id
from shared.domain.settings import Account
from shared.domain.visibility import Role
from shared.http.problems import TYPES, ProblemError
from shared.systems.quickbooks import SYSTEM

CALLBACK = "/v1/oauth/quickbooks/callback"
MINUTES = 10
_REALM = re.compile(r"[0-9]{1,30}")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body><main><h1>{title}</h1><p>{text}</p><p><a href="/">Back to Muster</a></p></main></body></html>
"""


class NewAuthorisation(Input):
    """What is to be connected: a company of this environment; with `account_id`, that account again and no other."""

    environment: Literal["production", "sandbox"]
    account_id: UUID | None = None


class Begun(BaseModel):
    """Where the person's browser goes, and until when it must be back."""

    url: str
    expires_at: datetime


def make(deps: Deps) -> APIRouter:
    """The way to Intuit's page and back."""
    routes = APIRouter(tags=["accounts"])

    @routes.post("/v1/companies/{company}/accounts/authorise", status_code=201)
    async def authorise(
        company: UUID, body: NewAuthorisation, request: Request, access: Access = admin(deps)
    ) -> Begun:
        """Begin to connect QuickBooks Online: open `url` in the browser of this session, and allow it there."""
        application = deps.settings.application
        session = _session(deps, request)
        if not application.client_id:
            raise ProblemError(
                "conflict",
                "Muster has no client id of Intuit's yet. The operator sets MUSTER_APPLICATION__CLIENT_ID.",
            )
        if body.account_id is not None:
            known = await connections.find(deps, company, body.account_id)
            if (known.system, known.environment) != (SYSTEM.id, body.environment):
                raise ProblemError(
                    "invalid", "The account is not one of QuickBooks Online in this environment."
                )
        state = secrets.token_urlsafe(32)
        uri = (deps.settings.public_url or str(request.base_url)).rstrip("/") + CALLBACK
        begun = Authorisation(access.company, body.account_id, body.environment, uri)
        async with deps.database.system() as tx:
            await authorisations.begin_authorisation(tx, secret_hash(state), session, begun)
        until = deps.clock.now() + timedelta(minutes=MINUTES)
        return Begun(url=authorise_url(application, uri, state), expires_at=until)

    @routes.get(CALLBACK, response_model=None, dependencies=[needing(Need.ACCOUNT, _judged_below)])
    async def finish_authorisation(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=2000)] = "",
        realm: Annotated[str, Query(alias="realmId", max_length=50)] = "",
        error: Annotated[str, Query(max_length=200)] = "",
    ) -> Response | dict[str, Any]:
        """Intuit's page sends the browser here, which goes on to the page of the connections; others get the account as JSON."""
        page = "text/html" in request.headers.get("accept", "")
        try:
            account = await _finish(deps, request, state, code, realm, refused=bool(error))
        except ProblemError as wrong:
            if not page:
                raise
            return _shown(TYPES[wrong.kind][0], "Not connected", wrong.detail)
        if page:
            where = f"/c/{account['company_id']}/connections?connected={account['account_id']}"
            return RedirectResponse(where, status_code=303)
        return account

    return routes


def _judged_below() -> None:
    """Browsers are told on a page: `_finish` sees who comes back, and that they are an administrator still."""


async def _finish(
    deps: Deps, request: Request, state: str, code: str, realm: str, *, refused: bool
) -> dict[str, Any]:
    person, roles = await signed_in(deps, request)
    async with deps.database.system() as tx:
        begun = await authorisations.take_authorisation(tx, secret_hash(state), _session(deps, request))
    if begun is None:
        raise ProblemError(
            "gone",
            "This attempt is over ten minutes old, was used before, or began in another session. Begin again; if you began "
            "in a terminal, give it the address of this page.",
        )
    if roles.get(begun.company_id, 0) < Role.ADMIN:
        raise ProblemError("forbidden", "This needs the role admin. Ask the Company Administrator.")
    if refused:
        raise ProblemError(
            "conflict",
            "Access to QuickBooks Online was not granted; nothing has changed. Connect again to retry.",
        )
    if not code or not _REALM.fullmatch(realm):
        raise ProblemError("invalid", "QuickBooks Online sent no code or no company. Begin again.")
    account = _account(deps, begun, realm)
    if begun.account_id not in (None, account.account_id):
        raise connections.refusal("wrong_company", account)
    # Before the code is exchanged: Intuit then ends the tokens that the same company had before.
    async with deps.database.system() as tx:
        elsewhere = await webhooks.is_connected_elsewhere(tx, begun.company_id, account)
    if elsewhere:
        raise ProblemError(
            "conflict",
            "Another company in Muster is connected with this QuickBooks company, and a second connection would end the first. "
            "Disconnect it there, or choose another QuickBooks company.",
        )
    credential = await connections.exchange(deps, account, code, begun.redirect_uri)
    made = await connections.connect(
        deps, begun.company_id, account, credential, person.actor, source_of(request)
    )
    return made | {"company_id": begun.company_id}


def _account(deps: Deps, begun: Authorisation, realm: str) -> Account:
    application = deps.settings.application
    place = begun.environment, realm
    return Account(
        account_id=account_id(begun.company_id, SYSTEM.id, *place),
        system=SYSTEM.id,
        environment=begun.environment,
        tenant_id=realm,
        base_url=application.production_url if begun.environment == "production" else application.sandbox_url,
    )


def _session(deps: Deps, request: Request) -> bytes:
    cookie = session_cookie(deps, request)
    if cookie is None or "authorization" in request.headers:
        raise ProblemError(
            "forbidden", "An API key cannot connect QuickBooks Online. Sign in with a browser."
        )
    return secret_hash(cookie)


def _shown(status: int, title: str, text: str) -> Response:
    return HTMLResponse(_PAGE.format(title=escape(title), text=escape(text)), status)
