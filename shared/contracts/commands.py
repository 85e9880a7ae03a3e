"""What gateway asks the other services to do. A command carries the person (header `actor`) and the run; events answer it."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from shared.contracts import topics
from shared.contracts.events import Body
from shared.contracts.records import Status

MAX_IDS = 500


class ImportEmployees(Body):
    """Read the source: everything new, everything, or the named records (at most 500 a part)."""

    topic = topics.IMPORTER_COMMANDS
    run_id: UUID
    account_id: UUID
    mode: Literal["new", "all", "selected"]
    remote_ids: tuple[str, ...] = Field(default=(), max_length=MAX_IDS)
    part: int = 1
    parts: int = 1


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
