"""`python -m benchmarks.trace`: docs/images/trace.png, one real change from the webhook to the history as Zipkin shows it.

Needs Java 17 and Maven, which brings Zipkin by its coordinates (130 MB, once).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from playwright.async_api import expect

from benchmarks.pictures import IMAGES
from muster.demo import RULES
from muster.ports import free_port
from muster.postgres import scratch
from tests.e2e.conftest import running
from tests.e2e.test_realtime import all_synced, one_change
from tests.support.browser import open_browser, open_page
from tests.support.collector import Seen, collecting
from tests.support.eventually import eventually
from tests.support.hands import Hands

VERSION = "3.5.1"
EMPLOYEES = 40
SIZE = {"width": 1400, "height": 920}
ENVIRONMENT = {"MUSTER_SWEEP_SECONDS": "86400", "OTEL_BSP_SCHEDULE_DELAY": "200"}
"""No sweep meanwhile: the webhook alone brings the change."""


async def main() -> None:
    """Let one edit at the source go through a running stack, and take the picture of its trace."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it warns while the broker starts
    spans = await trace_of_a_change()
    with scratch("muster-zipkin-") as folder:
        async with zipkin(folder) as url:
            await _send(url, spans)
            await _take(url, spans[0].trace_id)


async def trace_of_a_change() -> list[Seen]:
    """The spans of one edit at the source, pushed by rule."""
    with collecting() as collector:
        environment = {**ENVIRONMENT, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        async with running(EMPLOYEES, {**RULES, "auto_sync": True}, environment) as fleet:
            hands = Hands(fleet, fleet.company)
            records = await all_synced(hands)
            record = next(r for r in records.values() if r["status"] == "synced")
            spans = await one_change(hands, collector, record, middle="Quinn")

            async def is_over() -> bool:
                """Nothing follows any more: our own write has come back, and history has it all."""
                before = len(collector.trace(spans[0].trace_id))
                await asyncio.sleep(3)
                return len(collector.trace(spans[0].trace_id)) == before

            await eventually(is_over)
        return collector.trace(spans[0].trace_id)  # with what the services sent as they ended


@asynccontextmanager
async def zipkin(folder: Path) -> AsyncIterator[str]:
    """The address of a Zipkin that keeps in memory what it is given."""
    artifact = f"io.zipkin:zipkin-server:{VERSION}:jar:exec"
    maven = await asyncio.create_subprocess_exec(
        "mvn", "-q", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"
    )
    if await maven.wait():
        raise SystemExit("Maven could not fetch Zipkin")
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "java", "-Xmx256m", "-jar", str(folder / f"zipkin-server-{VERSION}-exec.jar"),
            "--armeria.ports[0].ip=127.0.0.1", f"--armeria.ports[0].port={port}", "--armeria.ports[0].protocols[0]=http",
            stdout=log, stderr=log,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _is_up(url), within=180, every=1.0)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _is_up(url: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            return (await http.get(f"{url}/health")).is_success
    except httpx.HTTPError:
        return False


async def _send(url: str, spans: Iterable[Seen]) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        (await http.post(f"{url}/api/v2/spans", json=[as_zipkin(s) for s in spans])).raise_for_status()


def as_zipkin(seen: Seen) -> dict[str, Any]:
    """A span in the form that Zipkin takes (its API, version 2), as the OpenTelemetry collector writes it."""
    span = Span.FromString(seen.raw)
    kind = Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_")
    tags = {a.key: a.value.string_value or str(a.value.int_value) for a in span.attributes}
    if span.status.code == Status.STATUS_CODE_ERROR:
        tags["error"] = span.status.message
    found = {
        "traceId": seen.trace_id,
        "id": seen.span_id,
        "name": seen.name,
        "timestamp": span.start_time_unix_nano // 1000,
        "duration": max(1, (span.end_time_unix_nano - span.start_time_unix_nano) // 1000),
        "localEndpoint": {"serviceName": seen.service},
        "tags": tags,
    }
    if kind in ("SERVER", "CLIENT", "PRODUCER", "CONSUMER"):
        found["kind"] = kind
    return {**found, "parentId": seen.parent_id} if seen.parent_id else found


async def _take(url: str, trace_id: str) -> None:
    async with (
        open_browser() as browser,
        open_page(browser, url, viewport=SIZE, device_scale_factor=1.5) as watched,
    ):
        page = watched.page
        await page.goto(f"/zipkin/traces/{trace_id}")
        await expect(page.get_by_text("MUSTER-GATEWAY").first).to_be_visible(timeout=30_000)
        await page.wait_for_timeout(2000)
        await page.screenshot(path=IMAGES / "trace.png")


if __name__ == "__main__":
    asyncio.run(main())
