"""How long to wait before something is tried again."""

import pytest

from shared.backoff import backoff_seconds


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 0.5), (1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 5.0), (10_000, 5.0)]
)
def test_pauses_double_up_to_the_longest(tries: int, seconds: float) -> None:
    assert seconds == backoff_seconds(tries, first=0.5, most=5.0)
