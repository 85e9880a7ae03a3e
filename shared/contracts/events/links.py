"""`links.v1`: who each record is on the other side, and what people decided."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts import topics
from shared.contracts.events.messages import Body
from shared.domain.values import Situation


class Evidence(BaseModel):
    """One field's part of a score: how the two values agree, as a code, and what that adds in bits (log2)."""

    model_config = ConfigDict(frozen=True)

    field: str
    level: str
    bits: float


class Candidate(BaseModel):
    """A destination record that may be the same person, and why: `start` and the bits of `evidence` add up to `bits`."""

    model_config = ConfigDict(frozen=True)

    record_id: UUID
    remote_id: str
    confidence: float
    bits: float
    start: float
    evidence: tuple[Evidence, ...] = ()
    vetoes: tuple[str, ...] = ()


class Decided(Body):
    """mapper's answer about one source record, decided on `source_rev`. Older `link_rev`s change nothing.

    `matching_version` is that of the rules and weights, `generation` that of the company's counts of values.
    """

    record_id: UUID
    account_id: UUID
    destination_account_id: UUID
    link_rev: int
    source_rev: int
    reason: str = ""
    matching_version: int = 0
    generation: int = 0


class RecordLinked(Decided):
    """The source record and one destination record are the same person. `origin`: auto, manual or created."""

    topic = topics.LINKS
    destination_record_id: UUID
    destination_remote_id: str
    origin: str
    evidence: tuple[Evidence, ...] = ()
    then_push: bool = False


class RecordUnlinked(Decided):
    """One certain match stands at the destination, and is not linked yet (to be confirmed, or its directory is being read)."""

    topic = topics.LINKS
    candidate: Candidate


class RecordUnmatched(Decided):
    """Nobody at the destination is plausibly this person. `asked_at`: when a person asked for a new record."""

    topic = topics.LINKS
    asked_at: datetime | None = None
    then_push: bool = False


class RecordDisputed(Decided):
    """A person must choose; `reason` says why the machine did not."""

    topic = topics.LINKS
    candidates: tuple[Candidate, ...]


class RecordDeleted(Decided):
    """The source record is gone. Its link, if any, stays."""

    topic = topics.LINKS
    destination_record_id: UUID | None = None


class RecordExcluded(Decided):
    """This record takes no part: by a person's decision, or by the company's scope. Its link, if any, stays."""

    topic = topics.LINKS
    destination_record_id: UUID | None = None


class DecisionMade(Body):
    """What a person decided about a source record (`contracts.cases.Decision`), and `note`, the reason that they gave.

    A decision that lost a race has an `outcome` other than `done`: a reason's code.
    """

    topic = topics.LINKS
    record_id: UUID
    account_id: UUID
    decision: str
    destination_record_id: UUID | None = None
    note: str = ""
    outcome: str = "done"


SITUATIONS: Mapping[type[Body], Situation] = MappingProxyType(
    {
        RecordLinked: Situation.LINKED,
        RecordUnlinked: Situation.UNLINKED,
        RecordUnmatched: Situation.UNMATCHED,
        RecordDisputed: Situation.DISPUTED,
        RecordDeleted: Situation.DELETED,
        RecordExcluded: Situation.EXCLUDED,
    }
)
"""What each answer of mapper says of its record."""


class MatchFailed(Body):
    """mapper could not handle a message about this record and dead-lettered it."""

    topic = topics.LINKS
    record_id: UUID
    account_id: UUID
    source_rev: int
    reason: str


class DirectoryMatched(Body):
    """All of the account up to `as_of` has been matched; one goes to every partition of both lanes.

    A single message with no parts extends the matched marker `base`, since which nothing of the account has changed.
    """

    topic = topics.LINKS
    account_id: UUID
    as_of: datetime
    base: datetime
    part: int
    parts: int

    def key(self) -> UUID:
        """The account; the outbox names the partition."""
        return self.account_id
