"""Who is who, decided purely: facts in, a decision out."""

from services.mapper.core.choose import MOST_SHARING, NEAREST, Pair, can_link, choose, key_weight, nearest
from services.mapper.core.counts import MATCHING_VERSION, Counts, open_gates
from services.mapper.core.decide import (
    Compared,
    Decision,
    Deleted,
    Disputed,
    Excluded,
    Link,
    Linked,
    MatchInput,
    MatchResult,
    Rival,
    Unlinked,
    Unmatched,
    best_of,
    candidate,
    candidates_of,
    decide,
    is_gone,
    rests_on,
    strong,
    without,
)
from services.mapper.core.explain import LEVELS, VETOES, could_change
from services.mapper.core.facts import Facts, facts_of, removed
from services.mapper.core.names import words
from services.mapper.core.profile import Profile, identity_keys_of, number_forms
from services.mapper.core.publish import event_of, hash_of
from services.mapper.core.scope import Scope, scope_of
from services.mapper.core.score import LINK_BITS, MARGIN_BITS, Score, Scorer

__all__ = [
    "LEVELS",
    "LINK_BITS",
    "MARGIN_BITS",
    "MATCHING_VERSION",
    "MOST_SHARING",
    "NEAREST",
    "VETOES",
    "Compared",
    "Counts",
    "Decision",
    "Deleted",
    "Disputed",
    "Excluded",
    "Facts",
    "Link",
    "Linked",
    "MatchInput",
    "MatchResult",
    "Pair",
    "Profile",
    "Rival",
    "Scope",
    "Score",
    "Scorer",
    "Unlinked",
    "Unmatched",
    "best_of",
    "can_link",
    "candidate",
    "candidates_of",
    "choose",
    "could_change",
    "decide",
    "event_of",
    "facts_of",
    "hash_of",
    "identity_keys_of",
    "is_gone",
    "key_weight",
    "nearest",
    "number_forms",
    "open_gates",
    "removed",
    "rests_on",
    "scope_of",
    "strong",
    "without",
    "words",
]  # fmt: skip
