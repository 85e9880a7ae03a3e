"""Internal reads carry a token: one for each service that answers, which gateway shows it."""

import hmac
from collections.abc import Awaitable, Callable

from fastapi import Request
from pydantic import SecretStr

from shared.http.problems import ProblemError


def internal_only(token: SecretStr) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets only Muster's own services in."""
    expected = f"Bearer {token.get_secret_value()}".encode()

    async def check(request: Request) -> None:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
            raise ProblemError("unauthenticated", "This address is for Muster's own services.")

    return check
