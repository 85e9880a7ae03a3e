"""A server that may write nothing any more ends, is named by every readiness, and comes back when there is room."""

from __future__ import annotations

import asyncio
import resource
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from muster.postgres import scratch
from muster.processes import Child
from muster.stack import Options, Stack
from shared.messaging.security import client_options
from tests.support.command import muster
from tests.support.eventually import eventually

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit") or not Path("/dev/full").exists(), reason="needs Linux"
)


@pytest_asyncio.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    with scratch("muster-test-") as folder:
        made = Stack(folder, Options(services=("history",), partitions=1, port=0))
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


async def write_to_kafka(stack: Stack) -> None:
    producer = AIOKafkaProducer(**client_options(stack.client()), acks="all", request_timeout_ms=1000)
    with suppress(KafkaError, OSError, TimeoutError):
        try:
            await producer.start()
            async with asyncio.timeout(3):
                await producer.send_and_wait("views.v1", bytes(10_000), partition=0)
        finally:
            await producer.stop()


async def write_to_postgres(stack: Stack) -> None:
    """Something that reaches the write-ahead log only, whose failure ends the server."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        owner = await asyncpg.connect(stack.database, timeout=3)
        try:
            await owner.execute("SELECT pg_logical_emit_message(true, 'full', 'disk')", timeout=3)
        finally:
            owner.terminate()


def forbid_writing(pid: int) -> None:
    """No file of this process grows any more. Its own user must ask, which for PostgreSQL is not root."""
    owner = Path(f"/proc/{pid}").stat().st_uid
    subprocess.run(
        ["true"],
        check=True,
        user=owner,
        group=owner,
        extra_groups=[],
        preexec_fn=lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, 1)),
    )


async def keep_full(child: Child) -> None:
    """The disk is full for whatever process of this child runs, until this is cancelled."""
    full: int | None = None
    while True:
        if child.pid not in (None, full):
            full = child.pid
            with suppress(OSError, subprocess.SubprocessError):  # it ended meanwhile
                forbid_writing(full)
        await asyncio.sleep(0.02)


def states(table: str) -> dict[str, str]:
    """By name: the state that `muster status` prints."""
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in table.splitlines()]
    return {cells[0]: cells[2] for cells in lines if len(cells) == 3}


@pytest.mark.parametrize(
    ("server", "check", "write"),
    [("kafka", "broker", write_to_kafka), ("postgres", "database", write_to_postgres)],
)
async def test_after_a_full_disk_everything_goes_on_and_meanwhile_readiness_names_the_server(
    stack: Stack, server: str, check: str, write: Any
) -> None:
    """The watcher cannot write either: what it notes goes to a full device."""
    child = stack.children[server]
    before = child.pid
    assert before is not None
    noted = stack.data / "processes.part"
    noted.symlink_to("/dev/full")

    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

        async def readiness() -> dict[str, Any]:
            found: dict[str, Any] = (await client.get(f"{stack.operations['history']}/readyz")).json()
            return found

        async def well() -> bool:
            found: bool = (await readiness())["checks"] == {"database": "ok", "broker": "ok"}
            return found

        await eventually(well, within=60)
        full = asyncio.ensure_future(keep_full(child))

        async def away() -> bool:
            await write(stack)
            found = await readiness()
            return not found["ready"] and found["checks"][check] != "ok"

        await eventually(away, within=60)

        async def named() -> bool:
            found = await muster("status", "--data", str(stack.data))
            return found.code == 1 and states(found.text)[check] != "ready"

        await eventually(named, within=60)
        full.cancel()

        async def back() -> bool:
            return child.pid not in (None, before) and bool((await readiness())["ready"])

        await eventually(back, within=90)
    noted.unlink()
    status = await muster("status", "--data", str(stack.data))
    assert states(status.text) == {"database": "ready", "broker": "ready", "history": "ready"}
