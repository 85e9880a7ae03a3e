"""Apache Kafka: the broker object a service hears through, and the topics."""

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError
from faststream.kafka import KafkaBroker, KafkaRouter

from shared.contracts.topics import TOPICS
from shared.errors import Unavailable
from shared.messaging.dead_letters import Raw
from shared.settings import KafkaSettings

FOURTEEN_DAYS_MS = 14 * 24 * 3600 * 1000
GRACEFUL_SECONDS = 40
"""So long a batch that runs may take to end when the process is told to stop."""


class RefusedTopicError(Exception):
    """Apache Kafka does not make a topic as it was asked to; the text says which, and why."""


def make_broker(settings: KafkaSettings, service: str, router: KafkaRouter) -> KafkaBroker:
    """A broker that only consumes (the relay produces); limits from reliability.md §5.6."""
    broker = KafkaBroker(
        settings.bootstrap.split(","),  # FastStream takes a text for one address
        client_id=service,
        request_timeout_ms=15_000,
        retry_backoff_ms=200,
        acks="all",
        enable_idempotence=False,
        allow_auto_create_topics=False,
        graceful_timeout=GRACEFUL_SECONDS,
        apply_types=False,
        logger=None,
    )
    broker.include_router(router)
    return broker


async def _start(client: AIOKafkaAdminClient | AIOKafkaProducer) -> None:
    try:
        await client.start()
    except (KafkaError, OSError, OverflowError, ValueError) as error:
        # the last two: no port is such a number
        raise Unavailable(f"kafka: {type(error).__name__}") from error


async def create_topics(
    bootstrap: str, *, partitions: int, replication_factor: int = 1, prefix: str = ""
) -> list[str]:
    """Create the topics that do not exist yet, as `contracts.topics` says; returns their names.

    Raises `Unavailable` when no broker answers, `RefusedTopicError` when it refuses one; those that another made
    meanwhile are none of that.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="muster-topics")
    try:
        await _start(admin)
        there = set(await admin.list_topics())
        new = [
            NewTopic(
                name=prefix + name,
                num_partitions=partitions,
                replication_factor=replication_factor,
                topic_configs={
                    "cleanup.policy": "compact" if topic.compacted else "delete",
                    "retention.ms": "-1" if topic.compacted else str(FOURTEEN_DAYS_MS),
                    "max.message.bytes": "1048588",
                    "min.insync.replicas": str(min(2, replication_factor)),
                    "unclean.leader.election.enable": "false",
                },
            )
            for topic in TOPICS
            for name in topic.names()
            if prefix + name not in there
        ]
        answers = (await admin.create_topics(new)).topic_errors if new else []
        for name, code, why in answers:
            if code not in (NoError.errno, TopicAlreadyExistsError.errno):
                msg = f"Apache Kafka refuses the topic {name}: {why}"
                raise RefusedTopicError(msg)
        return [name for name, code, _ in answers if code == NoError.errno]
    finally:
        await admin.close()


async def send_raw(bootstrap: str, topic: str, raw: Raw, *, partition: int) -> None:
    """Put one message on a topic as it is: for sending a parked one again. Raises `Unavailable`."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    try:
        await _start(producer)
        await producer.send_and_wait(topic, raw.body, raw.key, partition, headers=list(raw.headers))
    finally:
        await producer.stop()
