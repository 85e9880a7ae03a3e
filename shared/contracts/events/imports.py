"""`imports.v1`: how far an import has come."""

from uuid import UUID

from shared.contracts import topics
from shared.contracts.events.messages import Body


class ImportStarted(Body):
    """A read of the source that a person or the system asked for has begun; `total` is how many records it names."""

    topic = topics.IMPORTS
    run_id: UUID
    account_id: UUID
    mode: str
    total: int = 0


class ImportProgressed(Body):
    """How far an import has come."""

    topic = topics.IMPORTS
    run_id: UUID
    read: int
    staged: int
    changed: int
    unchanged: int
    unreadable: int


class ImportCompleted(ImportProgressed):
    """An import's end, with its counts. `reason` (a code of `domain.reasons.DIRECTORIES`) says why nobody was removed.

    Then `missing` of the `known` people of the directory were not there.
    """

    removed: int = 0
    missing: int = 0
    known: int = 0
    reason: str | None = None


class ImportCancelled(ImportProgressed):
    """An import that a person ended; with what had been staged by then, which stays."""


class ImportFailed(Body):
    """An import that ended without reading everything; `reason` is a code of `domain.reasons`."""

    topic = topics.IMPORTS
    run_id: UUID
    reason: str
