"""Which of two answers about one record is the newer one."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.versions import Reading, is_newer

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def reading(
    requested: float,
    answered: float,
    version: str | None = None,
    moved: float | None = None,
    *,
    written: bool = False,
) -> Reading:
    """An answer; all times in seconds after noon."""
    return Reading(
        version,
        None if moved is None else NOON + timedelta(seconds=moved),
        NOON + timedelta(seconds=requested),
        NOON + timedelta(seconds=answered),
        written,
    )


KNOWN = reading(0, 2, "9", 0)


@pytest.mark.parametrize(
    ("fresh", "newer"),
    [
        (reading(-9, -8, "10"), True),
        (reading(8, 9, "8"), False),
        (reading(8, 9, "8", 5), False),
        (reading(-9, -8, "b", 1), True),
        (reading(8, 9, "b", -1), False),
        (reading(-9, -8, None, 1), True),
        (reading(2, 3, "9", 0), True),
        (reading(1, 3, "9", 0), False),
        (reading(2, 3, "b"), True),
        (reading(1, 3, "b"), False),
        (reading(1, 3, "²"), False),
        (reading(1, 3, written=True), True),
        (reading(-2, 0, written=True), False),
    ],
)
def test_the_systems_own_order_decides_then_the_times_of_the_calls(fresh: Reading, newer: bool) -> None:
    """Version numbers, times of change, calls one after the other; of overlapping calls our own write."""
    assert newer == is_newer(KNOWN, fresh)


@pytest.mark.parametrize("version", [None, "tag", "9"])
def test_a_page_that_overlaps_our_write_loses_in_either_order(version: str | None) -> None:
    page, ours = reading(0, 3, version), reading(1, 2, version and f"{version}'", written=True)

    assert is_newer(page, ours)
    assert not is_newer(ours, page)


def test_two_overlapping_reads_leave_what_is_known() -> None:
    one, other = reading(0, 2), reading(1, 3)

    assert not is_newer(one, other)
    assert not is_newer(other, one)
