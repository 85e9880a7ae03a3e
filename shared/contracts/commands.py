"""What gateway asks the other services to do. A command carries the person (header `actor`) and the run; events answer it."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from shared.contracts import topics
from shared.contracts.events import Body
from shared.domain.values import Status

MAX_IDS = 500


class ImportEmployees(Body):
    """Read the source: everything new, everything, or the named records (at most 500 a part).

    `directory` reads everything of either account, and marks up to `gone_at_most` people as gone, however few are left.
    """

    topic = topics.IMPORTER_COMMANDS
    run_id: UUID
    account_id: UUID
    mode: Literal["new", "all", "selected", "directory"]
    gone_at_most: int = 0
    remote_ids: tuple[str, ...] = Field(default=(), max_length=MAX_IDS)
    part: int = 1
    parts: int = 1
    total: int = 0
    """How many records are named in all parts."""


class CancelImport(Body):
    """Read nothing more for this import. What it has staged stays."""

    topic = topics.IMPORTER_COMMANDS
    run_id: UUID


@dataclass(frozen=True, slots=True)  # not a model: there may be a hundred thousand at once
class Selected:
    """A record as the person saw it when choosing."""

    record_id: UUID
    source_rev: int
    status: Status


SELECTED: TypeAdapter[list[Selected]] = TypeAdapter(list[Selected])
"""Reads and writes many at once."""


class SyncRecords(Body):
    """Push these records (at most 500 a part). One that moved since it was selected is reported, not pushed."""

    topic = topics.SYNCER_COMMANDS
    run_id: UUID
    records: tuple[Selected, ...] = Field(max_length=MAX_IDS)
    part: int
    parts: int
    total: int


class CreatePlan(Body):
    """Plan the push of these records (at most 500 a part). `run_id` is the plan's id, and later that of its run.

    With `apply` it is applied as soon as it is whole, unless a brake holds it.
    """

    topic = topics.SYNCER_COMMANDS
    run_id: UUID
    records: tuple[Selected, ...] = Field(max_length=MAX_IDS)
    part: int
    parts: int
    total: int
    apply: bool = False


class ExcludeRecords(Body):
    """Take these records out of a plan that nobody has approved, or put them back."""

    topic = topics.SYNCER_COMMANDS
    run_id: UUID
    records: tuple[UUID, ...] = Field(max_length=MAX_IDS)
    excluded: bool


class ApplyPlan(Body):
    """A person approves a draft: write exactly what it holds."""

    topic = topics.SYNCER_COMMANDS
    run_id: UUID


class ReleasePlan(Body):
    """A person lets a held plan go: all of it, or these records, which the rest stays behind."""

    topic = topics.SYNCER_COMMANDS
    run_id: UUID
    records: tuple[UUID, ...] | None = Field(default=None, max_length=MAX_IDS)


class CancelPlan(Body):
    """Write nothing more of a plan: what has been sent stays."""

    topic = topics.SYNCER_COMMANDS
    run_id: UUID


class StopRetry(Body):
    """A person says that this record's failed push is not to be tried again by itself."""

    topic = topics.SYNCER_COMMANDS
    record_id: UUID


class DecideDrift(Body):
    """What a person decides about each field that was changed at the destination, as they saw both records.

    The source takes the values of `adopt`; those of `overwrite` are written to the destination again; those of `let_stand`
    stay different until either side changes. Nothing is done when a record has moved, or a field is left out.
    """

    topic = topics.SYNCER_COMMANDS
    run_id: UUID
    record_id: UUID
    source_rev: int
    destination_rev: int
    adopt: tuple[str, ...] = ()
    overwrite: tuple[str, ...] = ()
    let_stand: tuple[str, ...] = ()


class LinkRecord(Body):
    """A person says who this is. Wins over recomputation."""

    topic = topics.MAPPER_COMMANDS
    record_id: UUID
    destination_record_id: UUID
    then_push: bool = False


class UnlinkRecord(Body):
    """A person says that the link is wrong."""

    topic = topics.MAPPER_COMMANDS
    record_id: UUID


class CreateRecord(Body):
    """A person says that nobody at the destination is this one: create a new record there."""

    topic = topics.MAPPER_COMMANDS
    record_id: UUID
    then_push: bool = False


class RefuseMatch(Body):
    """A person says that these two are not the same, for good."""

    topic = topics.MAPPER_COMMANDS
    record_id: UUID
    destination_record_id: UUID


class ExcludeRecord(Body):
    """A person says that this one is never synced, and why."""

    topic = topics.MAPPER_COMMANDS
    record_id: UUID
    reason: str


class IncludeRecord(Body):
    """A person says that an excluded record takes part again."""

    topic = topics.MAPPER_COMMANDS
    record_id: UUID


class PostponeRecord(Body):
    """A person leaves a case for later."""

    topic = topics.MAPPER_COMMANDS
    record_id: UUID


class UndoDecision(Body):
    """A person takes the last decision about this record back."""

    topic = topics.MAPPER_COMMANDS
    record_id: UUID
