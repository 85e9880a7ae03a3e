"""The decision about one source record, and the event that says it.

What links by itself is a function of the two directories alone, never of who was linked before: so every order of the
same facts ends in the same links, and no destination record can be certain for two source records at once.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, assert_never
from uuid import UUID

from services.mapper.core.facts import Facts
from services.mapper.core.match import compare, confidence, plausible, similar_names, strangers
from shared.contracts.events import (
    Candidate,
    Decided,
    Evidence,
    RecordDeleted,
    RecordDisputed,
    RecordLinked,
    RecordUnlinked,
    RecordUnmatched,
)

MAX_CANDIDATES = 20


class Link(NamedTuple):
    """A stored pair. `destination` is None until its directory has told us the record."""

    destination_record_id: UUID
    destination_remote_id: str
    origin: str
    destination: Facts | None


class Twin(NamedTuple):
    """A destination record with the same number or e-mail, and who else claims it."""

    facts: Facts
    number_shared: bool
    email_shared: bool
    number_rival: bool
    email_rival: bool
    taken_by: UUID | None


class Other(NamedTuple):
    """A destination record, linked to nobody, that may look alike. `by_phone`: its telephone is not one of many."""

    facts: Facts
    by_phone: bool = False


class Subject(NamedTuple):
    """A source record with everything its decision depends on."""

    facts: Facts
    destination_account_id: UUID
    directory_complete: bool
    confirm_matches: bool
    link: Link | None = None
    create: datetime | None = None
    """When a person asked for a new record."""
    refused: frozenset[UUID] = frozenset()
    twins: tuple[Twin, ...] = ()
    others: tuple[Other, ...] = ()


@dataclass(frozen=True, slots=True)
class Linked:
    """The two are one person."""

    destination_record_id: UUID
    destination_remote_id: str
    origin: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Unlinked:
    """One certain twin, which waits: to be confirmed, or for its directory."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Nobody is plausible, or a person said so, and when."""

    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Disputed:
    """A person must choose."""

    reason: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Deleted:
    """The source record is gone."""

    destination_record_id: UUID | None


Decision: TypeAlias = Linked | Unlinked | Unmatched | Disputed | Deleted


class Answer(NamedTuple):
    """The last thing said about a source record, as a row of the table."""

    company_id: UUID
    record_id: UUID
    situation: str
    reason: str
    link_rev: int
    source_rev: int
    hash: bytes


def candidate(source: Facts, other: Facts) -> Candidate:
    """`other` as a possible match of `source`."""
    evidence = compare(source, other)
    return Candidate(
        record_id=other.record_id,
        remote_id=other.remote_id,
        confidence=confidence(source, other, evidence),
        evidence=evidence,
    )


def _ranked(source: Facts, others: Iterable[Facts]) -> tuple[Candidate, ...]:
    found = {o.record_id: candidate(source, o) for o in others}
    return tuple(sorted(found.values(), key=lambda c: (-c.confidence, c.record_id))[:MAX_CANDIDATES])


def decide(subject: Subject) -> Decision:
    """The one situation of this source record."""
    facts, link = subject.facts, subject.link
    if not facts.live:
        return Deleted(link.destination_record_id if link else None)
    if link is not None:
        if link.destination is not None and link.destination.state == "removed":
            return Disputed("deleted_at_destination")
        evidence = compare(facts, link.destination) if link.destination else ()
        return Linked(link.destination_record_id, link.destination_remote_id, link.origin, evidence)
    if subject.create is not None:
        return Unmatched(subject.create)
    if subject.twins:
        return _by_keys(subject)
    alike = [o.facts for o in subject.others if plausible(facts, o.facts, by_phone=o.by_phone)]
    return Disputed("similar_name", _ranked(facts, alike)) if alike else Unmatched()


def _by_keys(subject: Subject) -> Decision:
    facts = subject.facts
    reason, twin = _certain(facts, subject.twins)
    if twin is not None:
        if twin.taken_by is not None:
            reason = "match_taken"
        elif twin.facts.record_id in subject.refused:
            reason = "similar_name" if similar_names(facts, twin.facts) else "contradiction"
        elif not subject.directory_complete:
            return Unlinked(candidate(facts, twin.facts), "directory_being_read")
        elif subject.confirm_matches:
            return Unlinked(candidate(facts, twin.facts), "confirm_match")
        else:
            other = twin.facts
            return Linked(other.record_id, other.remote_id, "auto", compare(facts, other))
    return Disputed(reason, _ranked(facts, (t.facts for t in subject.twins)))


