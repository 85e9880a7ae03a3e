"""Where spans go, what they hold, and what tracing costs while it is off."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import traces


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A collector's address, and what it was sent."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_are_sent_where_the_environment_says(
    collector: tuple[str, list[tuple[str, bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, got = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    traces.set_up("mapper")
    with traces.span("a thing done", count=3):
        assert traces.traceparent() is not None
    traces.shut_down()

    ((path, body),) = got
    assert path == "/v1/traces"
    assert b"muster-mapper" in body
    assert b"a thing done" in body


def test_without_an_address_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    traces.set_up("mapper")
    with traces.span("x") as span:
        assert (span, traces.traceparent()) == (None, None)


def test_an_exceptions_text_stays_out() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces.use(provider)
    with pytest.raises(KeyError), traces.span("x"):
        raise KeyError("Zebedee Featherstonehaugh")
    traces.shut_down()

    (span,) = exporter.get_finished_spans()
    assert span.status.description == "KeyError"
    assert "Zebedee" not in span.to_json()


@pytest.mark.parametrize("text", ["", "x", "00-0-0-0", "\udcff", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_malformed_context_begins_a_trace_of_its_own(text: str) -> None:
    traces.use(TracerProvider())
    with traces.span("x", parent=text) as span, traces.span("y", links=[text, None]) as other:
        assert span is not None
        assert other is not None
        assert span.get_span_context().is_valid
        assert other.get_span_context().is_valid
    traces.shut_down()


def test_off_it_costs_next_to_nothing() -> None:
    """Per message a function that answers at once: far below a hundredth of what a message costs."""
    started = time.perf_counter()
    for _ in range(100_000):
        traces.traceparent(None)
    assert (time.perf_counter() - started) / 100_000 < 2e-6
