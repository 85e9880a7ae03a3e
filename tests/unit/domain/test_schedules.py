"""When a schedule is due next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.schedules import DAYS, Timing, next_run

FRIDAY = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timing", "after", "expected"),
    [
        ({"every_minutes": 15}, "2026-11-27T22:30:00+00:00", "2026-11-27T22:45:00+00:00"),
        ({"every_minutes": 15}, "2026-11-27T22:44:59+00:00", "2026-11-27T22:45:00+00:00"),
        ({"at": "06:00"}, "2026-11-27T22:30:00+00:00", "2026-11-28T06:00:00+00:00"),
        ({"at": "06:00", "time_zone": "America/Los_Angeles"}, "2026-11-27T22:30:00+00:00", "2026-11-28T14:00:00+00:00"),
        ({"at": "14:30", "time_zone": "America/Los_Angeles"}, "2026-11-27T22:30:00+00:00", "2026-11-28T22:30:00+00:00"),
        ({"at": "06:00", "days": ["mon", "tue"]}, "2026-11-27T22:30:00+00:00", "2026-11-30T06:00:00+00:00"),
        ({"at": "22:30", "days": ["fri"]}, "2026-11-27T22:30:00+00:00", "2026-12-04T22:30:00+00:00"),
        # It is Saturday in Auckland already.
        ({"at": "11:45", "days": ["sat"], "time_zone": "Pacific/Auckland"}, "2026-11-27T22:30:00+00:00",
         "2026-11-27T22:45:00+00:00"),
        # The clocks leave 02:30 out, and later go through 01:30 twice.
        ({"at": "02:30", "time_zone": "America/New_York"}, "2026-03-08T05:00:00+00:00", "2026-03-08T07:30:00+00:00"),
        ({"at": "01:30", "time_zone": "America/New_York"}, "2026-11-01T04:00:00+00:00", "2026-11-01T05:30:00+00:00"),
        ({"at": "01:30", "time_zone": "America/New_York"}, "2026-11-01T05:30:00+00:00", "2026-11-02T06:30:00+00:00"),
        ({"cron": "*/10 8-17 * * MON-FRI"}, "2026-11-27T17:50:00+00:00", "2026-11-30T08:00:00+00:00"),
        ({"cron": "0 6 * * 1#1", "time_zone": "America/Los_Angeles"}, "2026-11-27T22:30:00+00:00",
         "2026-12-07T14:00:00+00:00"),
        ({"cron": "30 18 L * *"}, "2026-11-27T22:30:00+00:00", "2026-11-30T18:30:00+00:00"),
        ({"cron": "0 0 29 2 *"}, "2026-11-27T22:30:00+00:00", "2028-02-29T00:00:00+00:00"),
        ({"cron": "30 1 * * *", "time_zone": "America/New_York"}, "2026-11-01T05:30:00+00:00", "2026-11-02T06:30:00+00:00"),
    ],
)  # fmt: skip
def test_the_next_run(timing: dict[str, Any], after: str, expected: str) -> None:
    assert next_run(Timing(**timing), datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 23),
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_it_is_later_within_eight_days_and_never_skips_one(
    after: datetime, hour: int, days: set[Any], zone: str
) -> None:
    timing = Timing(at=f"{hour:02}:20", days=tuple(days), time_zone=zone)
    following = next_run(timing, after)
    assert after < following <= after + timedelta(days=8)
    assert next_run(timing, following - timedelta(seconds=1)) == following
    assert next_run(timing, after + (following - after) / 2) == following


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"every_minutes": 5, "at": "06:00"}, {"every_minutes": 1}, {"at": "24:00"}, {"at": "6:00"},
        {"at": "06:00", "days": []},
        {"at": "06:00", "time_zone": "Mars/Olympus"}, {"at": "06:00", "time_zone": "../etc/passwd"},
        {"at": "06:00", "days": ["someday"]}, {"at": "06:00", "cron": "0 6 * * *"},
        {"cron": "* * * * *"}, {"cron": "0,3 6 * * *"}, {"cron": "59,0 * * * *"}, {"cron": "0 0 30 2 *"}, {"cron": ""},
        {"cron": "0 0 6 * * *"}, {"cron": "0 6 * * MONDAY"}, {"cron": "@daily"}, {"cron": "0 25 * * *"}, {"cron": "0 " * 40},
        {"cron": "0 6 * * *", "time_zone": "Mars/Olympus"},
    ],
)  # fmt: skip
def test_what_is_no_timing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Timing(**wrong)
