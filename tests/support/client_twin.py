"""Writes muster/client/synchronous.py from asynchronous.py: `python -m tests.support.client_twin`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[2] / "muster" / "client"
_WORDS = (
    (
        "The client for asyncio.",
        "The client for programs without asyncio. Made from asynchronous.py; a test compares them.",
    ),
    ("import asyncio\n", "import time\n"),
    ("asyncio.get_running_loop().time()", "time.monotonic()"),
    ("asyncio.sleep", "time.sleep"),
    ("AsyncIterator", "Iterator"),
    ("AsyncClient", "Client"),
    ("AsyncCompany", "Company"),
    ("__aenter__", "__enter__"),
    ("__aexit__", "__exit__"),
    ("aclose", "close"),
    ("aread", "read"),
    ("aiter_lines", "iter_lines"),
    ("async with", "with"),
    ("async for", "for"),
    ("async def", "def"),
    ("await ", ""),
)
_LOOP = re.compile(r"for (\w+) in ([^\n]+):\n\s+yield \1\n")


def make() -> str:
    """The file's text, formatted."""
    text = (CLIENT / "asynchronous.py").read_text()
    for word, other in _WORDS:
        text = text.replace(word, other)
    text = _LOOP.sub(r"yield from \2\n", text)
    ruff = [sys.executable, "-m", "ruff"]
    for step in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run(
            [*ruff, *step, "--stdin-filename", str(CLIENT / "synchronous.py"), "-"],
            input=text, capture_output=True, text=True, check=True,
        )  # fmt: skip
        text = done.stdout
    return text


if __name__ == "__main__":
    (CLIENT / "synchronous.py").write_text(make())
