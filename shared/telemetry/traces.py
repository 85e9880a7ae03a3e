"""Traces: one span a request, a batch and a call of the two systems. They hold names, ids and counts, never a value.

Off, and without cost, unless `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) says where to send them; the other variables
of OpenTelemetry's SDK (sampling, headers, time-outs) count as usual. The context travels as `traceparent` (W3C).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROPAGATOR = TraceContextTextMapPropagator()
_MOST_LINKS = 128


class _Tracing:
    """What the process traces with; None while it does not."""

    provider: TracerProvider | None = None
    tracer: Tracer | None = None


def set_up(service: str) -> None:
    """Send this process's spans where the environment says, if it does."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    # A tenth of a second and ten megabytes that a process which does not trace need not pay.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"muster-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider)


def use(provider: TracerProvider | None) -> None:
    """Trace with this provider from now on; None: not at all."""
    _Tracing.provider = provider
    _Tracing.tracer = provider.get_tracer("muster") if provider else None


def shut_down() -> None:
    """Send what is left. Blocks for as long as the exporter takes."""
    provider = _Tracing.provider
    use(None)
    if provider is not None:
        provider.shutdown()


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str | None = None,
    links: Iterable[str | None] = (),
    **attributes: str | int,
) -> Iterator[Span | None]:
    """One span, or None while nothing is traced. An exception marks it by its class; its text may hold anything.

    `parent` is a `traceparent`. Without one, `links` that all belong to one trace make the span a part of that; links of
    several traces begin a new one, which points to each.
    """
    if _Tracing.tracer is None:
        yield None
        return
    contexts = [_read(link) for link in dict.fromkeys(link for link in links if link)][:_MOST_LINKS]
    whole = {trace.get_current_span(c).get_span_context().trace_id for c in contexts}
    context = _read(parent) if parent else contexts[0] if len(whole) == 1 else None
    linked = [Link(trace.get_current_span(c).get_span_context()) for c in contexts]
    with _Tracing.tracer.start_as_current_span(
        name, context, kind, attributes, linked, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def traceparent(cause: str | None = None) -> str | None:
    """The context to send along: of what is being done now, or that of its `cause` where this is another trace."""
    if _Tracing.tracer is None:
        return cause
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return cause
    if cause is not None and cause[3:35] != f"{here.trace_id:032x}":
        return cause
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"


def trace_id() -> str | None:
    """The trace that what is being done now belongs to, as 32 hexadecimal digits."""
    if _Tracing.tracer is None:
        return None
    here = trace.get_current_span().get_span_context()
    return f"{here.trace_id:032x}" if here.is_valid else None


def _read(text: str | None) -> Context:
    """A `traceparent` as a context; what is malformed says nothing."""
    return _PROPAGATOR.extract({"traceparent": text or ""}, Context())
