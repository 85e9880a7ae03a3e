"""What stands on the broker: the topics as `create_topics` makes them, and one message on the wire."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from muster.kafka import Broker
from shared.clock import SystemClock
from shared.contracts.events import EmployeeRemoved, Message
from shared.contracts.topics import MAX_BODY_BYTES
from shared.domain.values import Cause, Lane
from shared.messaging.broker import RefusedTopicError, create_topics
from shared.messaging.outbox import Outbox, Outgoing, partition_of
from shared.messaging.relay import Relay
from shared.settings import KafkaSettings, ServiceSettings
from tests.integration.messaging.conftest import Probe
from tests.support.broker import PARTITIONS, topics_on
from tests.support.command import muster
from tests.support.eventually import eventually
from tests.support.probe import COMPANY

FACTS = {"employees.v1", "employees.bulk.v1", "links.v1", "links.bulk.v1", "pushes.v1", "pushes.bulk.v1"}
OTHERS = {
    "imports.v1", "syncs.v1", "views.v1", "settings.v1", "notifications.v1", "importer.commands.v1", "mapper.commands.v1",
    "syncer.commands.v1",
}  # fmt: skip
FOURTEEN_DAYS = 1_209_600_000
EVENTS = {
    "cleanup.policy": "delete",
    "retention.ms": str(FOURTEEN_DAYS),
    "max.message.bytes": "1048588",
    "min.insync.replicas": "1",
    "unclean.leader.election.enable": "false",
}
NEWEST = {**EVENTS, "cleanup.policy": "compact", "retention.ms": "-1"}
"""Of settings: the last of each company is kept for good."""
AS_MADE = dict.fromkeys(FACTS | OTHERS, (PARTITIONS, 1, EVENTS)) | {"settings.v1": (PARTITIONS, 1, NEWEST)}
OF_THE_TOPIC = 1
"""Where a value comes from: set on the topic itself, not a default of the broker."""


@pytest_asyncio.fixture
async def admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await client.start()
    yield client
    await client.close()


async def made(admin: AIOKafkaAdminClient, prefix: str) -> dict[str, tuple[int, int, dict[str, str]]]:
    """By name: partitions, copies, and what is set on it."""
    names = [name for name in await admin.list_topics() if name.startswith(prefix)]
    found = {
        topic["topic"]: (len(topic["partitions"]), {len(p["replicas"]) for p in topic["partitions"]})
        for topic in await admin.describe_topics(names)
    }
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    values = {
        name: {key: value for key, value, _, source, *_ in entries if source == OF_THE_TOPIC}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }
    return {
        name.removeprefix(prefix): (count, *copies, values[name]) for name, (count, copies) in found.items()
    }


async def are(admin: AIOKafkaAdminClient, prefix: str, expected: Mapping[str, tuple[int, int, Any]]) -> None:
    """Wait until they are so: a broker learns a moment later what the controller has made."""

    async def ask() -> bool:
        return await made(admin, prefix) == expected

    with suppress(AssertionError):
        await eventually(ask, within=10)
    assert await made(admin, prefix) == expected


async def test_every_topic_is_as_the_contract_says(admin: AIOKafkaAdminClient, kafka: KafkaSettings) -> None:
    """Set on the topic itself, whatever the broker's defaults are."""
    await are(admin, kafka.prefix, AS_MADE)


def test_what_is_kept_and_how_large_it_may_be_fits_the_outbox_and_the_inbox() -> None:
    """The outbox forgets first and the inbox last; the largest body has room for its headers."""
    kept = ServiceSettings.model_fields
    days = FOURTEEN_DAYS / 86_400_000
    assert kept["outbox_days"].default <= days < kept["inbox_days"].default
    assert int(EVENTS["max.message.bytes"]) - MAX_BODY_BYTES > 100_000


async def test_on_three_brokers_two_of_three_copies_must_have_it(cluster: list[Broker]) -> None:
    """So that one broker may be lost without anything that was said."""
    async with topics_on(cluster) as kafka:
        client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await client.start()
        try:
            copied = {"min.insync.replicas": "2"}
            expected = {name: (count, 3, values | copied) for name, (count, _, values) in AS_MADE.items()}
            await are(client, kafka.prefix, expected)
        finally:
            await client.close()


