"""The relay against raw `send_batch` of the same bytes, in turns in one run."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import orjson
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from benchmarks.measure import Figure, cpu_of, show, spent
from muster.postgres import scratch
from muster.stack import Options, Stack
from shared.clock import SystemClock
from shared.contracts.events import EmployeeStaged
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.domain.employee import Employee
from shared.domain.values import Cause, Lane
from shared.messaging.outbox import Outbox, Outgoing, partition_of
from shared.messaging.relay import Relay
from shared.messaging.security import client_options
from shared.settings import DatabaseSettings, ServiceSettings

COMPANY = UUID(int=1)
PER_TRANSACTION = 500
ROUNDS = 3


async def main(name: str, *, json: bool, employees: int) -> None:
    """Measure `employees` events, the median of three rounds of each."""
    with scratch("muster-bench-") as folder:
        stack = Stack(folder, Options(services=(), port=0))
        try:
            await stack.start()
            environment = stack.environment("importer", 0, 0)
            settings = ServiceSettings(
                database=DatabaseSettings(dsn=SecretStr(environment["MUSTER_DATABASE__DSN"])),
                kafka=stack.client("importer"),
            )
            await _measure(stack, settings, name, json=json, count=employees // ROUNDS)
        finally:
            await stack.stop()


async def _measure(stack: Stack, settings: ServiceSettings, name: str, *, json: bool, count: int) -> None:
    database = await open_database(settings.database, "importer")
    relay = Relay(settings, database)
    relayed, raw = [], []
    used: list[dict[str, float]] = []
    try:
        for _ in range(ROUNDS):
            rows = await _publish(database, count)
            before, own, started = cpu_of(stack), time.process_time(), time.perf_counter()
            while (await relay.step())[0]:
                pass
            relayed.append(time.perf_counter() - started)
            mine = (time.process_time() - own) / count * 1e6
            used.append({"relay": mine, **spent(stack, before, count)})
            raw.append(await _send_raw(settings, rows))
    finally:
        await relay.close()
        await database.close()
    seconds, limit = sorted(relayed)[1], sorted(raw)[1]
    figure = Figure(
        name,
        count / seconds,
        seconds,
        count,
        ">= 0.35 of raw",
        "raw send_batch of the same bytes",
        count / limit,
        {process: sum(one[process] for one in used) / ROUNDS for process in used[0]},
    )
    show(figure, json=json)


async def _publish(database: Database, count: int) -> list[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    """Fill the outbox; the messages as they will be sent."""
    outbox, now = Outbox(SystemClock()), SystemClock().now()
    person = Employee(
        first_name="Ana", last_name="Li", email="ana.li@stonecourse.example", address_line1="1 Main " * 60
    )
    for _ in range(count // PER_TRANSACTION):
        async with database.transaction([COMPANY]) as tx:
            await outbox.append(tx, [_event(person, now) for _ in range(PER_TRANSACTION)])
    async with database.system() as tx:
        found = await tx.fetch("SELECT key, headers, body FROM outbox ORDER BY xid DESC, id LIMIT $1", count)
    return [
        (r["key"], r["body"], [(n, v.encode()) for n, v in orjson.loads(r["headers"]).items()]) for r in found
    ]


def _event(person: Employee, now: object) -> Outgoing:
    body = EmployeeStaged.model_validate(
        {
            "record_id": uuid4(),
            "account_id": COMPANY,
            "remote_id": "r",
            "rev": 1,
            "employee": person,
            "requested_at": now,
            "answered_at": now,
            "cause": Cause.READ,
        }
    )
    return Outgoing(body, COMPANY, lane=Lane.BULK)


async def _send_raw(
    settings: ServiceSettings, rows: list[tuple[bytes, bytes, list[tuple[str, bytes]]]]
) -> float:
    """Seconds that the same messages take without a database, in batches of 500 a partition."""
    partitions = settings.kafka.partitions
    by_partition: dict[int, list[tuple[bytes, bytes, list[tuple[str, bytes]]]]] = {
        p: [] for p in range(partitions)
    }
    for row in rows:
        by_partition[partition_of(row[0], partitions)].append(row)
    producer = AIOKafkaProducer(
        **client_options(settings.kafka),
        acks="all",
        max_batch_size=900_000,
        max_request_size=900_000,
        linger_ms=0,
    )
    await producer.start()
    try:
        started = time.perf_counter()
        for start in range(0, max(map(len, by_partition.values())), PER_TRANSACTION):
            futures = []
            for partition, mine in by_partition.items():
                batch = producer.create_batch()
                for key, value, headers in mine[start : start + PER_TRANSACTION]:
                    batch.append(key=key, value=value, timestamp=None, headers=headers)
                futures.append(await producer.send_batch(batch, "employees.bulk.v1", partition=partition))
            for future in futures:
                await future
        return time.perf_counter() - started
    finally:
        await producer.stop()
