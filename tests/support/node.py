"""Programs of others that run on Node.js, installed from tests/compat's lock by hash."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import hatch_build

COMPAT = Path(__file__).parents[1] / "compat"


def node() -> Path:
    """Node.js, with tests/compat installed. Raises RuntimeError with what npm printed, or that there is none."""
    npm = hatch_build.find_npm()
    if npm is None:
        raise RuntimeError("Node.js with npm is not there: make setup")
    program = Path(npm[0]).with_name("node")
    with (COMPAT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not hatch_build.is_installed(COMPAT):
            path = os.pathsep.join([str(program.parent), os.environ.get("PATH", "")])
            done = subprocess.run(
                [*npm, "ci", "--loglevel=error"],
                cwd=COMPAT,
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "PATH": path},
            )
            if done.returncode:
                raise RuntimeError(f"npm ci in tests/compat: {done.stderr}")
    found = shutil.which("node", path=str(program.parent))
    assert found is not None
    return Path(found)
