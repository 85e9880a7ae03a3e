"""What the services tell each other: facts, in the past tense, complete, additive within a version.

The wire type is the class's name in kebab dots (`EmployeeChanged` → `employee.changed`). Who, when and why travel in
`Message`, outside the body. An event's `record_id` is the Kafka key unless its class says otherwise.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts import topics
from shared.contracts.records import Cause, Change, CompanySettings, Employee, Lane, Situation, Status
from shared.contracts.topics import Topic

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


@cache
def _wire_type(name: str) -> str:
    return _WORD.sub(".", name).lower()


class Body(BaseModel):
    """What a message says. Subclasses that name a `topic` are the messages of that topic."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[Topic]

    @classmethod
    def wire_type(cls) -> str:
        """`EmployeeChanged` → `employee.changed`."""
        return _wire_type(cls.__name__)

    def raw(self) -> bytes:
        """As it travels: JSON of what was set."""
        return self.__pydantic_serializer__.to_json(self, exclude_unset=True)

    def key(self) -> UUID:
        """The id that decides the partition: what must stay in order shares it."""
        for name in ("record_id", "run_id", "company_id"):
            if isinstance(value := getattr(self, name, None), UUID):
                return value
        msg = f"{type(self).__name__} has no key"
        raise TypeError(msg)


B_co = TypeVar("B_co", bound=Body, covariant=True)


class Message(NamedTuple, Generic[B_co]):
    """One message as it was read: the body, and what travels in the headers."""

    id: UUID
    time: datetime
    company_id: UUID
    lane: Lane
    body: B_co
    run_id: UUID | None = None
    causation_id: UUID | None = None
    actor: str | None = None
    traceparent: str | None = None
    raw: bytes = b""


class EmployeeStaged(Body):
    """A record that staging did not hold."""

    topic = topics.EMPLOYEES
    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    employee: Employee
    remote_version: str | None = None
    read_at: datetime
    cause: Cause
    written_for: UUID | None = None


class EmployeeChanged(EmployeeStaged):
    """A staged record's newer version, with the fields that moved."""

    changes: dict[str, Change]


class EmployeeRemoved(Body):
    """A record that a complete directory did not hold any more, or that the system says is gone."""

    topic = topics.EMPLOYEES
    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    cause: Cause


class EmployeeUnreadable(Body):
    """A record that came, but that we cannot read; `reason` is a code of `contracts.reasons`."""

    topic = topics.EMPLOYEES
    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    reason: str
    field: str | None = None


class DirectoryComplete(Body):
    """Everything up to `as_of` of this account stands before this mark; one goes to every partition of both lanes."""

    topic = topics.EMPLOYEES
    account_id: UUID
    generation: int
    as_of: datetime
    part: int
    parts: int

    def key(self) -> UUID:
        """The account; the outbox names the partition."""
        return self.account_id


class ImportStarted(Body):
    """A read of the source that a person or the system asked for has begun."""

    topic = topics.IMPORTS
    run_id: UUID
    account_id: UUID
    mode: str


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
    """An import's end, with its counts."""

    removed: int = 0


class ImportFailed(Body):
    """An import that ended without reading everything; `reason` is a code of `contracts.reasons`."""

    topic = topics.IMPORTS
    run_id: UUID
    reason: str


class Evidence(BaseModel):
    """One field's part in a comparison: `equal`, `similar`, `differs` or `missing`."""

    model_config = ConfigDict(frozen=True)

    field: str
    verdict: str


class Candidate(BaseModel):
    """A destination record that may be the same person, and why."""

    model_config = ConfigDict(frozen=True)

    record_id: UUID
    remote_id: str
    confidence: float
    evidence: tuple[Evidence, ...] = ()


class Decided(Body):
    """mapper's answer about one source record, decided on `source_rev`. Older `link_rev`s change nothing."""

    record_id: UUID
    account_id: UUID
    destination_account_id: UUID
    link_rev: int
    source_rev: int
    reason: str = ""


class RecordLinked(Decided):
    """The source record and one destination record are the same person. `origin`: auto, manual or created."""

    topic = topics.LINKS
    destination_record_id: UUID
    destination_remote_id: str
    origin: str
    evidence: tuple[Evidence, ...] = ()
    then_push: bool = False


class RecordUnlinked(Decided):
    """One certain twin stands at the destination, and is not linked yet (to be confirmed, or its directory is being read)."""

    topic = topics.LINKS
    candidate: Candidate


class RecordUnmatched(Decided):
    """Nobody at the destination is plausibly this person. `asked_at`: when a person asked for a new record."""

    topic = topics.LINKS
    asked_at: datetime | None = None


