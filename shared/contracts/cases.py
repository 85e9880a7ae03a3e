"""What the public API shows about who is who: cases, candidates, links, and what people decide about them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.contracts.views import View

Decision = Literal["link", "unlink", "create", "not_same", "exclude", "include", "later", "undo"]
"""What a person may decide about a source record."""


class PersonView(View):
    """A record of either side as it is shown in a list; `linked_to` is the record of the other side, if there is one."""

    record_id: UUID
    remote_id: str
    name: str
    number: str | None
    email: str | None
    active: bool
    state: str
    linked_to: UUID | None = None


class PartView(View):
    """What one field says: `level` is a code, `text` says it in words, `bits` is what it adds to the score.

    `source` and `destination` are the values compared; a value that the role does not see is null.
    """

    field: str
    level: str
    text: str
    bits: float | None = None
    source: str | None = None
    destination: str | None = None


class VetoView(View):
    """Why a pair never links by itself, however high its score."""

    code: str
    text: str


class CandidateView(PersonView):
    """A destination record that may be the same person. `start` and the parts' bits add up to `bits`.

    `refused` says that a person decided that it is somebody else; `link_bits` is the score from which a pair may link.
    """

    confidence: float
    bits: float | None = None
    start: float | None = None
    link_bits: float | None = None
    refused: bool = False
    parts: tuple[PartView, ...] = ()
    vetoes: tuple[VetoView, ...] = ()


class FirstCandidate(View):
    """The best candidate of a case, in short."""

    record_id: UUID
    remote_id: str
    name: str
    confidence: float
    bits: float | None = None
    vetoes: tuple[str, ...] = ()
    linked_to: UUID | None = None


class CaseView(View):
    """A source record about which a person must decide, and why. `postponed_at` is when it was left for later."""

    record: PersonView
    situation: str
    reason: str
    reason_text: str
    fix: str
    link_rev: int
    source_rev: int
    candidates: int
    first: FirstCandidate | None = None
    postponed_at: datetime | None = None


class CasePage(View):
    """One page of cases by name; `next` continues it. `counts` are by reason over the search, `total` over the filter."""

    items: tuple[CaseView, ...]
    next: str | None
    total: int
    counts: dict[str, int]


class Candidates(View):
    """A source record, how it stands, and who at the destination it may be, best first: the twelve nearest at most.

    `more` counts the others that are not ruled out: a search of the directory finds them. `could_change` says in sentences
    what would make the answer another one. `undo` is the decision that can be undone.
    """

    record: PersonView
    situation: str | None
    reason: str
    reason_text: str
    fix: str
    link_rev: int
    source_rev: int
    linked_to: UUID | None
    candidates: tuple[CandidateView, ...]
    more: int = 0
    could_change: tuple[str, ...] = ()
    postponed_at: datetime | None = None
    excluded_for: str | None = None
    undo: str | None = None
    hidden: tuple[str, ...] = ()


class DirectoryView(View):
    """Records of the destination that match a search, and who each is linked to."""

    items: tuple[PersonView, ...]


class ComparedField(View):
    """One field of both records: `equal` compares the forms, not the spelling; it is null where a side has no value."""

    field: str
    source: str | None
    destination: str | None
    equal: bool | None


class Comparison(View):
    """A source and a destination record field by field; `hidden` names the fields that the role does not see."""

    record_id: UUID
    destination_record_id: UUID
    fields: tuple[ComparedField, ...]
    hidden: tuple[str, ...] = ()


class LinkView(View):
    """A linked pair. `origin` is auto, manual or created; `matched_by` says what an automatic link rests on."""

    source: PersonView
    destination: PersonView
    origin: str
    matched_by: str | None = None
    actor: str | None
    linked_at: datetime


class LinkPage(View):
    """Linked pairs by the source record's name; `next` continues the list. `counts` are by origin."""

    items: tuple[LinkView, ...]
    next: str | None
    total: int
    counts: dict[str, int]


class PersonPage(View):
    """Records of one side, by name; `next` continues the list."""

    items: tuple[PersonView, ...]
    next: str | None
    total: int


class ExcludedView(View):
    """A source record that is never synced, why, who decided it and when."""

    record: PersonView
    reason: str
    actor: str | None
    excluded_at: datetime


class ExcludedPage(View):
    """Excluded records by name; `next` continues the list."""

    items: tuple[ExcludedView, ...]
    next: str | None
    total: int


class DuplicateView(View):
    """Records of one side that may be one person: they share `field` (number, email, name), or one was created by Muster."""

    side: Literal["source", "destination"]
    field: str
    records: tuple[PersonView, ...]


class DuplicateList(View):
    """Possible duplicates of both sides, at most 200 groups of each."""

    items: tuple[DuplicateView, ...]


class MatchReport(View):
    """How well the matching does, measured by what people decide; nothing is learnt from it.

    `automatic`, `manual` and `created` are the links that stand by origin, `corrected` the automatic ones that people ended.
    `precision` is the share of automatic links that nobody corrected, `recall` the share of matches found without a person;
    null while there is nothing to measure.
    """

    automatic: int
    manual: int
    created: int
    corrected: int
    precision: float | None
    recall: float | None
    situations: dict[str, int]
    cases: dict[str, int]


class DecisionTaken(View):
    """A decision that was accepted; its effect shows on the record."""

    accepted: bool


class DecisionConflict(View):
    """A decision that could not be taken, and why; `linked_to` is who holds the destination record."""

    record_id: UUID
    detail: str
    linked_to: UUID | None = None


class DecisionsTaken(View):
    """How many decisions were accepted, and each that was not: nothing of those has changed."""

    accepted: int
    conflicts: tuple[DecisionConflict, ...]
