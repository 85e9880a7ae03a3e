"""Muster without broker and database: the pure cores between two systems in memory, and every message on its way.

What handlers, workers and stores do around the cores is said as plainly as it can be (any record that may be affected is decided
again, a lease is over whenever the world says so); they themselves are tested in tests/integration.
"""

from tests.support.pure.directory import COMPANY, ENDS, FATES, HIDDEN, Directory
from tests.support.pure.world import COMMANDS, World

__all__ = ["COMMANDS", "COMPANY", "ENDS", "FATES", "HIDDEN", "Directory", "World"]
