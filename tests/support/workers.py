"""How `make test` shares the tests out between its processes, each of which starts its own servers."""

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[2]
ASKS = r"(?:def test_|fixture\n(?:async )?def )\w+\([^)]*\b"
STACKS = {"fleet": ASKS + "fleet: Fleet", "staging": ASKS + "(?:staging: Fleet|console: Console)"}
"""The two stacks that files of e2e share, and how a file's tests or fixtures ask for each; the first that is found counts."""


class ByServers(LoadScopeScheduling):
    """A file's tests run in one process, and so do all that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid.split("::", 1)[0])


@cache
def _scope(file: str) -> str:
    if not file.startswith("tests/e2e/"):
        return file
    text = (ROOT / file).read_text()
    return next((stack for stack, asked in STACKS.items() if re.search(asked, text)), file)
