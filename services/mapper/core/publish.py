"""A decision as it is published, and whether it is another one than before."""

import hashlib
from typing import Any, assert_never

from services.mapper.core.counts import MATCHING_VERSION
from services.mapper.core.decide import (
    Decision,
    Deleted,
    Disputed,
    Excluded,
    Linked,
    MatchInput,
    MatchResult,
    Unlinked,
    Unmatched,
    candidates_of,
)  # fmt: skip
from shared.contracts.events import (
    Decided,
    RecordDeleted,
    RecordDisputed,
    RecordExcluded,
    RecordLinked,
    RecordUnlinked,
    RecordUnmatched,
)  # fmt: skip


def hash_of(match_input: MatchInput, decision: Decision) -> bytes:
    """Changes when, and only when, the answer is another one. What only explains a link does not count, nor do bits."""
    shown: object = decision
    if isinstance(decision, Linked):
        shown = decision.destination_record_id, decision.destination_remote_id, decision.origin
    elif named := candidates_of(decision):
        levels = [(c.record_id, [(e.field, e.level) for e in c.evidence], c.vetoes) for c in named]
        shown = getattr(decision, "reason", ""), levels
    text = f"{match_input.destination_account_id}{type(decision).__name__}{shown}"
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def is_news(last: MatchResult | None, digest: bytes, match_input: MatchInput, decision: Decision) -> bool:
    """Whether this was not published yet: another answer, or one for another version of a record that has no link.

    `digest` is the decision's `hash_of`. Nobody waits to hear that a link stands; it is said again in each generation, for
    whoever could not handle it and let it go.
    """
    if last is None or last.hash != digest:
        return True
    if isinstance(decision, Linked):
        return last.generation != match_input.generation
    return last.source_rev != match_input.facts.rev


def event_of(
    match_input: MatchInput, decision: Decision, link_rev: int, *, then_push: bool = False
) -> Decided:
    """The decision as it is published."""
    facts = match_input.facts
    head: dict[str, Any] = {
        "record_id": facts.record_id,
        "account_id": facts.account_id,
        "destination_account_id": match_input.destination_account_id,
        "link_rev": link_rev,
        "source_rev": facts.rev,
        "matching_version": MATCHING_VERSION,
        "generation": match_input.generation,
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
            return RecordUnmatched(**head, reason="", asked_at=asked_at, then_push=then_push)
        case Disputed(reason, candidates):
            return RecordDisputed(**head, reason=reason, candidates=candidates)
        case Deleted(destination):
            return RecordDeleted(**head, reason="deleted_at_source", destination_record_id=destination)
        case Excluded(destination, reason):
            return RecordExcluded(**head, reason=reason, destination_record_id=destination)
        case _:
            assert_never(decision)
