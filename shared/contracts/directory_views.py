"""What the public API shows of a live source directory. importer makes it, gateway serves it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from shared.contracts.views import View
from shared.domain.employee import Change


class Mark(StrEnum):
    """What an import of a person would do to staging."""

    NEW = "new"
    CHANGED = "changed"
    STAGED = "staged"
    UNREADABLE = "unreadable"


class SourceRow(View):
    """One person of the live directory, beside staging; `values` are the canonical values that are known.

    `changes` are the fields that an import would change in staging; `hidden` names those that the role does not see.
    `reason`, in words in `reason_text`, says why a record is not readable.
    """

    record_id: UUID
    remote_id: str
    mark: Mark
    name: str = ""
    values: Mapping[str, Any] = Field(default_factory=dict)
    updated_at: datetime | None = None
    changes: Mapping[str, Change] = Field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    reason: str | None = None
    reason_text: str = ""
    field: str | None = None


class SourcePage(View):
    """Some people of the source as it holds them now. `next` continues them; `total` is how many there are in all.

    `hidden` names the fields that the role does not see.
    """

    items: tuple[SourceRow, ...]
    next: str | None
    total: int | None
    read_at: datetime
    hidden: tuple[str, ...] = ()
