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
from shared.contracts.access import CONSUMES
from shared.contracts.topics import TOPICS, VIEWS
from shared.db.migrate import SERVICES
from shared.db.tx import Database
from shared.http.app import Base, Parts
from shared.messaging.consume import Consume, Poll
from shared.messaging.outbox import Outbox
from shared.settings import ServiceSettings

ENVIRONMENT = {
    "MUSTER_DATABASE__DSN": "postgresql://x",
    "MUSTER_KAFKA__BOOTSTRAP": "x:1",
}
TOKENS = [f"MUSTER_INTERNAL_TOKENS__{service.upper()}" for service in SERVICES if service != "gateway"]


async def parts_of(service: str) -> Parts:
    """What the service's own composition root builds."""
    settings = importlib.import_module(f"services.{service}.settings").Settings
    vault = {"MUSTER_VAULT__KEY": "A" * 43 + "="} if "vault" in settings.model_fields else {}
    tokens = dict.fromkeys(TOKENS if service == "gateway" else ["MUSTER_INTERNAL_TOKEN"], "x")
    built: list[Parts] = []

    async def serve(name: str, given: ServiceSettings, build: Callable[[Base], Parts]) -> None:
        pool: Any = SimpleNamespace()
        database, clock = Database(pool, name), SystemClock()
        built.append(build(Base(database, Outbox(clock), Consume(given, database, clock), clock)))

    app = importlib.import_module(f"services.{service}.app")
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in {**ENVIRONMENT, **vault, **tokens}.items():
            patch.setenv(variable, value)
        patch.setattr(app, "serve", serve)
        await app.main()
    return built[0]


def wrong(service: str, router: KafkaRouter) -> list[str]:
    """What is not as it must be."""
    found, groups = [], Counter[str]()
    lanes = {topic.on(lane): lane.value for topic in TOPICS if len(topic.lanes) > 1 for lane in topic.lanes}
    known = {name for topic in TOPICS for name in topic.names()}
    for sub in router.subscribers:
        each: Any = sub
        names = [topic.name for topic in each.topics]
        of = {lanes.get(name, name) for name in names}
        groups[str(each.group_id)] += 1
        rules = {
            "NACK_ON_ERROR": each.ack_policy is AckPolicy.NACK_ON_ERROR,
            "no auto commit": each._connection_args["enable_auto_commit"] is False,
            "earliest": each._connection_args["auto_offset_reset"] == "earliest",
            "no_reply": each._no_reply is True,
            "of one lane": len(of) == 1 and known >= set(names) and each.pattern is None,
            "its own group": {each.group_id} == {f"{service}.{one}" for one in of},
            "a batch": type(each).__name__ == "BatchSubscriber",
            "always listening": isinstance(each.get_msg, Poll),
        }
        found += [f"{', '.join(names)}: not {rule}" for rule, kept in rules.items() if not kept]
    return found + [f"{group}: twice" for group, count in groups.items() if count > 1]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_subscriber_is_of_the_one_form(service: str) -> None:
    parts = await parts_of(service)
    assert wrong(service, parts.router) == []
    assert bool(parts.router.subscribers) is (service != "gateway")


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "gateway"])
async def test_the_topics_of_a_lane_are_read_together(service: str) -> None:
    """One consumer a lane, however many topics."""
    registered: list[Any] = list((await parts_of(service)).router.subscribers)
    groups = [each.group_id for each in registered if any(".bulk." in t.name for t in each.topics)]
    assert groups == [f"{service}.bulk"]


async def test_another_form_is_found() -> None:
    """The negative control: FastStream's own defaults, twice."""
    router = (await parts_of("mapper")).router
    for _ in range(2):

        @router.subscriber("employees.v1", "links.bulk.v1", group_id="mapper.real_time")
        async def handler(body: dict[str, Any]) -> None: ...

    rules = (
        "NACK_ON_ERROR", "no auto commit", "earliest", "no_reply", "of one lane", "its own group", "a batch",
        "always listening",
    )  # fmt: skip
    assert wrong("mapper", router) == [
        *[f"employees.v1, links.bulk.v1: not {rule}" for rule in rules] * 2,
        "mapper.real_time: twice",
    ]


async def test_every_topic_but_the_pages_hints_is_consumed_by_someone() -> None:
    """What nobody consumes need not be published."""
    heard = set()
    for service in SERVICES:
        for sub in (await parts_of(service)).router.subscribers:
            heard |= {topic.name for topic in sub.topics}  # type: ignore[attr-defined]
    assert {name for topic in TOPICS for name in topic.names()} - heard == {"views.v1"}


@pytest.mark.parametrize("service", SERVICES)
async def test_the_brokers_rules_let_a_service_read_what_it_subscribes_to(service: str) -> None:
    """And nothing else. gateway reads the pages' hints, without a group."""
    router = (await parts_of(service)).router
    subscribed = {topic.name for sub in router.subscribers for topic in sub.topics}  # type: ignore[attr-defined]
    allowed = {name for topic in CONSUMES[service] for name in topic.names()}
    assert allowed == (subscribed or {VIEWS.name})
