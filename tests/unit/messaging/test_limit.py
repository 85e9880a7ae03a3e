"""How many dead letters are bad messages, and how many a bad deploy."""

from __future__ import annotations

from shared.messaging.limit import WINDOW_SECONDS, DeadLetterLimit


def test_few_are_bad_messages_whatever_else_comes() -> None:
    assert DeadLetterLimit(20).room(20, 0, 0.0) == 20


def test_more_than_that_and_than_was_handled_have_room_for_the_first_only() -> None:
    limit = DeadLetterLimit(20)
    assert limit.room(35, 34, 0.0) == 20
    assert limit.room(35, 35, 0.0) == 35


def test_what_was_handled_counts_for_five_minutes() -> None:
    limit = DeadLetterLimit(20)
    for now in (0.0, 0.1, 7.0):
        limit.handled(12, now)
    assert limit.room(36, 0, 8.0) == 36
    assert limit.room(36, 0, 2.0 + WINDOW_SECONDS) == 20


def test_dead_letters_take_the_room_of_others_for_five_minutes() -> None:
    limit = DeadLetterLimit(20)
    limit.dead_lettered(15, 0.0)
    assert limit.room(6, 0, 1.0) == 5
    limit.dead_lettered(5, 1.0)
    assert limit.room(6, 0, 1.0) == 0
    assert limit.room(15, 0, 1.5 + WINDOW_SECONDS) == 15


def test_what_is_remembered_does_not_grow_with_what_was_handled() -> None:
    limit = DeadLetterLimit(20)
    for n in range(10_000):
        limit.handled(1, n / 10)
    assert len(limit._handled._seconds) <= WINDOW_SECONDS + 1
