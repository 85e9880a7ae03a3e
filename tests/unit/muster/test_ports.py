"""Ports for the servers of a stack."""

from __future__ import annotations

import subprocess
import sys

from muster.ports import free_port, is_free

TAKE = "import sys; from muster.ports import free_port; print(free_port(int(sys.argv[1])), flush=True); sys.stdin.read()"


def test_a_port_that_another_stack_has_taken_is_not_given_again() -> None:
    """Nobody listens on it yet, and still it is that process's until it ends; a second of ours is another one too."""
    wanted = free_port()
    assert free_port(wanted) == wanted, "a server that starts again keeps its port"
    assert free_port() != wanted
    other = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(wanted)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    theirs = int(other.stdout.readline())
    try:
        assert theirs != wanted
        assert is_free(theirs)
        assert free_port(theirs) != theirs
    finally:
        other.communicate("")
    assert free_port(theirs) == theirs
