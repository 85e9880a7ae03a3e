"""One real stack for all stories."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from muster.client import Client
from muster.demo import prepare
from muster.stack import Options, Stack
from tests.support.fleet import Fleet


@pytest_asyncio.fixture(scope="session")
async def fleet() -> AsyncIterator[Fleet]:
    """Two mappers, two syncers and two importers share the work; everything is real."""
    with tempfile.TemporaryDirectory(prefix="muster-test-") as folder:
        copies = {"mapper": 2, "syncer": 2, "importer": 2}
        environment = {"MUSTER_RETRY_SECONDS": "0.3"}
        options = Options(demo=True, employees=60, port=0, copies=copies, environment=environment)
        stack = Stack(Path(folder), options)
        try:
            await stack.start()
            access = await prepare(stack)
            async with Client(access.url) as client, httpx.AsyncClient(timeout=20, trust_env=False) as http:
                await client.sign_in(access.email, access.password)
                yield Fleet(stack, access, client, http)
        except BaseException:
            for child in stack.children.values():
                sys.stderr.write("\n  ".join([child.name, *child.tail(8)]) + "\n")
            raise
        finally:
            await stack.stop()


@pytest_asyncio.fixture
async def no_faults_left(fleet: Fleet) -> AsyncIterator[None]:
    yield
    await fleet.faults()
