"""Free loopback ports, the same ones again where they are still free."""

import random
import socket
from itertools import chain

_RANGE = range(20_000, 30_000)
"""Outside what systems give to outgoing connections (Linux from 32768, others from 49152): while its server is away,
a port from there may be taken by the very client that knocks at it."""


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
    """`wanted` if it is free, else a free one of `_RANGE`, looked for from anywhere in it."""
    if wanted and is_free(wanted):
        return wanted
    start = random.choice(_RANGE)
    for port in chain(range(start, _RANGE.stop), range(_RANGE.start, start)):
        if is_free(port):
            return port
    msg = f"No port from {_RANGE[0]} to {_RANGE[-1]} is free on this machine."
    raise OSError(msg)
