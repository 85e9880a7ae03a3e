"""Free loopback ports, the same ones again where they are still free."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from itertools import chain
from pathlib import Path

_RANGE = range(20_000, 30_000)
"""Outside what systems give to outgoing connections (Linux from 32768, others from 49152): while its server is away,
a port from there may be taken by the very client that knocks at it."""
_taken: set[int] = set()
"""Ports that this process has given away."""


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(wanted: int = 0) -> int:
    """`wanted` if it is free, else a free one of `_RANGE`, looked for from anywhere in it.

    It stays this process's until the process ends, so that a stack that starts meanwhile takes another one before
    anybody listens on it. Raises OSError when none is free, or the file of locks cannot be used.
    """
    if wanted and is_free(wanted) and _reserve(wanted):
        return wanted
    start = random.choice(_RANGE)
    for port in chain(range(start, _RANGE.stop), range(_RANGE.start, start)):
        if port not in _taken and is_free(port) and _reserve(port):
            return port
    msg = f"No port from {_RANGE[0]} to {_RANGE[-1]} is free on this machine."
    raise OSError(msg)


def _reserve(port: int) -> bool:
    """Whether no other process of this user has taken it: each port is one byte of a file, locked by its process."""
    locks = _locks()
    try:
        fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):  # which of them, depends on the system
        return False
    _taken.add(port)
    return True


@cache
def _locks() -> int:
    """The file, open as long as the process lives: to close it would end its locks."""
    path = Path(tempfile.gettempdir(), f"muster-ports-{os.getuid()}.lock")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
