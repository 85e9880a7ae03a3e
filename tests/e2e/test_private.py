"""What the embedded stack keeps is its owner's alone: folders, files, command lines, and the broker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from muster.data_dir import DataDir
from muster.errors import StackError
from muster.sandboxes import CLIENT_SECRET
from tests.support.fleet import Fleet

SHARED = 0o077
"""The permission bits of everybody but the owner."""


def open_to_others(folder: Path) -> list[str]:
    """What another user could read or pass through, below a folder or where its links lead."""
    found = []
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            found += open_to_others(path.resolve())
        elif path.stat().st_mode & SHARED and "pginstall" not in path.parts:
            found.append(f"{path} {path.stat().st_mode:o}")
    return found


async def test_no_folder_and_no_file_is_open_to_other_users(fleet: Fleet) -> None:
    """The folder was open to everybody before."""
    stack = fleet.stack
    names = {path.name for path in stack.data.rglob("*")}
    assert {"secrets.json", "stack.json", "quickbooks.db", "linarc.db", "true_pairs.json", "kafka"} <= names
    assert open_to_others(stack.data) == []


def test_a_file_that_others_may_read_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "open").touch(mode=0o644)
    (tmp_path / "open").chmod(0o644)
    assert len(open_to_others(tmp_path)) == 1


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
async def test_no_secret_stands_on_a_command_line(fleet: Fleet) -> None:
    stack = fleet.stack
    hidden = {*stack.secrets.values(), CLIENT_SECRET, (stack.data / "postgres" / "password").read_text()}
    for child in stack.children.values():
        line = Path(f"/proc/{child.pid}/cmdline").read_text()
        assert line
        assert [value for value in hidden if value in line] == [], child.name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(StackError, match=r"belongs to another user.*--data"):
        DataDir(tmp_path).claim()
