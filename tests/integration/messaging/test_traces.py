"""One trace, from an HTTP request through the outbox and Kafka to the handler, and on to what the handler says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import orjson
import pytest
from fastapi import APIRouter
from faststream.kafka import KafkaRouter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.clock import SystemClock
from shared.contracts.events import Message
from shared.http.app import Parts, make_http
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.relay import Relay
from shared.telemetry import traces
from tests.integration.messaging.conftest import Probe
from tests.support.eventually import eventually
from tests.support.probe import COMPANY

THEIRS = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is traced, in this process."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces.use(provider)
    yield exporter
    traces.shut_down()


def client(probe: Probe) -> httpx.AsyncClient:
    """A service whose one route says something."""
    routes = APIRouter()

    @routes.post("/things/{name}")
    async def publish(name: str) -> dict[str, str]:
        async with probe.database.transaction([COMPANY]) as tx:
            await Outbox(SystemClock()).append(tx, [Outgoing(probe.event(name), COMPANY)])
        return {}

    app = make_http("mapper", Parts(KafkaRouter(), routes=[routes]))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")


async def relayed(probe: Probe) -> None:
    relay = Relay(probe.settings, probe.database)
    await relay.step()
    await relay.close()


async def answers(probe: Probe, events: Sequence[Message[Any]]) -> None:
    """The handler says something in answer to each message."""
    async with probe.database.transaction([COMPANY]) as tx:
        await Outbox(SystemClock()).append(tx, [Outgoing(probe.event(), COMPANY, e) for e in events])


async def headers(probe: Probe) -> list[dict[str, str]]:
    rows = await probe.owner.fetch("SELECT headers FROM mapper.outbox ORDER BY id")
    return [orjson.loads(row["headers"]) for row in rows]


async def handled(spans: InMemorySpanExporter) -> ReadableSpan:
    async def ask() -> ReadableSpan | None:
        return next((s for s in spans.get_finished_spans() if s.name == "notifications.v1 process"), None)

    found = await eventually(ask)
    assert found is not None
    return found


async def test_one_trace_from_the_request_to_the_handler_and_on(
    probe: Probe, spans: InMemorySpanExporter
) -> None:
    probe.fault = lambda events: answers(probe, events)
    async with client(probe) as http:
        await http.post("/things/Zebedee", headers={"traceparent": f"00-{THEIRS}-00f067aa0ba902b7-01"})
    await relayed(probe)
    await probe.start()

    batch = await handled(spans)
    (request,) = (s for s in spans.get_finished_spans() if s.name == "POST /things/{name}")
    published, answered = await headers(probe)

    assert f"{request.context.trace_id:032x}" == THEIRS
    assert published["traceparent"] == f"00-{THEIRS}-{request.context.span_id:016x}-01"
    assert batch.context.trace_id == request.context.trace_id
    assert batch.parent is not None
    assert batch.parent.span_id == request.context.span_id
    assert answered["traceparent"] == f"00-{THEIRS}-{batch.context.span_id:016x}-01"
    assert "Zebedee" not in "".join(s.to_json() for s in spans.get_finished_spans())


async def test_a_batch_of_several_traces_points_to_each_and_mixes_none(
    probe: Probe, spans: InMemorySpanExporter
) -> None:
    probe.fault = lambda events: answers(probe, events)
    async with client(probe) as http:
        for _ in range(2):
            await http.post("/things/x")
    requests = {s.context.trace_id for s in spans.get_finished_spans()}
    await relayed(probe)
    await probe.owner.execute("UPDATE mapper.outbox SET partition = 0")
    await probe.owner.execute("UPDATE mapper.relay_cursor SET xid = '0', id = 0")
    await probe.owner.execute("DELETE FROM mapper.inbox")
    await relayed(probe)
    await probe.start()

    await handled(spans)
    await eventually(lambda: _count(probe, 4))
    linked = {
        link.context.trace_id
        for s in spans.get_finished_spans()
        if s.name == "notifications.v1 process"
        for link in s.links
    }
    assert linked == requests
    assert {h["traceparent"][3:35] for h in await headers(probe)} == {f"{t:032x}" for t in requests}


async def _count(probe: Probe, count: int) -> bool:
    return len(await headers(probe)) == count


async def test_while_nothing_is_traced_a_context_is_still_passed_on(probe: Probe) -> None:
    """And none is made up."""
    probe.fault = lambda events: answers(probe, events)
    theirs = f"00-{THEIRS}-00f067aa0ba902b7-01"
    await probe.send(traceparent=theirs)
    await probe.start()
    await eventually(lambda: _count(probe, 1))
    async with client(probe) as http:
        await http.post("/things/x")

    first, second = await headers(probe)
    assert (first["traceparent"], "traceparent" in second) == (theirs, False)
