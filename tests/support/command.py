"""The command `muster`, as a person runs it: a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    text: str


async def begun(*arguments: str, cwd: Path = ROOT, **environment: str) -> asyncio.subprocess.Process:
    """The command, running; wide, so that no line is folded."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "muster",
        *arguments,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "250", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def muster(*arguments: str, cwd: Path = ROOT, **environment: str) -> Done:
    """Run the command to its end; no end of it is a traceback."""
    process = await begun(*arguments, cwd=cwd, **environment)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    text = output.decode()
    assert "Traceback" not in text, text
    return Done(process.returncode, text)
