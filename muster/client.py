"""Muster's public API, as the command line uses it."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import httpx

AWAY_SECONDS = 60.0


class ApiError(Exception):
    """The API answered with a problem; the text is its detail."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


class Client:
    """One signed-in person. A gateway that is away for a moment is waited for, at most `patience` seconds."""

    def __init__(self, base_url: str, patience: float = AWAY_SECONDS) -> None:
        self._patience = patience
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=20, trust_env=False, headers={"X-Muster": "1"}
        )

    async def __aenter__(self) -> Self:
        """Close it with `async with`."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def sign_in(self, email: str, password: str) -> None:
        """Start a session; its cookie is kept."""
        await self.call("POST", "/v1/session", json={"email": email, "password": password})

    def session(self) -> dict[str, str]:
        """The header that carries the session, for a caller that makes its own requests."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())}

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> Any:
        """The JSON answer. `key` is an idempotency key: with it a write is safe to repeat. Raises `ApiError`."""
        headers = {"Idempotency-Key": key} if key else {}
        give_up = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                response = await self._http.request(method, path, headers=headers, **more)
            except httpx.TransportError:
                response = None
            if response is not None and response.status_code not in (502, 503):
                break
            if asyncio.get_running_loop().time() > give_up:
                raise ApiError(503, "Muster does not answer")
            await asyncio.sleep(0.3)
        if response.is_success:
            return response.json() if response.content else None
        raise ApiError(response.status_code, _detail(response))


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase
    return str(body.get("detail") or body.get("title") or response.reason_phrase)