async def test_made_again_only_what_is_missing_is_added(
    admin: AIOKafkaAdminClient, kafka: KafkaSettings
) -> None:
    """What an operator has set since stays."""

    async def again() -> list[str]:
        return await create_topics(kafka.model_copy(update={"partitions": PARTITIONS + 1}))

    longer = EVENTS | {"retention.ms": str(2 * FOURTEEN_DAYS)}
    await admin.alter_configs(
        [ConfigResource(ConfigResourceType.TOPIC, f"{kafka.prefix}links.v1", configs=longer)]
    )
    before = AS_MADE | {"links.v1": (PARTITIONS, 1, longer)}
    await are(admin, kafka.prefix, before)

    assert await again() == []
    await are(admin, kafka.prefix, before)

    await admin.delete_topics([f"{kafka.prefix}settings.v1"])
    await eventually(lambda: _lacks(admin, f"{kafka.prefix}settings.v1"))
    assert await again() == [f"{kafka.prefix}settings.v1"]
    await are(admin, kafka.prefix, before | {"settings.v1": (PARTITIONS + 1, 1, NEWEST)})


async def _lacks(admin: AIOKafkaAdminClient, name: str) -> bool:
    return name not in await admin.list_topics()


async def test_two_that_make_them_at_once_both_end_well(broker: Broker, admin: AIOKafkaAdminClient) -> None:
    """Each topic is there once, as it should be."""
    prefix = f"t{uuid4().hex[:8]}."
    settings = KafkaSettings(bootstrap=broker.address, partitions=PARTITIONS, prefix=prefix)
    both = [create_topics(settings) for _ in range(2)]
    try:
        first, second = await asyncio.gather(*both)
        assert sorted(first + second) == sorted(prefix + name for name in AS_MADE)
        await are(admin, prefix, AS_MADE)
    finally:
        await admin.delete_topics([prefix + name for name in AS_MADE])


async def test_topics_that_the_broker_refuses_are_not_said_to_be_made(broker: Broker) -> None:
    """Three copies of each cannot be on one broker."""
    with pytest.raises(RefusedTopicError, match=r"employees\.v1.*[Rr]eplication"):
        await create_topics(KafkaSettings(bootstrap=broker.address, prefix="refused."), 3)
    done = await muster("topics", "--kafka", broker.address, "--replicas", "3")
    assert (done.code, "refuses the topic employees.v1" in done.text) == (1, True)


async def _on_the_wire(probe: Probe, *outgoing: Outgoing) -> list[ConsumerRecord[bytes, bytes]]:
    """What the relay makes of these, as any consumer gets it."""
    async with probe.database.transaction([COMPANY]) as tx:
        await Outbox(SystemClock()).append(tx, outgoing)
    relay = Relay(probe.settings, probe.database)
    assert await relay.step() == (len(outgoing), False)
    await relay.close()
    kafka = probe.settings.kafka
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.subscribe(pattern=f"^{re.escape(kafka.prefix)}")
    try:
        async with asyncio.timeout(20):
            return [await consumer.getone() for _ in outgoing]
    finally:
        await consumer.stop()


async def test_a_message_on_the_wire_is_a_cloudevent_in_binary_mode(probe: Probe) -> None:
    """Every header, and no other; the key and the partition are its record's, the body is the event."""
    run, trace = uuid4(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    event, asked = probe.event("r"), SystemClock().now()
    cause = Message(uuid4(), asked, COMPANY, Lane.REAL_TIME, event, run, actor="ann", traceparent=trace)
    (record,) = await _on_the_wire(probe, Outgoing(event, COMPANY, cause))

    (row,) = await probe.owner.fetch("SELECT event_id, event_time, body FROM mapper.outbox")
    headers = {name: value.decode() for name, value in record.headers}
    assert len(headers) == len(record.headers)
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": str(row["event_id"]),
        "ce_type": "source.changed",
        "ce_source": "/muster/mapper",
        "ce_time": row["event_time"].isoformat(),
        "ce_subject": str(event.record_id),
        "ce_companyid": str(COMPANY),
        "ce_lane": "real_time",
        "ce_runid": str(run),
        "ce_actor": "ann",
        "ce_causationid": str(cause.id),
        "content-type": "application/json",
        "traceparent": trace,
    }
    assert datetime.fromisoformat(headers["ce_time"]).utcoffset() == timedelta()
    assert record.topic == probe.topic
    assert record.key == str(event.record_id).encode()
    assert record.partition == partition_of(record.key, PARTITIONS)
    assert type(event).model_validate_json(record.value) == event
    assert record.value == row["body"]


async def test_what_answers_nothing_has_only_the_headers_that_everything_has(probe: Probe) -> None:
    """None is empty or made up."""
    event = EmployeeRemoved(record_id=uuid4(), account_id=uuid4(), remote_id="r", rev=1, cause=Cause.READ)
    (record,) = await _on_the_wire(probe, Outgoing(event, COMPANY, lane=Lane.BULK))

    assert record.topic == f"{probe.settings.kafka.prefix}employees.bulk.v1"
    assert {name for name, _ in record.headers} == {
        *("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject"),
        *("ce_companyid", "ce_lane", "content-type"),
    }
    assert dict(record.headers)["ce_lane"] == b"bulk"
