"""How long a month's calls last."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.connectors.limits.budget import lasts_until

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "used", "allowed", "last"),
    [
        (10, 0, 0, None),  # no limit
        (10, 199, 1_000, None),  # too few to say
        (10, 300, 1_000, None),  # 33 days' worth
        (10, 400, 1_000, 25),
        (1, 500, 1_000, 2),
        (10, 1_000, 1_000, 10),  # used up
        (10, 2_000, 1_000, 10),
        (31, 999, 1_000, None),  # the month ends first
    ],
)
def test_calls_last_as_long_as_the_pace_of_the_month_lets_them(
    days: int, used: int, allowed: int, last: int | None
) -> None:
    found = lasts_until(MARCH + timedelta(days=days, seconds=-1 if days == 31 else 0), used, allowed)
    assert found == (None if last is None else MARCH + timedelta(days=last))


def test_a_month_is_one_of_utc() -> None:
    """On the evening of 31 March in Denver April has begun, and its calls with it."""
    denver = timezone(timedelta(hours=-6))
    now = datetime(2026, 3, 31, 20, tzinfo=denver)
    assert lasts_until(now, 500, 1_000) == datetime(2026, 4, 1, 4, tzinfo=UTC)
