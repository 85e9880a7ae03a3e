"""The sandboxes as processes, as a user starts them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
Start = Callable[..., tuple[subprocess.Popen[bytes], str]]


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """Start `sandbox.quickbooks` or `sandbox.linarc` with options; gives the process and its address."""
    running: list[subprocess.Popen[bytes]] = []

    def started(*args: str) -> tuple[subprocess.Popen[bytes], str]:
        port = folder / f"port-{len(running)}"
        options = ["--port", "0", "--port-file", str(port), "--data", str(folder / "data")]
        command = [sys.executable, "-m", *args, *options]
        with (folder / "log").open("ab") as log:
            running.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        deadline = time.monotonic() + 30
        while not port.exists():
            assert running[-1].poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return running[-1], f"http://127.0.0.1:{port.read_text().strip()}"

    yield started
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()
