"""Who is who, decided purely: facts in, a decision out."""

from services.mapper.core.decide import (
    Answer,
    Decision,
    Deleted,
    Disputed,
    Link,
    Linked,
    Other,
    Subject,
    Twin,
    Unlinked,
    Unmatched,
    candidates_of,
    decide,
    event_of,
    hash_of,
    without,
)
from services.mapper.core.facts import Facts, facts_of, removed
from services.mapper.core.match import compare, confidence, plausible, similar_keys, similar_names

__all__ = [
    "Answer", "Decision", "Deleted", "Disputed", "Facts", "Link", "Linked", "Other", "Subject", "Twin", "Unlinked",
    "Unmatched", "candidates_of", "compare", "confidence", "decide", "event_of", "facts_of", "hash_of", "plausible",
    "removed", "similar_keys", "similar_names", "without",
]  # fmt: skip
