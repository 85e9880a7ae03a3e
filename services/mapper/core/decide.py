"""The decision about one source record, and the event that says it.

What links by itself is best for both sides by a margin, so no destination record can link to two source records at once.
A link only ever removes rivals: so within one generation of counts every order of the same facts ends in the same links.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from uuid import UUID

from services.mapper.core.explain import VETO_REASONS
from services.mapper.core.facts import Facts
from services.mapper.core.score import LINK_BITS, MARGIN_BITS, Score
from shared.contracts.events import Candidate, Evidence


class Link(NamedTuple):
    """A stored pair. `destination` is None until the record has been read from its directory."""

    destination_record_id: UUID
    destination_remote_id: str
    origin: str
    destination: Facts | None


def is_gone(link: Link) -> bool:
    """Whether its destination record is gone, by a merge or a deletion: who is near to it is proposed then."""
    return link.destination is not None and link.destination.state == "removed"


class Rival(NamedTuple):
    """Another source record, linked to nobody, compared with a candidate."""

    record_id: UUID
    score: Score


class Compared(NamedTuple):
    """A destination record that shares a key and that the score does not rule out, and who else claims it."""

    facts: Facts
    score: Score
    taken_by: UUID | None = None
    rivals: tuple[Rival, ...] = ()


class MatchInput(NamedTuple):
    """A source record with everything its decision depends on."""

    facts: Facts
    destination_account_id: UUID
    directory_complete: bool
    confirm_matches: bool
    link: Link | None = None
    create: datetime | None = None
    """When a person asked for a new record."""
    refused: frozenset[UUID] = frozenset()
    lost: str = ""
    """Why the link that a person chose last could not be made any more, as a reason's code."""
    lost_to: Facts | None = None
    """The destination record that they chose, if it is known."""
    excluded: bool = False
    """A person decided that it is never synced."""
    out_of_scope: bool = False
    """The company's scope leaves it out."""
    compared: tuple[Compared, ...] = ()
    link_score: Score | None = None
    """How the stored link's two records agree now; None until both have been read."""
    generation: int = 0
    """The version of the counts and gates that the scores rest on."""


@dataclass(frozen=True, slots=True)
class Linked:
    """The two are one person."""

    destination_record_id: UUID
    destination_remote_id: str
    origin: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Unlinked:
    """One certain match, which waits: to be confirmed, or for its directory."""

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


@dataclass(frozen=True, slots=True)
class Excluded:
    """It takes no part: by a person's decision, or by the company's scope."""

    destination_record_id: UUID | None
    reason: str = "excluded"


Decision: TypeAlias = Linked | Unlinked | Unmatched | Disputed | Deleted | Excluded


class MatchResult(NamedTuple):
    """The last result published about a source record, as a row of the table."""

    company_id: UUID
    record_id: UUID
    situation: str
    reason: str
    link_rev: int
    source_rev: int
    hash: bytes
    matching_version: int
    generation: int


def evidence_of(score: Score) -> tuple[Evidence, ...]:
    """The parts of a score as they are published."""
    return tuple(_evidence(p.field, p.level, round(p.bits, 2)) for p in score.parts)


@lru_cache(maxsize=4096)
def _evidence(field: str, level: str, bits: float) -> Evidence:
    return Evidence(field=field, level=level, bits=bits)


def confidence(bits: float) -> float:
    """The probability of one person that the bits stand for, 0.01 to 0.99."""
    return round(max(0.01, min(0.99, 1 / (1 + math.exp2(-max(-50.0, min(50.0, bits)))))), 2)


def candidate(other: Facts, score: Score) -> Candidate:
    """`other` as a possible match; its parts and the start value add up to its bits."""
    evidence, start = evidence_of(score), round(score.start, 2)
    bits = round(start + sum(e.bits for e in evidence), 2)
    return Candidate(
        record_id=other.record_id,
        remote_id=other.remote_id,
        confidence=confidence(bits),
        bits=bits,
        start=start,
        evidence=evidence,
        vetoes=score.vetoes,
    )


def _ranked(compared: Iterable[Compared]) -> tuple[Compared, ...]:
    return tuple(sorted(compared, key=lambda c: (-c.score.bits, c.facts.record_id)))


def _shown(compared: Iterable[Compared]) -> tuple[Candidate, ...]:
    return tuple(candidate(c.facts, c.score) for c in _ranked(compared))


