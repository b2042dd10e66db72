"""Trace context crosses RPC metadata, and nothing else does."""

import pytest
from opentelemetry import baggage, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from runtime.telemetry.tracing import TRACE_KEYS, extract, inject, tracer

SPAN = SpanContext(
    trace_id=0x0AF7651916CD43DD8448EB211C80319C,
    span_id=0xB7AD6B7169203331,
    is_remote=False,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
)
HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_span_goes_out_as_traceparent() -> None:
    assert inject(set_span_in_context(NonRecordingSpan(SPAN))) == (("traceparent", HEADER),)


def test_without_a_span_nothing_is_sent() -> None:
    assert inject() == ()


def test_baggage_never_crosses() -> None:
    context = baggage.set_baggage("name", "Anna", set_span_in_context(NonRecordingSpan(SPAN)))

    assert {key for key, _ in inject(context)} <= set(TRACE_KEYS)


@pytest.mark.parametrize("metadata", [[("Traceparent", HEADER)], {"traceparent": HEADER}])
def test_what_was_injected_is_extracted(metadata: object) -> None:
    span = trace.get_current_span(extract(metadata)).get_span_context()

    assert (span.trace_id, span.span_id) == (SPAN.trace_id, SPAN.span_id)
    assert span.is_remote


@pytest.mark.parametrize(
    "metadata",
    [[], [("traceparent", "nonsense")], [("traceparent", b"\xff")], [("traceparent", "0" * 9999)]],
)
def test_nonsense_starts_a_new_trace(metadata: object) -> None:
    assert not trace.get_current_span(extract(metadata)).get_span_context().is_valid


def test_without_an_sdk_spans_cost_nothing_and_record_nothing() -> None:
    with tracer("edge").start_as_current_span("near") as span:
        assert not span.is_recording()
