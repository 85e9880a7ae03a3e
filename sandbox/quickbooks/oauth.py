"""Intuit's OAuth 2: authorize, token, revoke, and who may call for which realm."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from sandbox.admin import Sandbox

REFRESH_SECONDS = 8_726_400
HARD_SECONDS = 156_032_154
CODE_SECONDS = 600
DAY = 24 * 3600
ANY = "*"

SPEND = "UPDATE tokens SET kind = 'spent' WHERE scope = ? AND kind <> 'spent'"
SPEND_ONE = "UPDATE tokens SET kind = 'spent' WHERE value = ?"
FIND = "SELECT scope FROM tokens WHERE value = ? AND kind = ? AND expires_at > ?"


@dataclass(frozen=True, slots=True)
class Client:
    """The one registered application and the life of its access tokens."""

    client_id: str
    client_secret: str
    access_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Tokens:
    """Issued codes and tokens, kept so that they survive a restart; a spent value never comes back."""

    box: Sandbox

    def keep(self, value: str, kind: str, scope: str, seconds: int) -> None:
        """Store a value unless it was known before."""
        expires = self.box.store.now() + seconds * 1_000_000
        self.box.store.db.execute(
            "INSERT OR IGNORE INTO tokens VALUES (?, ?, ?, ?)", (value, kind, scope, expires)
        )

    def issue(self, kind: str, scope: str, seconds: int) -> str:
        value = f"{kind}-{secrets.token_urlsafe(24)}"
        self.keep(value, kind, scope, seconds)
        return value

    def scope(self, value: str, kind: str) -> str | None:
        """The realm a live value stands for, or `ANY`."""
        found = self.box.store.db.execute(FIND, (value, kind, self.box.store.now())).fetchone()
        return str(found[0]) if found else None

    def spend(self, value: str) -> None:
        self.box.store.db.execute(SPEND_ONE, (value,))

    def expire(self, value: str, seconds: int) -> None:
        expires = self.box.store.now() + seconds * 1_000_000
        self.box.store.db.execute("UPDATE tokens SET expires_at = ? WHERE value = ?", (expires, value))

    def disconnect(self, scope: str) -> None:
        self.box.store.db.execute(SPEND, (scope,))

    def expire_access(self) -> None:
        """End every access token, as an hour would."""
        self.box.store.db.execute("DELETE FROM tokens WHERE kind = 'access'")


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
    raw = await request.body()
    if "json" in request.headers.get("content-type", ""):
        return {str(key): str(value) for key, value in orjson.loads(raw).items()}
    return {key: values[0] for key, values in parse_qs(raw.decode()).items()}


def _known(client: Client, given: tuple[str, str]) -> bool:
    wanted = f"{client.client_id}:{client.client_secret}".encode()
    return hmac.compare_digest(":".join(given).encode(), wanted)


def _error(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)


def make_oauth(box: Sandbox, client: Client, tokens: Tokens) -> APIRouter:
    """The authorization server's routes."""
    router = APIRouter()

    async def authorize(request: Request) -> Response:
        """Consent at once and go back with code, state and realmId; `realm` picks the company."""
        asked = request.query_params
        realm = asked.get("realm", box.scopes[0])
        if (
            asked.get("client_id") != client.client_id
            or realm not in box.scopes
            or "redirect_uri" not in asked
        ):
            return _error(400, "invalid_request", "client_id, redirect_uri or realm is missing or unknown")
        code = tokens.issue("code", realm, CODE_SECONDS)
        back = urlencode({"code": code, "state": asked.get("state", ""), "realmId": realm})
        address = asked["redirect_uri"]
        return RedirectResponse(f"{address}{'&' if '?' in address else '?'}{back}", 302)

    async def token(request: Request) -> Response:
        form = await _form(request)
        box.calls["token"] += 1
        if not _known(client, _client_given(request, form)):
            return _error(401, "invalid_client", "Client authentication failed")
        grant = form.get("grant_type")
        if grant == "authorization_code":
            pair = _first_pair(form.get("code", ""))
        elif grant == "refresh_token":
            pair = _next_pair(form.get("refresh_token", ""))
        else:
            return _error(400, "unsupported_grant_type", f"unknown grant type {grant}")
        if pair is None:
            return _error(400, "invalid_grant", "Incorrect or invalid refresh token")
        access, refresh = pair
        body: dict[str, str | int] = {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "bearer",
            "expires_in": client.access_seconds,
            "x_refresh_token_expires_in": REFRESH_SECONDS,
        }
        if request.headers.get("x-include-refresh-token-hard-expires-in") == "true":
            body["x_refresh_token_hard_expires_in"] = HARD_SECONDS
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    def _first_pair(code: str) -> tuple[str, str] | None:
        with box.store.transaction():
            realm = tokens.scope(code, "code")
            if realm is None:
                return None
            tokens.disconnect(realm)
            access = tokens.issue("access", realm, client.access_seconds)
            return access, tokens.issue("refresh", realm, REFRESH_SECONDS)

    def _next_pair(refresh: str) -> tuple[str, str] | None:
        with box.store.transaction():
            realm = tokens.scope(refresh, "refresh")
            if realm is None:
                return None
            access = tokens.issue("access", realm, client.access_seconds)
            if not box.switches["rotate_refresh"]:
                tokens.expire(refresh, REFRESH_SECONDS)
                return access, refresh
            if box.switches["old_refresh_dies"]:
                tokens.spend(refresh)
            else:
                tokens.expire(refresh, DAY)
            return access, tokens.issue("refresh", realm, REFRESH_SECONDS)

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
                "issuer": "https://oauth.platform.intuit.com/op/v1",
                "authorization_endpoint": f"{base}/connect/oauth2",
                "token_endpoint": f"{base}/oauth2/v1/tokens/bearer",
                "revocation_endpoint": f"{base}/v2/oauth2/tokens/revoke",
                "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
                "jwks_uri": f"{base}/op/v1/jwks",
                "response_types_supported": ["code"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    router.add_api_route("/connect/oauth2", authorize, methods=["GET"], response_model=None)
    router.add_api_route("/oauth2/v1/tokens/bearer", token, methods=["POST"], response_model=None)
    router.add_api_route("/v2/oauth2/tokens/revoke", revoke, methods=["POST"], response_model=None)
    for path in ("openid_configuration", "openid_sandbox_configuration"):
        router.add_api_route(f"/.well-known/{path}", discovery, methods=["GET"], response_model=None)
    return router
