"""A model port that records a span per call, and hands the trace to what it calls.

The trace id *is* the request id, so a receipt, both sides' logs and both sides' spans name one
request by one word. Knows ports and OpenTelemetry; no transport: whoever makes the call reads
the current trace (``tracing.inject``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from runtime.ports import Chunk, Completion, GenerateRequest, ModelPort, Provenance

__all__ = ["TracedModel", "next_within", "parent_of"]

_HEX_DIGITS: Final = 32


class TracedModel:
    """Another ``ModelPort``, with a span around every call."""

    def __init__(self, models: ModelPort, tracer: trace.Tracer, *, node: str) -> None:
        self._models = models
        self._tracer = tracer
        self._node = node

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer of the port behind."""
        where = request.provenance
        span = self._tracer.start_span(
            f"step {where.step_id}" if where else "generate",
            context=parent_of(where),
            kind=SpanKind.CLIENT,
            attributes={"node": self._node, "model": request.model, "label": str(request.label)},
        )
        inside = trace.set_span_in_context(span)
        try:
            async with aclosing(self._models.generate(request)) as chunks:
                while (chunk := await next_within(chunks, inside)) is not None:
                    if isinstance(chunk, Completion):
                        span.set_attribute("finish_reason", chunk.finish_reason.value)
                        span.set_attribute("tokens_in", chunk.usage.prompt_tokens)
                        span.set_attribute("tokens_out", chunk.usage.completion_tokens)
                    yield chunk
        except Exception as error:
            # The class alone: an exception's text is nobody's business in a trace.
            span.set_attribute("error", type(error).__name__)
            raise
        finally:
            span.end()


async def next_within(chunks: AsyncGenerator[Chunk, None], inside: Context) -> Chunk | None:
    """Wait for the next chunk, or for the end as ``None``, with a trace as the current one."""
    # Attached for the wait alone: what is attached across a yield would leak to the consumer.
    token = otel_context.attach(inside)
    try:
        return await anext(chunks, None)
    finally:
        otel_context.detach(token)


def parent_of(where: Provenance | None) -> Context | None:
    """Return the context of a request's trace; ``None`` starts a fresh one.

    Args:
        where: Its request id becomes the trace id when it is 32 hexadecimal digits; the span
            above all steps has the id that the trace id ends with.
    """
    if where is None or len(where.request_id) != _HEX_DIGITS:
        return None
    try:
        trace_id = int(where.request_id, 16)
    except ValueError:
        return None
    root = SpanContext(
        trace_id=trace_id,
        span_id=trace_id & (2**64 - 1),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(root), Context()) if root.is_valid else None
