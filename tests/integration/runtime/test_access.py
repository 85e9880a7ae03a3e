"""The broker as the embedded stack runs it: strangers are not let in, and each service does what is its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from pydantic import SecretStr

from muster.kafka import PRINCIPALS, Broker
from shared.contracts.access import CONSUMES, Operation, Resource, Rule, rules
from shared.contracts.topics import TOPICS
from shared.db.migrate import SERVICES
from shared.messaging import authorise
from shared.messaging.authorise import RefusedRuleError, apply_rules
from shared.messaging.broker import create_topics
from shared.messaging.security import client_options
from shared.settings import KafkaSettings
from tests.support.scratch import scratch

NAMES = [name for topic in TOPICS for name in topic.names()]
DESCRIBE_QUORUM = bytes.fromhex("00000010 0037 0000 00000001 0003 616263 00 01 00".replace(" ", ""))
"""A request that both ports answer, of no topic."""


@pytest_asyncio.fixture(scope="module")
async def closed() -> AsyncIterator[Broker]:
    """A broker with one user a service, the topics and the rules."""
    with scratch() as folder:
        node = Broker(folder / "kafka", passwords={user: secrets.token_urlsafe(18) for user in PRINCIPALS})
        await node.start()
        try:
            await node.ready()
            await create_topics(node.client().model_copy(update={"partitions": 1}))
            await apply_rules(node.client())
            yield node
        finally:
            assert node.child is not None
            await node.child.stop()


async def writes(kafka: KafkaSettings, topic: str) -> bool:
    """Whether a message on this topic is taken."""
    producer = AIOKafkaProducer(**client_options(kafka), acks="all", request_timeout_ms=5000)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{}", b"key", partition=0)
    except TopicAuthorizationFailedError:
        return False
    finally:
        await producer.stop()
    return True


async def reads(kafka: KafkaSettings, topic: str) -> bool:
    """Whether the first message of this topic is handed out."""
    consumer = AIOKafkaConsumer(**client_options(kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await asyncio.wait_for(consumer.getone(), 4)
    except (TopicAuthorizationFailedError, TimeoutError):
        return False
    finally:
        await consumer.stop()
    return True


async def joins(kafka: KafkaSettings, group: str) -> bool:
    """Whether offsets may be kept in this group."""
    consumer = AIOKafkaConsumer(**client_options(kafka), group_id=group, enable_auto_commit=False)
    place = TopicPartition(CONSUMES[kafka.username][0].name, 0)
    try:
        await consumer.start()
        consumer.assign([place])
        await asyncio.wait_for(consumer.commit({place: 0}), 4)
    except (GroupAuthorizationFailedError, TimeoutError):
        return False
    finally:
        await consumer.stop()
    return True


@pytest.mark.parametrize(("user", "password"), [("", ""), ("gateway", "guessed"), ("somebody", "guessed")])
async def test_a_stranger_is_not_let_in(closed: Broker, user: str, password: str) -> None:
    stranger = KafkaSettings(bootstrap=closed.address, username=user, password=SecretStr(password))
    client = AIOKafkaClient(**client_options(stranger), request_timeout_ms=3000)
    try:
        with pytest.raises((KafkaConnectionError, KafkaError)):
            await client.bootstrap()
    finally:
        await client.close()


async def answers(port: int) -> bool:
    """Whether somebody who has not signed in gets an answer at this port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(DESCRIBE_QUORUM)
        return bool(await asyncio.wait_for(reader.read(4), 10))
    except ConnectionError:
        return False
    finally:
        writer.close()


async def test_neither_port_answers_before_one_has_signed_in(closed: Broker, broker: Broker) -> None:
    """The negative control is the broker of the other tests, which asks for no name."""
    assert [await answers(port) for port in broker.ports[0]] == [True, True]
    assert [await answers(port) for port in closed.ports[0]] == [False, False]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_writes_its_own_topics_and_no_others(closed: Broker, service: str) -> None:
    taken = [name for name in NAMES if await writes(closed.client(service), name)]
    assert taken == [name for topic in TOPICS if topic.owner == service for name in topic.names()]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_what_it_consumes_in_groups_of_its_own(closed: Broker, service: str) -> None:
    for name in NAMES:
        assert await writes(closed.client(), name)
    found = await asyncio.gather(*(reads(closed.client(service), name) for name in NAMES))
    assert {name for name, read in zip(NAMES, found, strict=True) if read} == {
        name for topic in CONSUMES[service] for name in topic.names()
    }
    groups = await asyncio.gather(*(joins(closed.client(service), f"{other}.live") for other in SERVICES))
    assert [other for other, joined in zip(SERVICES, groups, strict=True) if joined] == [service]


async def test_a_service_makes_no_topic_and_no_rule(closed: Broker) -> None:
    with pytest.raises(RefusedRuleError):
        await apply_rules(closed.client("history"))
    admin = AIOKafkaAdminClient(**client_options(closed.client("history")))
    await admin.start()
    try:
        answer = await admin.delete_topics(["views.v1"])
        assert [code for _, code in answer.topic_error_codes] != [0]
    finally:
        await admin.close()


async def test_rules_that_are_no_longer_wanted_are_taken_away(
    closed: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [*rules()]
    stray = Rule("history", Operation.WRITE, Resource.TOPIC, "syncer.commands.v1")
    assert await apply_rules(closed.client()) == (0, 0)
    with monkeypatch.context() as patch:
        patch.setattr(authorise, "rules", lambda _: [*kept, stray])
        assert await apply_rules(closed.client()) == (1, 0)
    assert await apply_rules(closed.client()) == (0, 1)
    await asyncio.sleep(0)
    assert not await writes(closed.client("history"), "syncer.commands.v1")
