"""A provider of OpenID Connect: discovery, its keys, codes for tokens, and ID tokens judged strictly.

OpenID Connect Core 1.0 (sections 3.1.2 to 3.1.3.7), Discovery 1.0, PKCE (RFC 7636).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import jwt

from shared.errors import Unavailable
from shared.settings import SsoSettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by the provider's private key; never `none`, and never one by a secret that both sides hold."""
LEEWAY_SECONDS = 60
"""For clocks that differ."""
FRESH_SECONDS = 3_600.0
PAUSE_SECONDS = 10.0
"""Between two looks at the keys because of one that is not known: a stranger's tokens must not make us ask without end."""
_METADATA = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class TokenError(Exception):
    """A code or an ID token that does not let anybody in. The text is for engineers and holds no value of it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the provider's discovery document and its key set said, and when by the monotonic clock."""

    metadata: Mapping[str, Any]
    keys: Mapping[str | None, jwt.PyJWK]
    read_at: float


@dataclass(slots=True)
class Provider:
    """The provider that an installation trusts. Every method raises `Unavailable` where it does not answer."""

    settings: SsoSettings
    _client: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(timeout=10.0, follow_redirects=False)
    )
    _known: Known | None = None

    async def close(self) -> None:
        """End its connections."""
        await self._client.aclose()

    async def authorise_url(self, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where a person's browser goes."""
        known = await self._read()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.settings.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = known.metadata["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def claims(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> dict[str, Any]:
        """Who the code stands for, with the groups claim where the provider has it. Raises `TokenError`."""
        known = await self._read()
        answer = await self._token(known, code, redirect_uri, verifier)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise TokenError("no ID token")
        claims = await self._checked(token, nonce)
        access, endpoint = answer.get("access_token"), known.metadata.get("userinfo_endpoint")
        if self.settings.groups_claim not in claims and isinstance(access, str) and endpoint:
            more = await self._json("GET", endpoint, headers={"Authorization": f"Bearer {access}"})
            if more.get("sub") != claims["sub"]:
                raise TokenError("user information of somebody else")
            claims = {**more, **claims}
        return claims

    async def _token(self, known: Known, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        client, secret = self.settings.client_id, self.settings.client_secret.get_secret_value()
        methods = known.metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        more: dict[str, Any] = {}
        if not secret:
            form["client_id"] = client
        elif "client_secret_basic" in methods:  # both parts are encoded first: RFC 6749, section 2.3.1
            more["auth"] = (quote(client, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": client, "client_secret": secret}
        return await self._json("POST", known.metadata["token_endpoint"], data=form, **more)

    async def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token of this provider, for us and this attempt, that is good now. Raises `TokenError`."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise TokenError("an algorithm that is not accepted")
            key = await self._key(header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self.settings.client_id,
                issuer=self.settings.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise TokenError(type(error).__name__) from None
        if claims["nonce"] != nonce:
            raise TokenError("the nonce of another attempt")
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self.settings.client_id:
            raise TokenError("made for somebody else")
        return claims

    async def _key(self, kid: str | None) -> jwt.PyJWK:
        """The provider's key; its key set is read again where it has rotated."""
        known = await self._read()
        if kid not in known.keys and time.monotonic() - known.read_at > PAUSE_SECONDS:
            known = await self._read(again=True)
        found = known.keys.get(kid)
        if found is None and kid is None and len(known.keys) == 1:
            (found,) = known.keys.values()
        if found is None:
            raise TokenError("a key that the provider does not have")
        return found

    async def _read(self, *, again: bool = False) -> Known:
        known = self._known
        if known is not None and not again and time.monotonic() - known.read_at < FRESH_SECONDS:
            return known
        issuer = self.settings.issuer
        metadata = await self._json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata.get("issuer") != issuer:
            raise Unavailable("single sign-on: the provider calls itself otherwise than MUSTER_SSO__ISSUER")
        local = issuer.startswith("http://")
        for name in _METADATA:
            if not str(metadata.get(name, "")).startswith(("https://", "http://") if local else "https://"):
                raise Unavailable(f"single sign-on: the provider's {name} is no https address")
        keys = (await self._json("GET", metadata["jwks_uri"])).get("keys") or []
        self._known = Known(metadata, dict(_signing(keys)), time.monotonic())
        return self._known

    async def _json(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """Raises `TokenError` for a refusal (a 4xx)."""
        try:
            answer = await self._client.request(method, url, **more)
        except httpx.HTTPError as error:
            raise Unavailable(f"single sign-on: {type(error).__name__}") from None
        if answer.is_client_error:
            raise TokenError(f"the provider refused with {answer.status_code}")
        if not answer.is_success:
            raise Unavailable(f"single sign-on: the provider answered {answer.status_code}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unavailable("single sign-on: the provider did not answer with a JSON object")
        return found


def _signing(keys: list[Any]) -> list[tuple[str | None, jwt.PyJWK]]:
    """The keys that signatures are checked with; those that this Muster cannot use are left out."""
    found: list[tuple[str | None, jwt.PyJWK]] = []
    for one in keys:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            found.append((one.get("kid"), jwt.PyJWK(one)))
        except jwt.PyJWTError:
            continue
    return found
