"""A span per call, in the request's trace, and in whatever the call calls."""

import json
import logging
from collections.abc import AsyncGenerator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime.errors import EngineCrashed
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.ports import ChatMessage, Chunk, GenerateRequest, Provenance
from runtime.telemetry.logs import JsonFormatter
from runtime.telemetry.span_log import log_tracing
from runtime.telemetry.traced import TracedModel
from runtime.telemetry.tracing import inject
from runtime.testing.fakes import Script, ScriptedModel

TRACE = "0123456789abcdef0123456789abcdef"
SECRET = "Anna Kowalska"


def request(request_id: str = TRACE) -> GenerateRequest:
    where = Provenance(RequestId(request_id), SessionId("s"), PlanId("p"), StepId("near"))
    return GenerateRequest(
        model=ModelName("m"), messages=(ChatMessage("user", SECRET),), provenance=where
    )


class Carrying:
    """A port that notes the trace it was called in."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, str]] = []

    async def generate(self, call: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self.metadata.append(dict(inject()))
        async for chunk in ScriptedModel().generate(call):
            yield chunk


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(spans))
    return made


async def test_the_trace_id_is_the_request_id_on_both_sides(
    provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    behind = Carrying()
    model = TracedModel(behind, provider.get_tracer("t"), node="cloud")

    _ = [chunk async for chunk in model.generate(request())]

    (span,) = spans.get_finished_spans()
    assert span.name == "step near"
    assert f"{span.context.trace_id:032x}" == TRACE
    assert behind.metadata[0]["traceparent"].split("-")[1:3] == [
        TRACE,
        f"{span.context.span_id:016x}",
    ]
    assert SECRET not in span.to_json()


async def test_the_consumer_never_finds_itself_in_the_span(provider: TracerProvider) -> None:
    model = TracedModel(ScriptedModel(), provider.get_tracer("t"), node="n")

    async for _ in model.generate(request()):
        assert inject() == ()


async def test_a_failure_is_recorded_by_its_class_alone(
    provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    behind = ScriptedModel()
    behind.answer(Script("", error=EngineCrashed(SECRET)))
    model = TracedModel(behind, provider.get_tracer("t"), node="n")

    with pytest.raises(EngineCrashed):
        _ = [chunk async for chunk in model.generate(request())]

    (span,) = spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["error"] == "EngineCrashed"
    assert SECRET not in span.to_json()


async def test_an_id_that_is_no_trace_id_starts_a_trace_of_its_own(
    provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    model = TracedModel(ScriptedModel(), provider.get_tracer("t"), node="n")

    _ = [chunk async for chunk in model.generate(request("request-1"))]

    assert spans.get_finished_spans()[0].parent is None


async def test_ended_spans_are_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="leeward.trace")
    tracing = log_tracing()
    model = TracedModel(ScriptedModel(), tracing.get_tracer("t"), node="n")

    _ = [chunk async for chunk in model.generate(request())]
    tracing.shutdown()

    (line,) = (JsonFormatter().format(record) for record in caplog.records)
    entry = json.loads(line)
    assert (entry["event"], entry["trace_id"], entry["node"]) == ("span_ended", TRACE, "n")
    assert entry["finish_reason"] == "stop"
    assert "dropped_fields" not in entry
