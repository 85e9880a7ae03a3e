"""Apache Kafka: the broker object a service consumes through, and the topics."""

import asyncio

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, TopicAuthorizationFailedError
from faststream.kafka import KafkaBroker, KafkaRouter

from shared.contracts.topics import TOPICS
from shared.errors import Unavailable
from shared.messaging.dead_letters import Raw
from shared.messaging.security import client_options, security
from shared.settings import KafkaSettings

FOURTEEN_DAYS_MS = 14 * 24 * 3600 * 1000
CHECK_SECONDS = 2.0
GRACEFUL_SECONDS = 40
"""So long a batch that runs may take to end when the process is asked to stop."""


class RefusedTopicError(Exception):
    """Apache Kafka does not make a topic as it was asked to; the text says which, and why."""


def make_broker(settings: KafkaSettings, service: str, router: KafkaRouter) -> KafkaBroker:
    """A broker that only consumes (the relay produces); limits from reliability.md §5.6."""
    broker = KafkaBroker(
        settings.bootstrap.split(","),  # FastStream takes a text for one address
        security=security(settings),
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


class BrokerCheck:
    """Whether a broker answers, asked over a connection that is kept from one question to the next."""

    def __init__(self, settings: KafkaSettings, service: str) -> None:
        self._settings = settings
        self._service = service
        self._client: AIOKafkaClient | None = None
        self._lock = asyncio.Lock()

    async def answers(self) -> bool:
        """Ask for the cluster's metadata; two seconds are enough for an answer."""
        async with self._lock:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._ask()
            except (KafkaError, OSError, TimeoutError):
                await self.close()
                return False
            return True

    async def _ask(self) -> None:
        if self._client is None:
            self._client = AIOKafkaClient(
                **client_options(self._settings), client_id=f"{self._service}-check"
            )
            await self._client.bootstrap()
        await self._client.fetch_all_metadata()

    async def close(self) -> None:
        """Give the connection back."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


async def _start(client: AIOKafkaAdminClient | AIOKafkaProducer) -> None:
    try:
        await client.start()
    except (KafkaError, OSError, OverflowError, ValueError) as error:
        # the last two: no port is such a number
        raise Unavailable(f"kafka: {type(error).__name__}") from error


async def create_topics(kafka: KafkaSettings, replication_factor: int = 1) -> list[str]:
    """Create the topics that do not exist yet, as `contracts.topics` says; returns their names.

    Raises `Unavailable` when no broker answers, `RefusedTopicError` when it refuses one; those that another made
    meanwhile are none of that.
    """
    admin, prefix = AIOKafkaAdminClient(**client_options(kafka), client_id="muster-topics"), kafka.prefix
    try:
        await _start(admin)
        there = set(await admin.list_topics())
        new = [
            NewTopic(
                name=prefix + name,
                num_partitions=kafka.partitions,
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


async def send_raw(kafka: KafkaSettings, topic: str, raw: Raw, *, partition: int) -> None:
    """Put one message on a topic as it is: for sending a dead letter again.

    Raises `Unavailable`, or `RefusedTopicError` when this user may not write to the topic.
    """
    producer = AIOKafkaProducer(**client_options(kafka), acks="all")
    try:
        await _start(producer)
        await producer.send_and_wait(topic, raw.body, raw.key, partition, headers=list(raw.headers))
    except TopicAuthorizationFailedError as error:
        msg = f"Apache Kafka does not let {kafka.username or 'strangers'} write to {topic}. Sign in as its administrator."
        raise RefusedTopicError(msg) from error
    finally:
        await producer.stop()
