"""Each import contract of pyproject.toml breaks on a planted violation.

The tree is copied as empty files: what counts here is that the contracts name the right modules. Whether the real imports
keep them is what `make check` asks.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = [
    c["name"]
    for c in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]
KEPT = {
    "shared/db/pool.py": "import asyncpg\n",
    "services/syncer/worker.py": "from shared.connectors import client\n",
    "shared/connectors/opening.py": "from shared.connectors import client\n",
}
VIOLATIONS = [
    ("No service imports another", "services/mapper/worker.py", "import services.history.core"),
    (
        "Same files everywhere, depending downwards",
        "services/importer/core/hints.py",
        "from services.importer import store",
    ),
    (
        "Same files everywhere, depending downwards",
        "services/syncer/worker.py",
        "from services.syncer import api",
    ),
    ("Same files everywhere, depending downwards", "services/importer/utils.py", ""),
    (
        "The command line drives the services, services use shared",
        "shared/errors.py",
        "import services.mapper.core",
    ),
    (
        "The command line drives the services, services use shared",
        "services/mapper/app.py",
        "import muster.stack",
    ),
    ("Shared depends downwards", "shared/db/pool.py", "from shared.http import problems"),
    ("Shared depends downwards", "shared/helpers.py", ""),
    ("The core, the domain and the contracts do no I/O", "services/importer/core/hints.py", "import asyncio"),
    ("The core, the domain and the contracts do no I/O", "shared/contracts/events/messages.py", "import os"),
    ("The core, the domain and the contracts do no I/O", "shared/domain/employee.py", "import httpx"),
    ("Shared depends downwards", "shared/domain/values.py", "from shared.contracts import topics"),
    (
        "The core, the domain and the contracts do no I/O",
        "services/syncer/core.py",
        "from shared.db import pool",
    ),
    ("Only these talk to the two systems", "services/mapper/store.py", "from shared.connectors import ports"),
    ("Shared depends downwards", "shared/systems/linarc.py", "from shared.connectors import ports"),
    ("No import circle in shared", "shared/connectors/client.py", "from shared.connectors import opening"),
    ("SQL only in stores", "services/syncer/worker.py", "import asyncpg"),
    ("SQL only in stores", "muster/commands/operations.py", "import asyncpg"),
    ("The sandbox shares no code with what it tests", "sandbox/people.py", "from shared import clock"),
]


def modules() -> list[Path]:
    packages = ("services", "shared", "sandbox", "muster")
    return [p.relative_to(ROOT) for package in packages for p in (ROOT / package).rglob("*.py")]


def plant(tree: Path, path: str, line: str) -> None:
    """Append `line` to a module, or to the package that took its place."""
    file = tree / path
    if not file.exists() and file.with_suffix("").is_dir():
        file = file.with_suffix("") / "__init__.py"
    with file.open("a") as text:
        text.write(f"{line}\n")


def broken(tree: Path) -> list[str]:
    """The names of the contracts that lint-imports calls broken."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, timeout=300)
    report = re.sub(r"\s*\n?\s+", " ", done.stdout)
    verdicts = {name: "BROKEN" if f"{name} BROKEN" in report else "KEPT" for name in CONTRACTS}
    assert all(f"{name} {verdict}" in report for name, verdict in verdicts.items()), done.stdout + done.stderr
    found = [name for name, verdict in verdicts.items() if verdict == "BROKEN"]
    assert done.returncode == bool(found)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Every module of ours as an empty file, with the two imports that the contracts allow."""
    for module in modules():
        (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / module).touch()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for path, line in KEPT.items():
        plant(tmp_path, path, line)
    return tmp_path


def test_the_layout_alone_keeps_every_contract(tree: Path) -> None:
    assert broken(tree) == []


@pytest.mark.parametrize(("contract", "path", "line"), VIOLATIONS)
def test_a_violation_breaks_its_contract(tree: Path, contract: str, path: str, line: str) -> None:
    plant(tree, path, line)
    assert contract in broken(tree)


def test_every_contract_has_a_violation_here() -> None:
    assert {contract for contract, _, _ in VIOLATIONS} == set(CONTRACTS)
