"""Child processes: started with a log, watched, restarted with back-off, ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MAX_LOG_BYTES = 20_000_000
HEALTHY_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1


def die_with_parent(number: int) -> Callable[[], None]:
    """A child's first act: ask Linux for this signal when muster dies, so that no orphan outlives a SIGKILL."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def ask() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, number)

    return ask


@dataclass(slots=True)
class Child:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace_seconds: float = 20.0
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    started_at: float = 0.0
    failed: str | None = None
    stopping: bool = False
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self) -> None:
        """Start it, in a process group of its own, its output appended to its log. Of our settings it sees `env` only."""
        self.stopping = False
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        async with self.starting:
            with self.log.open("ab") as output:
                self.process = await asyncio.create_subprocess_exec(
                    *self.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**{n: v for n, v in os.environ.items() if not n.startswith("MUSTER_")}, **self.env},
                    cwd=self.cwd,
                    start_new_session=True,
                    preexec_fn=die_with_parent(self.death_signal),
                    user=self.user,
                    group=self.user,
                    umask=0o077,
                    extra_groups=None if self.user is None else [],
                )
        self.started_at = time.monotonic()

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process and self.process.returncode is None else None

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """End it: its own signal first, SIGKILL for it and its group when it does not go."""
        self.stopping = True
        async with self.starting:  # a process that is being made is ended too
            process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.stop_signal)
        try:
            async with asyncio.timeout(self.grace_seconds):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def restart(self) -> bool:
        """Start it again, unless it is stopped; whether it was started. If not, why is in `failed`."""
        if self.stopping:
            return False
        try:
            await self.start()
        except (OSError, subprocess.SubprocessError) as error:
            self.failed = f"could not be started: {error}"
            return False
        return True

    async def watch(self, changed: Callable[[], None]) -> None:
        """Restart it whenever it ends by itself, after 0.5, 1, 2 … 10 s; the pause is short again after a healthy while.

        A start that fails, as on a full disk, is tried again in the same way. What `changed` raises is ignored.
        """
        pause = 0.5
        while True:
            assert self.process is not None
            code = await self.process.wait()
            if self.stopping:
                return
            pause = 0.5 if time.monotonic() - self.started_at > HEALTHY_SECONDS else pause
            self.failed = f"ended with {code}"
            self.restarts += 1
            started = False
            while not started and not self.stopping:
                _notify(changed)
                await asyncio.sleep(pause)
                pause = min(10.0, pause * 2)
                started = await self.restart()
            _notify(changed)

    def tail(self, lines: int = 5) -> list[str]:
        """The last lines of its log, without Java's frames, which would push out what they belong to."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 20_000))
            text = file.read().decode(errors="replace")
        return [line for line in text.splitlines() if not line.startswith("\tat ")][-lines:]


def _notify(changed: Callable[[], None]) -> None:
    """Call `changed`; nothing that it raises ends a watcher."""
    with contextlib.suppress(Exception):
        changed()


def start_time(pid: int) -> str | None:
    """When this process started, to tell it from a later one with the same id; None when it is gone."""
    if sys.platform != "linux":
        return _start_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rsplit(")", 1)[1].split()
    return None if state == "Z" else rest[18]


def _start_by_ps(pid: int) -> str | None:
    asked = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return None if not found or found[0].startswith("Z") else " ".join(found[1:])


def remember(path: Path, children: Sequence[Child]) -> None:
    """Note the running children, so that the next start can end what a killed muster left behind."""
    running = {str(c.pid): start_time(c.pid) for c in children if c.pid is not None}
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(running))
    draft.replace(path)


def end_leftovers(path: Path) -> int:
    """End the processes noted by an earlier muster that was killed, by exact id and start time; how many."""
    try:
        noted: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        return 0
    left = [int(pid) for pid, started in noted.items() if started and start_time(int(pid)) == started]
    for number, wait in ((signal.SIGINT, 5.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0)):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        until = time.monotonic() + wait
        while time.monotonic() < until and any(start_time(p) == noted[str(p)] for p in left):
            time.sleep(0.05)
        left = [p for p in left if start_time(p) == noted[str(p)]]
        if not left:
            break
    path.unlink(missing_ok=True)
    return len(noted)
