"""Real stacks, started once for all stories, and a real browser."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest_asyncio
from playwright.async_api import Browser

from muster.client import Client
from muster.demo import RULES, prepare
from muster.postgres import scratch
from muster.stack import Options, Stack
from tests.support.browser import open_browser
from tests.support.fleet import Fleet


@asynccontextmanager
async def running(employees: int, rules: Mapping[str, bool], **copies: int) -> AsyncIterator[Fleet]:
    """A stack with a signed-in administrator; what the processes said last, where it fails."""
    with scratch("muster-test-") as folder:
        environment = {"MUSTER_RETRY_SECONDS": "0.3"}
        options = Options(demo=True, employees=employees, port=0, copies=copies, environment=environment)
        stack = Stack(folder, options)
        try:
            await stack.start()
            access = await prepare(stack, rules)
            async with Client(access.url) as client, httpx.AsyncClient(timeout=20, trust_env=False) as http:
                await client.sign_in(access.email, access.password)
                yield Fleet(stack, access, client, http)
        except BaseException:
            for child in stack.children.values():
                sys.stderr.write("\n  ".join([child.name, *child.tail(8)]) + "\n")
            raise
        finally:
            await stack.stop()


@pytest_asyncio.fixture(scope="session")
async def fleet() -> AsyncIterator[Fleet]:
    """Two mappers, two syncers and two importers share the work; everything is real."""
    async with running(60, RULES, mapper=2, syncer=2, importer=2) as fleet:
        yield fleet


@pytest_asyncio.fixture(scope="module")
async def staging() -> AsyncIterator[Fleet]:
    """Nothing comes into staging here but by an import."""
    async with running(60, {}) as fleet:
        yield fleet


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all pages."""
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture
async def no_faults_left(fleet: Fleet) -> AsyncIterator[None]:
    yield
    await fleet.faults()
