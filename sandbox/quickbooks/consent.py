"""The page on which a person connects a company, as Intuit's app centre shows it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from sandbox import web
from sandbox.quickbooks.tokens import Client, Tokens
from sandbox.state import Sandbox

SCOPE = "com.intuit.quickbooks.accounting"
ASKED = ("client_id", "response_type", "scope", "redirect_uri", "state")


def wrong(asked: Mapping[str, str], client: Client) -> str | None:
    """Why this request may not be answered; then nobody is sent back to an address that nobody vouched for."""
    uri = asked.get("redirect_uri", "")
    address = urlsplit(uri)
    if asked.get("client_id") != client.client_id:
        return "The client_id is missing or not that of the registered application."
    if address.scheme not in ("http", "https") or not address.netloc or address.fragment:
        return "The redirect_uri is missing or not an http address without a fragment."
    if client.redirect_uris and uri not in client.redirect_uris:
        return "The redirect_uri is not among those registered for the application."
    if asked.get("response_type") != "code":
        return "The response_type must be code."
    if SCOPE not in asked.get("scope", "").split():
        return f"The scope must hold {SCOPE}."
    if not asked.get("state"):
        return "The state is missing."
    return None


def make_consent(sandbox: Sandbox, client: Client, tokens: Tokens) -> APIRouter:
    """GET shows the page, POST is its button; with the switch `auto_approve` GET approves at once."""
    router = APIRouter()

    def back(asked: Mapping[str, str], **found: str) -> Response:
        uri = asked["redirect_uri"]
        query = urlencode({**found, "state": asked["state"]})
        return RedirectResponse(f"{uri}{'&' if '?' in uri else '?'}{query}", 303)

    def approved(asked: Mapping[str, str], realm: str) -> Response:
        code = tokens.consent(realm, asked["redirect_uri"])
        return back(asked, code=code, realmId=realm)

    def refused(detail: str) -> Response:
        return web.page(
            "problem.html",
            400,
            brand="QuickBooks Online sandbox",
            title="This application cannot be connected",
            detail=detail,
        )

    async def show(request: Request) -> Response:
        asked = request.query_params
        if (why := wrong(asked, client)) is not None:
            return refused(why)
        chosen = asked.get("realm") or sandbox.scopes[0]
        if chosen not in sandbox.scopes:
            return refused(f"There is no company {chosen} here.")
        if sandbox.on("auto_approve"):
            return approved(asked, chosen)
        return web.page(
            "consent.html",
            client_id=client.client_id,
            host=urlsplit(asked["redirect_uri"]).netloc,
            asked={name: asked[name] for name in ASKED},
            companies=[(realm, f"Sandbox Company {realm[-4:]}") for realm in sandbox.scopes],
            chosen=chosen,
        )

    async def decide(request: Request) -> Response:
        asked = await web.form(request)
        if (why := wrong(asked, client)) is not None:
            return refused(why)
        if asked.get("decision") != "approve":
            return back(asked, error="access_denied")
        realm = asked.get("realm", "")
        return approved(asked, realm) if realm in sandbox.scopes else refused("Choose a company.")

    router.add_api_route("/connect/oauth2", show, methods=["GET"], response_model=None)
    router.add_api_route("/connect/oauth2", decide, methods=["POST"], response_model=None)
    return router
