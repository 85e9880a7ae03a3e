"""How often an account is read, what that found, and whether a complete read is believed. Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta

from services.importer.core.staging import Staging
from shared.contracts.events import EmployeeStaged

HOOK_TIME = timedelta(minutes=1)
SILENT_SECONDS, SPENT_SECONDS = 60, 3600
"""How often to sweep while hooks are silent, and when the month's allowance is nearly spent."""
HALF_SPENT, NEARLY_SPENT = 0.5, 0.95


def missed(staging: Staging, newly_seen: Collection[str], as_of: datetime) -> int:
    """How many changes a sweep found that a hook should have brought by then: hooks get a minute."""
    late = as_of - HOOK_TIME
    changed = [e.remote_updated_at for e in staging.events if isinstance(e, EmployeeStaged)]
    changed += [one.remote_updated_at for one in staging.seen if one.remote_id in newly_seen]
    return sum(at is None or at < late for at in changed)


def is_silent(hinted_at: datetime | None, found_at: datetime | None) -> bool:
    """Whether hooks seem to be lost: a sweep found what none had announced, and none has come since."""
    return found_at is not None and (hinted_at is None or hinted_at < found_at)


def sweep_seconds(usual: int, *, silent: bool, metered: int, allowed: int, of_month: float) -> int:
    """How often to sweep.

    More often while hooks are silent. Less often when the month's `metered` calls would come to more than is `allowed`
    (0: no limit) at this pace, `of_month` of the month being over: sweeps give way to what people do.
    """
    seconds = min(usual, max(SILENT_SECONDS, usual // 5)) if silent else usual
    if not allowed or metered < allowed * HALF_SPENT:
        return seconds
    if metered >= allowed * NEARLY_SPENT:
        return max(seconds, SPENT_SECONDS)
    return seconds * 4 if metered > allowed * of_month else seconds


def is_short(held: int, unmet: int, confirmed: int) -> bool:
    """Whether a complete read met less than half of those that the directory held before it, so that it is not believed.

    It is where a person has `confirmed` that so many are gone.
    """
    return unmet * 2 > held and unmet > confirmed
