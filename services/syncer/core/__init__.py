"""What the destination lacks, what status that gives a record, and what becomes of its pushes. Pure."""

from services.syncer.core.case import Case, Decision, Fact, Failure, Item, Plan, Standing, replaces, same
from services.syncer.core.pushing import (
    Recheck,
    answered,
    backoff_seconds,
    decide,
    ended,
    leaves_unknown,
    postponed,
    read_again,
    recheck,
    sent,
    skipped,
    source_rev,
    still_wanted,
    succeeded,
    values,
)
from services.syncer.core.standing import RETRYABLE, WAITING_REASONS, differing, in_json, plan, standing

__all__ = [
    "RETRYABLE", "WAITING_REASONS", "Case", "Decision", "Fact", "Failure", "Item", "Plan", "Recheck",
    "Standing", "answered", "backoff_seconds", "decide", "differing", "ended", "in_json", "leaves_unknown", "plan",
    "postponed", "read_again", "recheck", "replaces", "same", "sent", "skipped", "source_rev", "standing",
    "still_wanted", "succeeded", "values",
]  # fmt: skip
