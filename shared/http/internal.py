"""Reads from another service: the only synchronous calls between services (architecture decision 12)."""

from collections.abc import Callable
from functools import cache
from ssl import SSLContext
from typing import Any, TypeVar
from uuid import UUID

import httpx
import orjson
from pydantic import SecretStr

from shared.http.problems import ProblemError
from shared.telemetry import traces

T = TypeVar("T")
SECONDS = 10.0
_CONNECT_SECONDS = 2.0
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)
"""Idle connections are dropped well before the owner does it (`app.KEEP_ALIVE_SECONDS`): what is asked in that moment is lost."""
_PASSED_ON = frozenset({"not-found", "invalid", "gone", "conflict", "unavailable"})


@cache
def _tls() -> SSLContext:
    """One for all clients: it takes longer to make than everything else about them."""
    return httpx.create_ssl_context(trust_env=False)


class Internal:
    """Reads one service's internal API. When its owner is down the read answers 503 and everything else goes on."""

    def __init__(self, base_url: str, token: SecretStr, service: str) -> None:
        self._service = service
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=httpx.Timeout(SECONDS, connect=_CONNECT_SECONDS),
            limits=_LIMITS,
            trust_env=False,
            verify=_tls(),
        )

    async def get(
        self,
        path: str,
        *,
        company: UUID,
        seconds: float = SECONDS,
        read: Callable[[bytes], Any] = orjson.loads,
        **params: Any,
    ) -> Any:
        """What `read` makes of the JSON at `path`, waited for so long. Raises the owner's own problem, or `unavailable`."""
        asked = {k: v for k, v in params.items() if v is not None}
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        return await self._ask("GET", path, company, read, params=asked, timeout=timeout)

    async def post(
        self, path: str, *, company: UUID, json: Any, read: Callable[[bytes], T], seconds: float = SECONDS
    ) -> T:
        """A read whose question does not fit an address; `read` makes of the JSON what is wanted."""
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        return await self._ask("POST", path, company, read, json=json, timeout=timeout)

    async def _ask(self, method: str, path: str, company: UUID, read: Callable[[bytes], T], **more: Any) -> T:
        try:
            context = traces.traceparent()
            headers = {"traceparent": context} if context else None
            response = await self._client.request(
                method, f"/internal/{company}{path}", headers=headers, **more
            )
        except httpx.HTTPError:
            raise ProblemError(
                "unavailable", f"The {self._service} service does not answer. Try again."
            ) from None
        if response.is_success:
            return read(response.content)
        if response.headers.get("content-type", "").startswith("application/problem+json"):
            body = response.json()
            kind = str(body.get("type", "")).rsplit(":", 1)[-1]
            if kind in _PASSED_ON:
                raise ProblemError(kind, body.get("detail", ""))
        raise ProblemError("unavailable", f"The {self._service} service does not answer. Try again.")

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()
