"""When a push that could not be carried out is tried again."""

from collections.abc import Iterable

from services.syncer.core.state import Push, PushState, RecordState
from shared.backoff import backoff_seconds
from shared.domain.values import Action
from shared.errors import MusterError, RateLimited

TRANSIENT = frozenset({"unavailable", "rate_limited", "unauthorized", "stale", "outcome_unknown"})
"""Reasons that may be over by themselves, without anybody changing the data."""

LONGEST_PAUSE_SECONDS = 60.0
"""Between two tries of a push or a call."""

LONGEST_SECONDS = 600.0
"""The longest pause between two retries of a failed push."""


def waits_for_retry(push: Push | None) -> bool:
    """Whether this push has failed and waits to be tried again by itself."""
    return push is not None and push.retry_at is not None and push.state is PushState.PLANNED


def retries(state: RecordState, push: Push, error: MusterError | None, most: int) -> bool:
    """Whether a push that failed is tried again by itself, `most` tries in all.

    One on its way over temporary values is not: it keeps trying, or gives them up (`Turn.BACK`). Nor is an adoption:
    its person decides again.
    """
    open_push = state.push
    if error is None or open_push is None or open_push.push_id != push.push_id:
        return False
    if push.step or push.action is Action.ADOPT:
        return False
    return error.reason in TRANSIENT and open_push.attempts + 1 < most and state.basis() is not None


def retry_seconds(first: float, quick: int, push: Push, error: MusterError | None) -> float:
    """The pause before a failed push is tried again: longer than those of the `quick` tries that come before any is Failed.

    It doubles, and is no shorter than the system asks for.
    """
    pause = backoff_seconds(max(quick, push.attempts + 1) + 1, first=first, most=LONGEST_SECONDS)
    return max(pause, error.retry_after) if isinstance(error, RateLimited) else pause


def pause_seconds(first: float, pushes: Iterable[Push]) -> float:
    """How long these wait until they are tried again: not at all when none of them has been before."""
    most = max((i.attempts for i in pushes), default=0)
    return backoff_seconds(most, first=first, most=LONGEST_PAUSE_SECONDS) if most else 0.0