class RecordDisputed(Decided):
    """A person must choose; `reason` says why the machine did not."""

    topic = topics.LINKS
    candidates: tuple[Candidate, ...]


class RecordDeleted(Decided):
    """The source record is gone. Its link, if any, stays."""

    topic = topics.LINKS
    destination_record_id: UUID | None = None


SITUATIONS: Mapping[type[Body], Situation] = MappingProxyType(
    {
        RecordLinked: Situation.LINKED,
        RecordUnlinked: Situation.UNLINKED,
        RecordUnmatched: Situation.UNMATCHED,
        RecordDisputed: Situation.DISPUTED,
        RecordDeleted: Situation.DELETED,
    }
)
"""What each answer of mapper says of its record."""


class MatchFailed(Body):
    """mapper could not handle a message about this record and parked it."""

    topic = topics.LINKS
    record_id: UUID
    account_id: UUID
    source_rev: int
    reason: str


class DirectoryMatched(Body):
    """All of the account's mark `as_of` has been matched; one goes to every partition of both lanes."""

    topic = topics.LINKS
    account_id: UUID
    as_of: datetime
    part: int
    parts: int

    def key(self) -> UUID:
        """The account; the outbox names the partition."""
        return self.account_id


class Basis(BaseModel):
    """The versions that a decision was made from."""

    model_config = ConfigDict(frozen=True)

    source_rev: int
    destination_rev: int | None = None
    link_rev: int | None = None
    settings_version: int
    destination_account_id: UUID


class StatusChanged(Body):
    """A record's status, with the reason code, the field concerned, and when the destination last took it."""

    topic = topics.PUSHES
    record_id: UUID
    status_rev: int
    status: Status
    reason: str = ""
    field: str | None = None
    synced_at: datetime | None = None
    basis: Basis | None = None


class PushPlanned(Body):
    """The exact change that will be written: per field the value before and after, in canonical form."""

    topic = topics.PUSHES
    record_id: UUID
    item_id: UUID
    action: str
    fields: dict[str, Change]
    basis: Basis


class PushSucceeded(Body):
    """The destination took it. `employee` and `remote_version` are what it answered; `no_change` wrote nothing."""

    topic = topics.PUSHES
    record_id: UUID
    item_id: UUID
    action: str
    destination_account_id: UUID
    destination_record_id: UUID
    destination_remote_id: str
    remote_version: str | None
    requested_at: datetime
    answered_at: datetime
    employee: Employee
    source_rev: int


class PushFailed(Body):
    """An attempt that ended in an error; `reason` is a code of `contracts.reasons`."""

    topic = topics.PUSHES
    record_id: UUID
    item_id: UUID
    action: str
    reason: str
    field: str | None = None
    retryable: bool


class PushHeld(Body):
    """A push that a brake or a conflict stopped; it waits for approval."""

    topic = topics.PUSHES
    record_id: UUID
    item_id: UUID
    reason: str
    field: str | None = None


class DirectoryWanted(Body):
    """syncer must not create without a newer mark of this account; importer answers with a delta."""

    topic = topics.PUSHES
    account_id: UUID
    not_before: datetime

    def key(self) -> UUID:
        """The account."""
        return self.account_id


class SyncStarted(Body):
    """A push that a person asked for has been planned: how many records go, how many are skipped and why."""

    topic = topics.SYNCS
    run_id: UUID
    total: int
    skipped: dict[str, int]


class SyncProgressed(Body):
    """How far a push has come."""

    topic = topics.SYNCS
    run_id: UUID
    total: int
    succeeded: int
    failed: int
    skipped: dict[str, int]


class SyncCompleted(SyncProgressed):
    """A push's end, with its counts."""


class SettingsChanged(Body):
    """A company's whole settings; the newest version stands."""

    topic = topics.SETTINGS
    company_id: UUID
    settings: CompanySettings


class SourceChanged(Body):
    """A system told us that a record moved. Only a hint: importer reads the record."""

    topic = topics.NOTIFICATIONS
    record_id: UUID
    account_id: UUID
    remote_id: str


class ViewChanged(Body):
    """Something that pages may show has moved. A hint, never rows; `records` is null when there are too many to name."""

    topic = topics.VIEWS
    company_id: UUID
    position: int
    records: tuple[UUID, ...] | None = ()
    runs: tuple[UUID, ...] = ()


def bodies(cls: type[Body] = Body) -> dict[str, type[Body]]:
    """Every body that has a topic, by wire type."""
    found: dict[str, Any] = {}
    for sub in cls.__subclasses__():
        if hasattr(sub, "topic"):
            found[sub.wire_type()] = sub
        found |= bodies(sub)
    return found