def decide(match_input: MatchInput) -> Decision:
    """The one situation of this source record."""
    facts, link = match_input.facts, match_input.link
    if match_input.excluded:
        return Excluded(link.destination_record_id if link else None)
    if not facts.live:
        return Deleted(link.destination_record_id if link else None)
    if match_input.out_of_scope:
        return Excluded(link.destination_record_id if link else None, "out_of_scope")
    if match_input.lost:
        chosen = match_input.lost_to.record_id if match_input.lost_to else None
        return Disputed(
            match_input.lost, _shown(c for c in match_input.compared if c.facts.record_id == chosen)
        )
    if link is not None:
        if is_gone(link):
            return Disputed("deleted_at_destination", _shown(match_input.compared))
        evidence = evidence_of(match_input.link_score) if match_input.link_score else ()
        return Linked(link.destination_record_id, link.destination_remote_id, link.origin, evidence)
    if match_input.create is not None:
        return Unmatched(match_input.create)
    return _by_score(match_input)


def _by_score(match_input: MatchInput) -> Decision:
    """Linked when one candidate is best for both sides by a margin; a case when any remains; else unmatched."""
    mine = match_input.facts.record_id
    free = _free(match_input)
    taken = [
        c for c in match_input.compared
        if c.taken_by not in (None, mine) and strong(c.score) and c.score.level("number") != "zeros"
    ]  # fmt: skip
    if not free:
        return Disputed("match_taken", _shown(taken)) if taken else Unmatched()
    best = free[0]
    reason = _held_back(match_input, best, free)
    if reason:
        return Disputed(reason, _shown([*free, *taken]))
    if not match_input.directory_complete:
        return Unlinked(candidate(best.facts, best.score), "directory_being_read")
    if match_input.confirm_matches:
        return Unlinked(candidate(best.facts, best.score), "confirm_match")
    return Linked(best.facts.record_id, best.facts.remote_id, "auto", evidence_of(best.score))


def strong(score: Score) -> bool:
    """Whether the pair could link by itself, whoever its rivals are."""
    return not score.vetoes and score.bits >= LINK_BITS + score.extra


def _held_back(match_input: MatchInput, best: Compared, free: Sequence[Compared]) -> str:
    """Why the best candidate does not link by itself, as a reason's code; empty when it does."""
    score = best.score
    if best.facts.record_id in match_input.refused:
        return "match_refused"
    if score.vetoes:
        return VETO_REASONS[score.vetoes[0]]
    if not strong(score):
        keyed = "equal" in (score.level("number"), score.level("email"))
        return "contradiction" if keyed else "similar_name"
    if len(free) > 1 and score.bits - free[1].score.bits < MARGIN_BITS:
        return "several_matches"
    near = [r.score for r in best.rivals if score.bits - r.score.bits < MARGIN_BITS]
    for field, reason in (("number", "number_not_unique"), ("email", "email_not_unique")):
        if score.level(field) == "equal" and any(r.level(field) == "equal" for r in near):
            return reason
    return "several_sources" if near else ""


def _free(match_input: MatchInput) -> tuple[Compared, ...]:
    """The candidates that nobody else is linked to, best first.

    Where an active person's best is inactive and an active one remains, it may be a rehire, or a number used again.
    """
    mine = match_input.facts.record_id
    free = _ranked(c for c in match_input.compared if c.taken_by in (None, mine))
    if not match_input.facts.active or not free or free[0].facts.active:
        return free
    best = free[0]
    if any(c.facts.active for c in free[1:]) and "rehire" not in best.score.vetoes:
        best = best._replace(score=best.score._replace(vetoes=(*best.score.vetoes, "rehire")))
    return (best, *free[1:])


def best_of(match_input: MatchInput) -> Compared | None:
    """The candidate that would link if nobody else at the source claims it; None when none would."""
    free = _free(match_input)
    return free[0] if free and not _held_back(match_input, free[0]._replace(rivals=()), free) else None


def rests_on(match_input: MatchInput, destinations: Mapping[UUID, UUID], sources: AbstractSet[UUID]) -> bool:
    """Whether one of its candidates is among `destinations`, or a rival among `sources`."""
    return any(
        c.facts.record_id in destinations or any(r.record_id in sources for r in c.rivals)
        for c in match_input.compared
    )


def without(match_input: MatchInput, taken: Mapping[UUID, UUID]) -> MatchInput:
    """The same match input after these destination records were linked to others."""
    mine, linked = match_input.facts.record_id, set(taken.values())
    return match_input._replace(
        compared=tuple(
            c._replace(
                taken_by=owner if (owner := taken.get(c.facts.record_id, mine)) != mine else c.taken_by,
                rivals=tuple(r for r in c.rivals if r.record_id not in linked),
            )
            for c in match_input.compared
        )
    )


def candidates_of(decision: Decision) -> tuple[Candidate, ...]:
    """The destination records that the decision names without linking them."""
    if isinstance(decision, Disputed):
        return decision.candidates
    return (decision.candidate,) if isinstance(decision, Unlinked) else ()
