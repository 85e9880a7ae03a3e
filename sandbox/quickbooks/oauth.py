"""Intuit's token, revocation and discovery addresses."""

from __future__ import annotations

import base64
import binascii
import hmac
from urllib.parse import parse_qs

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from sandbox import faults as trouble
from sandbox.quickbooks.tokens import Client, Granted, Tokens
from sandbox.state import Sandbox

PUBLIC_DOCUMENTS = ("openid_configuration", "openid_sandbox_configuration")


def _client_given(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form or of a JSON object; nothing when the body is neither."""
    raw = await request.body()
    try:
        if "json" in request.headers.get("content-type", ""):
            return {str(key): str(value) for key, value in orjson.loads(raw).items()}
        return {key: values[0] for key, values in parse_qs(raw.decode()).items()}
    except (ValueError, AttributeError):
        return {}


def _known(client: Client, given: tuple[str, str]) -> bool:
    wanted = f"{client.client_id}:{client.client_secret}".encode()
    return hmac.compare_digest(":".join(given).encode(), wanted)


def _error(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)


def _answer(client: Client, granted: Granted, *, hard: bool) -> Response:
    body: dict[str, str | int] = {
        "access_token": granted.access,
        "refresh_token": granted.refresh,
        "token_type": "bearer",
        "expires_in": client.access_seconds,
        "x_refresh_token_expires_in": granted.refresh_seconds,
    }
    if hard:
        body["x_refresh_token_hard_expires_in"] = granted.hard_seconds
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def make_oauth(sandbox: Sandbox, client: Client, tokens: Tokens) -> APIRouter:
    """The authorization server's routes for applications."""
    router = APIRouter()

    async def token(request: Request) -> Response:
        form = await _form(request)
        sandbox.calls["token"] += 1
        rule = sandbox.faults.find("token", "", form.get("grant_type", ""))
        early = await trouble.before(rule)
        if early is not None:
            return early
        if rule is not None and rule.action == "fault":
            description = rule.message or "Incorrect or invalid refresh token"
            return _error(rule.status or 400, rule.code or "invalid_grant", description)
        return await trouble.after(rule, granted(request, form))

    def granted(request: Request, form: dict[str, str]) -> Response:
        if not _known(client, _client_given(request, form)):
            return _error(401, "invalid_client", "Client authentication failed")
        grant, seconds = form.get("grant_type"), client.access_seconds
        if grant == "authorization_code":
            pair = tokens.exchange(form.get("code", ""), form.get("redirect_uri", ""), seconds)
        elif grant == "refresh_token":
            pair = tokens.refresh(form.get("refresh_token", ""), seconds)
        else:
            return _error(400, "unsupported_grant_type", f"unknown grant type {grant}")
        if pair is None:
            return _error(400, "invalid_grant", "Incorrect or invalid refresh token")
        hard = request.headers.get("x-include-refresh-token-hard-expires-in") == "true"
        return _answer(client, pair, hard=hard)

    async def revoke(request: Request) -> Response:
        form = await _form(request)
        if not _known(client, _client_given(request, form)):
            return _error(401, "invalid_client", "Client authentication failed")
        value = form.get("token", "")
        realm = tokens.scope(value, "refresh") or tokens.scope(value, "access")
        if realm is None:
            return _error(400, "invalid_request", "unknown token")
        tokens.disconnect(realm)
        return Response(status_code=200)

    async def discovery(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        return JSONResponse(
            {
                "issuer": f"{base}/op/v1",
                "authorization_endpoint": f"{base}/connect/oauth2",
                "token_endpoint": f"{base}/oauth2/v1/tokens/bearer",
                "revocation_endpoint": f"{base}/v2/oauth2/tokens/revoke",
                "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
                "jwks_uri": f"{base}/op/v1/jwks",
                "response_types_supported": ["code"],
                "scopes_supported": ["com.intuit.quickbooks.accounting"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    async def userinfo(request: Request) -> Response:
        """Refused as at Intuit to a token without the scope openid, which nobody gets here."""
        return _error(403, "insufficient_scope", "The token lacks the scope openid")

    async def keys(request: Request) -> Response:
        """No identity token is ever signed here."""
        return JSONResponse({"keys": []})

    router.add_api_route("/v1/openid_connect/userinfo", userinfo, methods=["GET"], response_model=None)
    router.add_api_route("/op/v1/jwks", keys, methods=["GET"], response_model=None)
    router.add_api_route("/oauth2/v1/tokens/bearer", token, methods=["POST"], response_model=None)
    router.add_api_route("/v2/oauth2/tokens/revoke", revoke, methods=["POST"], response_model=None)
    for name in PUBLIC_DOCUMENTS:
        router.add_api_route(f"/.well-known/{name}", discovery, methods=["GET"], response_model=None)
        router.add_api_route(f"/.well-known/{name}/", discovery, methods=["GET"], response_model=None)
    return router
