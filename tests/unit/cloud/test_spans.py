"""A call's span is in its caller's trace, attempts lie below it, and it says nothing of content."""

from collections.abc import AsyncGenerator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cloud.absent import NoCache, NoInspection
from cloud.calls import Caller, EmbedCall, GenerateCall
from cloud.charges import Tally
from cloud.serving import Serving
from cloud.spans import CallSpans
from cloud.stages import Embedded
from runtime.errors import CapacityExhausted, LeewardError
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Chunk, EmbedRequest, GenerateRequest, TextDelta
from runtime.telemetry.tracing import extract
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.cache.house import Budget, Models

SECRET = "Anna Kowalska"
TRACE = "0123456789abcdef0123456789abcdef"
PARENT = "0123456789abcdef"
BROUGHT = extract({"traceparent": f"00-{TRACE}-{PARENT}-01"})
CALLER = Caller("clinic", "device", "edge-1")
CALL = GenerateCall(
    CALLER, GenerateRequest(ModelName("big"), (ChatMessage("user", SECRET),)), trace=BROUGHT
)


class Attempting(Models):
    """Models that make a span for each attempt, as the router does, also late in a stream."""

    tracer: trace.Tracer

    async def generate(self, request: GenerateRequest, tally: Tally) -> AsyncGenerator[Chunk, None]:
        self.tracer.start_span("attempt").end()
        yield TextDelta("a")
        self.tracer.start_span("attempt").end()
        async for chunk in super().generate(request, tally):
            yield chunk

    async def embed(self, request: EmbedRequest) -> Embedded:
        self.tracer.start_span("attempt").end()
        return await super().embed(request)


class Traced:
    """A core whose spans are kept."""

    def __init__(self, *refusals: LeewardError) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        models = Attempting()
        models.tracer = provider.get_tracer("t")
        self.core = Serving(
            models=models,
            admission=Budget(refusals=list(refusals)),
            inspector=NoInspection(),
            cache=NoCache(),
            clock=ManualClock(),
            spans=CallSpans(provider.get_tracer("t"), node=NodeName("cloud")),
        )

    def spans(self) -> tuple[list[ReadableSpan], ReadableSpan]:
        """Return the attempts' spans and the call's."""
        *attempts, call = self._kept.get_finished_spans()
        return attempts, call


async def test_attempts_lie_below_the_call_and_the_call_in_its_caller_s_trace() -> None:
    traced = Traced()

    async with traced.core.answering(CALL) as answer:
        _ = [chunk async for chunk in answer.chunks]

    attempts, call = traced.spans()
    assert call.parent is not None
    assert (f"{call.context.trace_id:032x}", f"{call.parent.span_id:016x}") == (TRACE, PARENT)
    assert [attempt.parent for attempt in attempts] == [call.context, call.context]
    assert dict(call.attributes or {}) == {
        "kind": "device",
        "device_id": "edge-1",
        "model": "big",
        "node": "cloud",
        "cache": "off",
        "status": "stop",
        "tokens_in": 10,
        "tokens_out": 5,
    }
    assert SECRET not in call.to_json()


async def test_a_caller_s_own_trace_is_not_touched_while_it_reads() -> None:
    traced = Traced()
    before = trace.get_current_span()

    async with traced.core.answering(CALL) as answer:
        async for _ in answer.chunks:
            assert trace.get_current_span() is before

    assert trace.get_current_span() is before


async def test_an_embedding_s_attempt_lies_below_its_call() -> None:
    traced = Traced()

    await traced.core.embed(
        EmbedCall(CALLER, EmbedRequest(ModelName("e"), ("a", "b")), trace=BROUGHT)
    )

    (attempt,), call = traced.spans()
    assert attempt.parent == call.context
    assert f"{call.context.trace_id:032x}" == TRACE
    assert call.attributes is not None
    assert call.attributes["status"] == "embedded"


async def test_a_call_that_is_refused_or_left_has_its_span_all_the_same() -> None:
    refused, left = Traced(CapacityExhausted(SECRET)), Traced()

    with pytest.raises(CapacityExhausted):
        async with refused.core.answering(CALL):
            pass
    async with left.core.answering(CALL) as answer:
        await anext(answer.chunks)

    _, span = refused.spans()
    assert span.attributes is not None
    assert span.attributes["error"] == "CapacityExhausted"
    assert SECRET not in span.to_json()
    _, span = left.spans()
    assert span.attributes is not None
    assert span.attributes["status"] == "cancelled"


async def test_without_a_trace_of_its_own_a_call_joins_the_current_one() -> None:
    traced = Traced()
    outer = TracerProvider().get_tracer("o").start_span("step near")
    bare = GenerateCall(CALLER, CALL.request)

    with trace.use_span(outer):
        async with traced.core.answering(bare) as answer:
            _ = [chunk async for chunk in answer.chunks]

    _, call = traced.spans()
    assert call.parent == outer.get_span_context()
