"""The data folder of one stack: who holds it, its secrets, its ports, and what the other commands are given."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from muster.errors import StackError
from muster.ports import free_port
from shared.contracts.access import ADMINISTRATOR
from shared.db.migrate import SERVICES

_SECRETS = (
    *SERVICES,
    *(f"kafka_{user}" for user in ("broker", ADMINISTRATOR, *SERVICES)),
    *(f"internal_{service}" for service in SERVICES if service != "gateway"),
    "administrator",
    "linarc_0",
    "linarc_1",
    "refresh_0",
    "refresh_1",
    "verifier",
)
_KEYS = ("vault", "dead_letter")


def save(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all: a full disk leaves the one before."""
    draft = file.with_name(f"{file.name}.part")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
        written.write(text)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)


class DataDir:
    """Survives restarts and kills; one stack at a time holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: int | None = None

    def claim(self) -> None:
        """Hold it. Raises `StackError` when another stack does."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.stat().st_uid != os.geteuid():
            msg = f"{self.path} belongs to another user. Name another folder with --data."
            raise StackError(msg)
        self.path.chmod(0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.pread(lock, 32, 0).decode() or "another process"
            os.close(lock)
            msg = f"Muster already runs in {self.path} (process {pid.strip()}). Stop it, or name another folder with --data."
            raise StackError(msg) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def release(self) -> None:
        """Nothing of ours runs here any more; what another stack wrote stays."""
        if self._lock is None:
            return
        (self.path / "processes.json").unlink(missing_ok=True)
        (self.path / "stack.json").unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None

    def secrets(self) -> dict[str, str]:
        """By name; made the first time."""
        file = self.path / "secrets.json"
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        before = dict(known)
        for name in _SECRETS:
            known.setdefault(name, secrets.token_urlsafe(18))
        for name in _KEYS:
            known.setdefault(name, base64.b64encode(secrets.token_bytes(32)).decode())
        if known != before:
            save(file, json.dumps(known))
        return known

    def port(self, name: str) -> int:
        """The one that this server had last time, while it is free."""
        file = self.path / "ports.json"
        known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        known[name] = free_port(known.get(name, 0))
        save(file, json.dumps(known))
        return known[name]

    def write(self, found: Mapping[str, Any]) -> None:
        """For the other commands: where everything is."""
        save(self.path / "stack.json", json.dumps(found, indent=1))


def running(data: Path) -> dict[str, Any]:
    """What `up` wrote about the stack that runs in `data`. Raises `StackError` when none does."""
    file = data.resolve() / "stack.json"
    if not file.exists():
        msg = f"Muster does not run in {data}. Start it with: muster up"
        raise StackError(msg)
    found: dict[str, Any] = json.loads(file.read_text())
    return found
