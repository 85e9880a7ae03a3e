"""What the public API shows of a company's rules. Shared by syncer, which tries rules out, and gateway."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from shared.contracts.views import View
from shared.domain.employee import PlannedChange
from shared.domain.settings import CompanySettings, Rules


class Effect(StrEnum):
    """What other rules would do to one record; the worst that is true of it."""

    EXCLUDED = "excluded"
    BLOCKED = "blocked"
    CLEARED = "cleared"
    CREATED = "created"
    UPDATED = "updated"
    RELEASED = "released"
    SETTLED = "settled"
    UNCHANGED = "unchanged"


class TrialRequest(View):
    """Settings to be tried out, and the record that the sample is made of."""

    settings: CompanySettings
    sample: UUID | None = None


class TrialRecord(View):
    """One record and what the rules would do to it: per field what would be written, or why it would be blocked."""

    record_id: UUID
    number: str | None
    name: str
    effect: Effect
    reason: str = ""
    reason_text: str = ""
    field: str | None = None
    fields: dict[str, PlannedChange] = Field(default_factory=dict)


class Sample(View):
    """One record's values in the source's terms, and what would be sent of it."""

    record_id: UUID
    number: str | None
    name: str
    source: dict[str, Any]
    sent: dict[str, Any]


class Trial(View):
    """What other rules would do, without anything being written: how many records by effect, and some of each.

    `complete` is false when there are more records than are tried at once. `flipped`: source and destination change places.
    """

    records: int
    complete: bool
    flipped: bool
    counts: dict[Effect, int]
    items: tuple[TrialRecord, ...]
    sample: Sample | None = None


class FieldOption(View):
    """A field that the mapping may feed: what it takes, and the field of the source that feeds it by itself."""

    field: str
    label: str
    kind: str
    source: str | None = None
    sources: tuple[str, ...] = ()
    """The fields of the source that may feed it."""


class RulesView(View):
    """The rules of a company's route, the version that they are of, and what the mapping may name."""

    version: int
    source: UUID | None
    destination: UUID | None
    active: bool
    rules: Rules
    fields: tuple[FieldOption, ...] = ()
    administrators: tuple[str, ...] = ()
    """Who may change them."""
    warnings: tuple[str, ...] = ()
    """What may go wrong with the route."""


class RuleChange(View):
    """One setting that moved."""

    what: str
    before: Any = None
    after: Any = None


class RulesVersion(View):
    """One version of the settings: when, who, and what moved since the version before."""

    version: int
    at: datetime
    actor: str
    changes: tuple[RuleChange, ...]


class RulesVersions(View):
    """Versions, newest first; `next` continues the list."""

    items: tuple[RulesVersion, ...]
    next: int | None


class RulesDraft(View):
    """Rules that were read from a file, made from this version of the settings; they are not saved."""

    version: int
    source: UUID
    destination: UUID
    active: bool
    rules: Rules
