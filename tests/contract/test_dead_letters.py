"""Every consumer of every topic says what a message shows that it cannot handle, or why it need not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from shared.contracts import topics
from shared.contracts.topics import Topic
from shared.db.migrate import SERVICES
from shared.messaging.consume import Consume
from shared.messaging.subscription import Subscription

from .test_subscribers import parts_of

SHOWN_ELSEWHERE = {
    (service, topics.SETTINGS): "the records stay as they were; settings are republished whole"
    for service in ("importer", "mapper", "syncer")
} | {
    ("history", topic): "history shows what others say: the alarm on dead letters" for topic in topics.TOPICS
}
"""Whose dead letters need no status of their own, and why."""


def silent(service: str, subscriptions: Iterable[Subscription]) -> list[str]:
    """The topics whose dead letters nobody would see."""
    by_name: dict[str, Topic] = {name: topic for topic in topics.TOPICS for name in topic.names()}
    return [
        s.topic
        for s in subscriptions
        if s.dead_lettering.on_dead_letter is None and (service, by_name[s.topic]) not in SHOWN_ELSEWHERE
    ]


async def subscriptions_of(service: str) -> list[Subscription]:
    """What the service's own composition root subscribes."""
    made: list[Consume] = []
    with pytest.MonkeyPatch.context() as patch:
        init = Consume.__init__

        def remember(self: Consume, *args: Any) -> None:
            init(self, *args)
            made.append(self)

        patch.setattr(Consume, "__init__", remember)
        await parts_of(service)
    return made[0].subscriptions()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_dead_letter_is_shown(service: str) -> None:
    assert silent(service, await subscriptions_of(service)) == []


async def test_a_silent_consumer_is_found() -> None:
    """The negative control."""
    subscriptions = await subscriptions_of("mapper")
    for one in subscriptions:
        object.__setattr__(one.dead_lettering, "on_dead_letter", None)
    assert set(silent("mapper", subscriptions)) == {
        name for topic in (topics.EMPLOYEES, topics.PUSHES, topics.MAPPER_COMMANDS) for name in topic.names()
    }
