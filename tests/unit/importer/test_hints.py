"""Which hints call for a read, and that no change of somebody else is left unread by the rule."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.importer.core import Heed, Held, heed
from shared.contracts.events import Reported
from shared.domain.versions import Reading

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OUR_CLOCK = NOON + timedelta(days=400)
"""How far our clock is from theirs is of no account."""


def held(
    version: str | None = "e3", *, written: bool = True, state: str = "present", dated: bool = True
) -> Held:
    """What the system answered to a write of ours, or to a read, and dated to the second, as QuickBooks does."""
    return Held(state, Reading(version, NOON if dated else None, OUR_CLOCK, OUR_CLOCK, written))


def told(seconds: float | None = None, version: str | None = None) -> Reported:
    """An event, dated so many seconds after the record."""
    return Reported(
        remote_id="r", version=version, at=None if seconds is None else NOON + timedelta(seconds=seconds)
    )


@pytest.mark.parametrize(
    ("known", "event", "call"),
    [
        (held(), told(0.4, "e3"), Heed.NOTHING),
        (held(written=False), told(0.4, "e3"), Heed.NOTHING),
        (held(), told(0.4, "e4"), Heed.LATER),
        (held(), told(0.4), Heed.LATER),
        (held(), told(0), Heed.LATER),
        (held(), told(-1.9), Heed.LATER),
        (held(), told(4.9), Heed.LATER),
        (held(), told(5), Heed.NOW),
        (held(), told(600), Heed.NOW),
        (held(), told(-2.1), Heed.NOTHING),
        (held(written=False), told(0.4), Heed.NOW),
        (held(written=False), told(-1), Heed.NOW),
        (held(written=False), told(-3), Heed.NOTHING),
        (held(), told(), Heed.NOW),
        (held(dated=False), told(0), Heed.NOW),
        (held(None), told(600, None), Heed.NOW),
        (held(state="removed"), told(-600, "e3"), Heed.NOW),
        (held(state="unreadable"), told(-600, "e3"), Heed.NOW),
        (None, told(0, "e3"), Heed.NOW),
    ],
)
def test_a_hint_calls_for_a_read_unless_staging_holds_what_it_reports(
    known: Held | None, event: Reported, call: Heed
) -> None:
    assert heed(known, event) is call


MOMENTS = st.integers(0, 8_000_000).map(lambda us: timedelta(microseconds=us))
FRACTIONS = st.sampled_from([1, 1_000, 1_000_000])


def cut(at: datetime, microseconds: int) -> datetime:
    """As a system shows it that gives no finer times."""
    return at.replace(microsecond=at.microsecond // microseconds * microseconds)


@given(
    ours=MOMENTS,
    theirs=MOMENTS,
    skew=st.integers(-900_000, 900_000).map(lambda us: timedelta(microseconds=us)),
    late=st.sampled_from([0.0, 0.3, 20.0]),
    shown=FRACTIONS,
    hinted=FRACTIONS,
    etags=st.booleans(),
)
def test_a_change_that_is_not_held_is_always_read(
    ours: timedelta,
    theirs: timedelta,
    skew: timedelta,
    late: float,
    shown: int,
    hinted: int,
    etags: bool,
) -> None:
    """Somebody edits a record before or after our write, by a clock of their system that is up to 0.9 s off.

    Times are cut off as the system likes, its event comes late or at once. Only where the edit came first is it in what
    our write was answered.
    """
    first, second = ("theirs", "ours") if theirs < ours else ("ours", "theirs")
    versions = {first: "1", second: "2"}
    version = versions["ours"] if etags else None
    updated_at = cut(NOON + ours, shown)
    known = Held("present", Reading(version, updated_at, OUR_CLOCK, OUR_CLOCK, written=True))
    edit = Reported(
        remote_id="r",
        version=versions["theirs"] if etags else None,
        at=cut(NOON + theirs + skew + timedelta(seconds=late), hinted),
    )
    is_held = theirs < ours
    assert is_held or heed(known, edit) is not Heed.NOTHING
    echo = Reported(remote_id="r", version=version, at=cut(NOON + ours, hinted))
    assert heed(known, echo) is (Heed.NOTHING if etags else Heed.LATER)