def _certain(facts: Facts, twins: tuple[Twin, ...]) -> tuple[str, Twin | None]:
    """The one certain twin, or why there is none. The number is asked before the e-mail address."""
    numbers = [t for t in twins if facts.number_key is not None and t.facts.number_key == facts.number_key]
    emails = [t for t in twins if facts.email_key is not None and t.facts.email_key == facts.email_key]
    if numbers:
        twin = numbers[0]
        if twin.number_shared:
            return "number_not_unique", None
        if len(numbers) > 1:
            return "several_matches", None
        elsewhere = bool(emails) and twin not in emails
        if elsewhere or twin.email_rival or _contradicts(facts, twin.facts):
            return "contradiction", None
        return "", twin
    twin = emails[0]
    if twin.email_shared:
        return "email_not_unique", None
    if len(emails) > 1:
        return "several_matches", None
    if (facts.number_key and twin.facts.number_key) or twin.number_rival or _contradicts(facts, twin.facts):
        return "contradiction", None
    return "", twin


def _contradicts(a: Facts, b: Facts) -> bool:
    """Equal in one key: do the e-mail addresses and the names speak against it?"""
    if a.email_key and a.email_key == b.email_key and a.number_key and a.number_key == b.number_key:
        return False
    if a.email_key and b.email_key and a.email_key != b.email_key:
        named = (a.first_key or a.last_key) and (b.first_key or b.last_key)
        return bool(named) and not similar_names(a, b)
    return strangers(a, b)


def without(subject: Subject, taken: Mapping[UUID, UUID]) -> Subject:
    """The same subject after these destination records were linked to others."""
    mine = subject.facts.record_id
    return subject._replace(
        twins=tuple(
            t._replace(taken_by=taken[t.facts.record_id]) if taken.get(t.facts.record_id, mine) != mine else t
            for t in subject.twins
        ),
        others=tuple(o for o in subject.others if taken.get(o.facts.record_id, mine) == mine),
    )


def candidates_of(decision: Decision) -> tuple[Candidate, ...]:
    """The destination records that the decision names without linking them."""
    if isinstance(decision, Disputed):
        return decision.candidates
    return (decision.candidate,) if isinstance(decision, Unlinked) else ()


def hash_of(subject: Subject, decision: Decision) -> bytes:
    """Changes when, and only when, the answer is another one. What only explains a link does not count."""
    shown = decision
    if isinstance(decision, Linked):
        shown = Linked(decision.destination_record_id, decision.destination_remote_id, decision.origin)
    return _digest(subject.destination_account_id, shown)


@lru_cache(maxsize=1024)
def _digest(destination_account_id: UUID, decision: Decision) -> bytes:
    """Remembered, because most answers of an import are the same one: nobody is plausible."""
    text = f"{destination_account_id}{type(decision).__name__}{decision}"
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def event_of(subject: Subject, decision: Decision, link_rev: int, *, then_push: bool = False) -> Decided:
    """The decision as it is told."""
    facts = subject.facts
    head: dict[str, Any] = {
        "record_id": facts.record_id,
        "account_id": facts.account_id,
        "destination_account_id": subject.destination_account_id,
        "link_rev": link_rev,
        "source_rev": facts.rev,
    }
    match decision:
        case Linked(destination, remote_id, origin, evidence):
            return RecordLinked(
                **head,
                destination_record_id=destination,
                destination_remote_id=remote_id,
                origin=origin,
                evidence=evidence,
                then_push=then_push,
            )
        case Unlinked(one, reason):
            return RecordUnlinked(**head, reason=reason, candidate=one)
        case Unmatched(asked_at):
            return RecordUnmatched(**head, reason="", asked_at=asked_at)
        case Disputed(reason, candidates):
            return RecordDisputed(**head, reason=reason, candidates=candidates)
        case Deleted(destination):
            return RecordDeleted(**head, reason="deleted_at_source", destination_record_id=destination)
        case _:
            assert_never(decision)
