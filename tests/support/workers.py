"""How `make test` shares the tests out between its processes, each of which starts its own servers."""

from xdist.scheduler import LoadScopeScheduling


class ByServers(LoadScopeScheduling):
    """A file's tests run in one process; all of e2e in one too, whose stack they share."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "tests/e2e" if file.startswith("tests/e2e/") else file
