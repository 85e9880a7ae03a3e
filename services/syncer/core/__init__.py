"""What the destination lacks, what status that gives a record, and what becomes of its pushes. Pure."""

from services.syncer.core.case import (
    Case,
    Decision,
    Fact,
    Failure,
    Fields,
    Item,
    Plan,
    Standing,
    Stored,
    newest,
    replaces,
    same,
)
from services.syncer.core.pushing import (
    Recheck,
    answered,
    awaited,
    backoff_seconds,
    can_be_found,
    careful,
    decide,
    ended,
    exchanged,
    leaves_unknown,
    postponed,
    recheck,
    skipped,
    source_rev,
    still_wanted,
    succeeded,
    values,
)
from services.syncer.core.standing import (
    RETRYABLE,
    WAITING_REASONS,
    differing,
    in_json,
    plan,
    standing,
    unchecked,
)
from services.syncer.core.told import FACTS, Link, fact_of, link_of, stored

__all__ = [
    "FACTS", "RETRYABLE", "WAITING_REASONS", "Case", "Decision", "Fact", "Failure", "Fields",
    "Item", "Link", "Plan", "Recheck", "Standing", "Stored", "answered", "awaited", "backoff_seconds", "can_be_found",
    "careful", "decide", "differing", "ended", "exchanged", "fact_of", "in_json", "leaves_unknown", "link_of", "newest", "plan",
    "postponed", "recheck", "replaces", "same", "skipped", "source_rev", "standing",
    "still_wanted", "stored", "succeeded", "unchecked", "values",
]  # fmt: skip
