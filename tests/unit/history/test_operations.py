"""Counts by minute become points of a chart."""

from datetime import UTC, datetime, timedelta

from services.history.core.operations import SPANS, Counted, points, within

BEGIN = datetime(2026, 11, 29, 8, tzinfo=UTC)


def test_every_step_is_there_and_a_step_without_a_push_has_no_seconds() -> None:
    rows = [
        Counted(BEGIN + timedelta(minutes=2), "succeeded", 10, 4),
        Counted(BEGIN + timedelta(minutes=2), "failed", -1, 2),
        Counted(BEGIN + timedelta(minutes=3), "needs_action", -1, 1),
    ]
    found = points(rows, BEGIN, 15, 1)
    assert [p.at for p in found] == [BEGIN + timedelta(minutes=n) for n in range(16)]
    assert (found[2].succeeded, found[2].failed, found[3].needs_action) == (4, 2, 1)
    assert found[2].median == found[2].p95 == 0.68
    assert found[3].median is None and found[0].p95 is None
    assert sum(p.succeeded + p.failed + p.needs_action + p.held for p in found) == 7


def test_so_many_were_done_within_the_seconds() -> None:
    paces = {0: 94, 20: 5, 40: 1, -1: 1000}
    assert within(paces, 0.5) == 0.11
    assert within(paces, 0.95) == 4.2
    assert within(paces, 1) == 161.01
    assert within({-1: 3}, 0.5) is None


def test_no_chart_has_more_points_than_it_can_show() -> None:
    assert [minutes // step for minutes, step in SPANS.values()] == [15, 60, 96, 84]
