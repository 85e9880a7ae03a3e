"""Real stacks, started once for all stories, and a real browser."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from muster.client import AsyncClient
from muster.demo import NO_LIMITS, RULES, prepare
from muster.stack import Options, Stack
from tests.support.browser import Watched, open_browser, open_page
from tests.support.collector import Collector, collecting
from tests.support.console import Console, Side
from tests.support.fleet import Fleet
from tests.support.scratch import scratch


@asynccontextmanager
async def running(
    employees: int, rules: Mapping[str, Any], environment: Mapping[str, str] | None = None, **copies: int
) -> AsyncIterator[Fleet]:
    """A stack with a signed-in administrator; what the processes said last, where it fails."""
    with scratch() as folder:
        given = {"MUSTER_RETRY_SECONDS": "0.3", **(environment or {})}
        options = Options(demo=True, employees=employees, port=0, copies=copies, environment=given)
        data = folder / "data"
        data.mkdir()
        data.chmod(0o755)
        stack = Stack(data, options)
        try:
            await stack.start()
            access = await prepare(stack, {**rules, **NO_LIMITS, "direct_sync": 10})
            async with (
                AsyncClient(access.url) as client,
                httpx.AsyncClient(timeout=20, trust_env=False) as http,
            ):
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


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Where the stack that follows its sources sends its traces."""
    with collecting() as collector:
        yield collector


@pytest_asyncio.fixture(scope="module")
async def following(collector: Collector) -> AsyncIterator[Fleet]:
    """What changes at the source is pushed without a click; sweeps come by hand only, once a day by themselves."""
    environment = {
        "MUSTER_SWEEP_SECONDS": "86400",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    async with running(40, {**RULES, "auto_sync": True}, environment) as fleet:
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


@pytest.fixture
def side(request: pytest.FixtureRequest, staging: Fleet) -> Side:
    """One direction, chosen by `both_directions`."""
    return Side(staging, staging.access.companies[request.param])


@pytest_asyncio.fixture
async def watched(staging: Fleet, browser: Browser) -> AsyncIterator[Watched]:
    """A page that must have nothing to complain of at the end."""
    async with open_page(browser, staging.access.url) as page:
        yield page
        assert page.complaints == []
        assert await page.violations() == []


@pytest_asyncio.fixture
async def console(watched: Watched, staging: Fleet) -> Console:
    """The console with the administrator signed in."""
    console = Console(watched.page, staging.access)
    await console.sign_in()
    return console
