"""Every subscriber of every service is of the one form that loses nothing (faststream.md §3 and §9).

The live stream to browsers is no subscriber: it reads `views.v1` without a group, from now on.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from faststream import AckPolicy
from faststream.kafka import KafkaRouter

from shared.clock import SystemClock
from shared.contracts.topics import TOPICS
from shared.db.migrate import SERVICES
from shared.db.tx import Database
from shared.http.app import Base, Parts
from shared.messaging import consume
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox
from shared.settings import ServiceSettings

ENVIRONMENT = {
    "MUSTER_DATABASE__DSN": "postgresql://x",
    "MUSTER_KAFKA__BOOTSTRAP": "x:1",
    "MUSTER_INTERNAL_TOKEN": "x",
}


async def parts_of(service: str) -> Parts:
    """What the service's own composition root builds."""
    settings = importlib.import_module(f"services.{service}.settings").Settings
    vault = {"MUSTER_VAULT__KEY": "A" * 43 + "="} if "vault" in settings.model_fields else {}
    built: list[Parts] = []

    async def serve(name: str, given: ServiceSettings, build: Callable[[Base], Parts]) -> None:
        pool: Any = SimpleNamespace()
        database, clock = Database(pool, name), SystemClock()
        built.append(build(Base(database, Outbox(clock), Consume(given, database, clock), clock)))

    app = importlib.import_module(f"services.{service}.app")
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in {**ENVIRONMENT, **vault}.items():
            patch.setenv(variable, value)
        patch.setattr(app, "serve", serve)
        await app.main()
    return built[0]


def wrong(service: str, router: KafkaRouter) -> list[str]:
    """What is not as it must be."""
    found, groups = [], Counter[str]()
    known = {name for topic in TOPICS for name in topic.names()}
    for sub in router.subscribers:
        each: Any = sub
        (name,) = names = [topic.name for topic in each.topics] or [""]
        groups[f"{each.group_id}/{name}"] += 1
        rules = {
            "NACK_ON_ERROR": each.ack_policy is AckPolicy.NACK_ON_ERROR,
            "no auto commit": each._connection_args["enable_auto_commit"] is False,
            "earliest": each._connection_args["auto_offset_reset"] == "earliest",
            "no_reply": each._no_reply is True,
            "one topic": len(names) == 1 and name in known and each.pattern is None,
            "its own group": each.group_id == f"{service}.{name}",
            "a batch": type(each).__name__ == "BatchSubscriber",
            "always listening": ".bulk." in name or getattr(each.get_msg, "func", None) is consume._listen,
        }
        found += [f"{name}: not {rule}" for rule, kept in rules.items() if not kept]
    return found + [f"{group}: twice" for group, count in groups.items() if count > 1]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_subscriber_is_of_the_one_form(service: str) -> None:
    parts = await parts_of(service)
    assert wrong(service, parts.router) == []
    assert bool(parts.router.subscribers) is (service != "gateway")


async def test_another_form_is_found() -> None:
    """The negative control: FastStream's own defaults, twice."""
    router = (await parts_of("mapper")).router
    for _ in range(2):

        @router.subscriber("employees.v1", group_id="mapper.employees.v1")
        async def handler(body: dict[str, Any]) -> None: ...

    assert wrong("mapper", router) == [
        *[
            f"employees.v1: not {rule}"
            for rule in ("NACK_ON_ERROR", "no auto commit", "earliest", "no_reply", "a batch", "always listening")
        ] * 2,
        "mapper.employees.v1/employees.v1: twice",
    ]  # fmt: skip


async def test_every_topic_but_the_pages_hints_is_heard_by_someone() -> None:
    """What nobody hears need not be said."""
    heard = set()
    for service in SERVICES:
        for sub in (await parts_of(service)).router.subscribers:
            heard |= {topic.name for topic in sub.topics}  # type: ignore[attr-defined]
    assert {name for topic in TOPICS for name in topic.names()} - heard == {"views.v1"}
