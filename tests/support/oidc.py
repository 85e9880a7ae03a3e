"""A real provider of OpenID Connect beside the tests: tests/compat/provider.mjs."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.node import COMPAT, node

SECRET = "a secret of both & more"


async def follow(issuer: str, url: str) -> str:
    """The address outside the provider at which a browser ends that it redirects."""
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(10):
            if not url.startswith(issuer):
                return url
            answer = await http.get(url)
            assert answer.is_redirect, answer.text
            url = str(httpx.URL(url).join(answer.headers["location"]))
    raise AssertionError("the provider goes in a circle")


@dataclass(frozen=True)
class Idp:
    """The running provider."""

    issuer: str

    async def tell(self, **told: Any) -> None:
        """What it does from now on: see provider.mjs."""
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{self.issuer}/control", json=told)).raise_for_status()

    async def person(self, sub: str, *groups: str, **more: Any) -> None:
        """Who signs in there next."""
        known = {"sub": sub, "name": sub.title(), "email": f"{sub}@site.example", "email_verified": True}
        await self.tell(person={**known, "groups": groups, **more})


@contextmanager
def provider(redirect: str) -> Iterator[Idp]:
    """It runs until the block ends. Raises RuntimeError with what it printed where it does not start."""
    program = node()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, COMPAT / "provider.mjs", str(port), redirect], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip
    try:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.strip() == "ready":
                break
        else:
            raise RuntimeError("".join(printed))
        yield Idp(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.communicate()
