"""The embedded runtime: what is there after a stop, a kill and a second start."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from muster.commands.operations import find_broker
from muster.data_dir import running
from muster.errors import StackError
from muster.kafka import Broker, wait_for_broker
from muster.postgres import Postgres
from muster.processes import _start_by_ps, start_time
from muster.stack import Options, Stack
from shared.contracts.topics import TOPICS
from shared.db.migrate import SERVICES, migrate
from shared.messaging.security import client_options
from shared.settings import KafkaSettings
from tests.support.command import begun, muster
from tests.support.eventually import eventually
from tests.support.postgres import PASSWORD
from tests.support.scratch import scratch

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import asyncio, sys
from pathlib import Path
from muster.stack import Options, Stack
async def main():
    await Stack(Path(sys.argv[1]), Options(services=("mapper", "history"), port=0)).start()
    print("up", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
TOPIC = "views.v1"
_KEEP = """
INSERT INTO mapper.company_settings (company_id, version, document)
VALUES ('00000000-0000-0000-0000-000000000001', 1, '{"kept": "yes"}')
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Gone afterwards, the servers' data included."""
    with scratch() as made:
        yield made


async def test_a_second_start_on_the_same_folder_is_refused(folder: Path) -> None:
    """With the process that holds it, and what to do; the first one stays known to the other commands."""
    first, second = (Stack(folder, Options(services=(), port=0)) for _ in range(2))
    await first.start()
    try:
        with pytest.raises(StackError, match=rf"process {os.getpid()}.*--data"):
            await second.start()
        await second.stop()
        assert running(folder)["pids"]["kafka"] == first.children["kafka"].pid
    finally:
        await first.stop()
    with pytest.raises(StackError, match="muster up"):
        running(folder)


async def test_a_killed_muster_leaves_no_orphan_and_starts_again(folder: Path) -> None:
    """SIGKILL: servers and services go too; the next start has the same data in both servers."""
    killed = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SCRIPT,
        str(folder),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert killed.stdout is not None
    assert await asyncio.wait_for(killed.stdout.readline(), 60) == b"up\n"
    children = {
        int(pid): started for pid, started in json.loads((folder / "processes.json").read_text()).items()
    }
    password = (folder / "postgres" / "password").read_text()
    found = running(folder)
    database = await asyncpg.connect(found["database"])
    await database.execute(_KEEP)
    await database.close()
    client = find_broker(None, found)
    assert client is not None
    producer = AIOKafkaProducer(**client_options(client), acks="all")
    await producer.start()
    kept = await producer.send_and_wait(TOPIC, b"kept", partition=1)
    await producer.stop()

    killed.send_signal(signal.SIGKILL)
    await killed.wait()

    async def gone() -> bool:
        return all(start_time(pid) != started for pid, started in children.items())

    await eventually(gone, within=20)
    again = Stack(folder, Options(services=(), port=0))
    await again.start()
    try:
        assert len(children) == 4
        assert (folder / "postgres" / "password").read_text() == password
        database = await asyncpg.connect(again.database)
        assert await database.fetchval("SELECT document ->> 'kept' FROM mapper.company_settings") == "yes"
        await database.close()
        consumer = AIOKafkaConsumer(**client_options(again.client()))
        await consumer.start()
        consumer.assign([TopicPartition(TOPIC, 1)])
        consumer.seek(TopicPartition(TOPIC, 1), kept.offset)
        assert (await asyncio.wait_for(consumer.getone(), 20)).value == b"kept"
        await consumer.stop()
    finally:
        await again.stop()


@pytest_asyncio.fixture
async def given(broker: Broker, postgres: Postgres) -> AsyncIterator[tuple[str, str]]:
    """A broker and an empty database that run already; afterwards as they were."""
    name = f"given_{uuid4().hex}"
    owner = await asyncpg.connect(postgres.dsn())
    await owner.execute(f"CREATE DATABASE {name}")
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    before = set(await admin.list_topics())
    try:
        yield broker.address, postgres.dsn(database=name)
    finally:
        await admin.delete_topics(list(set(await admin.list_topics()) - before))
        await admin.close()
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await owner.close()
        # A role is the whole server's, and `up` gave each a password of its own.
        await migrate(postgres.dsn(database="migrated"), dict.fromkeys(SERVICES, PASSWORD))


async def test_on_servers_that_run_already_only_the_services_are_started(
    given: tuple[str, str], broker: Broker, postgres: Postgres, tmp_path: Path
) -> None:
    """Twice, by Ctrl-C in between: migrated and with topics the first time; the servers go on, and keep what they have."""
    kafka, address = given
    command = ("up", "--kafka", kafka, "--database", address, "--data", str(tmp_path), "--port", "0")
    assert broker.child is not None and postgres.child is not None
    servers = (broker.child.pid, postgres.child.pid)
    database = await asyncpg.connect(address)
    made: list[tuple[int, ...]] = []
    for _ in range(2):
        process = await begun(*command)

        async def up(process: Process = process) -> bool:
            assert process.returncode is None, await process.stdout.read() if process.stdout else ""
            return (tmp_path / "stack.json").exists()

        try:
            await eventually(up, within=60)
            found = running(tmp_path)
            status = await muster("status", "--data", str(tmp_path))
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = await asyncio.wait_for(process.communicate(), 30)

        assert (process.returncode, b"Traceback" in output) == (0, False)
        assert status.code == 0, status.text
        assert set(found["pids"]) == set(SERVICES)
        assert not any(start_time(pid) for pid in found["pids"].values())
        assert not any((tmp_path / own).exists() for own in ("postgres", "kafka", "stack.json"))
        await wait_for_broker(KafkaSettings(bootstrap=kafka))
        assert servers == (broker.child.pid, postgres.child.pid)
        migrations = "SELECT count(*), max(extract(epoch FROM applied_at)) FROM muster.migrations"
        made.append(tuple(await database.fetchrow(migrations) or ()))
    await database.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    topics = {name for topic in TOPICS for name in topic.names()}
    assert topics <= set(await admin.list_topics())
    await admin.close()
    assert made[0][0] > 0
    assert made[0] == made[1]


@pytest.mark.skipif(shutil.which("ps") is None, reason="only systems without /proc need ps")
def test_where_there_is_no_proc_the_system_is_asked_when_a_process_began() -> None:
    """The same answer as long as it lives, and none for one that is gone."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = _start_by_ps(process.pid)
    assert began
    assert began == _start_by_ps(process.pid)
    process.kill()
    assert _start_by_ps(process.pid) is None  # dead, and not yet waited for
    process.communicate()
    assert _start_by_ps(process.pid) is None


async def test_a_server_that_crashes_is_started_again(folder: Path) -> None:
    """The watcher notices, and it serves again on the same address."""
    stack = Stack(folder, Options(services=(), port=0))
    await stack.start()
    try:
        child = stack.children["kafka"]
        before = child.pid
        stack.kill("kafka")

        async def back() -> bool:
            return child.pid not in (None, before)

        await eventually(back)
        assert child.restarts == 1
    finally:
        await stack.stop()


async def test_a_folder_that_was_removed_and_made_again_starts_afresh(folder: Path) -> None:
    """Also one of root's that nobody else may go down to, whose data live elsewhere and outlast it."""
    closed = folder / "closed"
    for _ in range(2):
        closed.mkdir(mode=0o700)
        server = Postgres(closed / "postgres")
        child = await server.start()
        try:
            await server.ready()
        finally:
            await child.stop()
            shutil.rmtree(closed)
    for left in server._home.parent.glob(f"{server._home.name}*"):
        shutil.rmtree(left)
