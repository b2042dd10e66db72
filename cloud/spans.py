"""One span for each call of the gateway, in the caller's trace; attempts at providers lie below it.

Content-free: names, counts and outcomes.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Self

from opentelemetry.context import attach, detach
from opentelemetry.trace import NoOpTracer, Span, SpanKind, Tracer, set_span_in_context

from cloud.calls import Call
from runtime.errors import LeewardError
from runtime.ids import NodeName
from runtime.ports import Chunk, Usage
from runtime.telemetry.traced import next_within

__all__ = ["NO_SPANS", "CallSpan", "CallSpans"]


class CallSpan:
    """The span of one call; it ends with the block that it is entered for."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._inside = set_span_in_context(span)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, LeewardError):
            # The class alone: an exception's text is nobody's business in a trace.
            self._span.set_attribute("error", kind.__name__)
        self._span.end()

    async def next(self, chunks: AsyncGenerator[Chunk, None]) -> Chunk | None:
        """Wait for the next chunk, or for the end as ``None``; what that calls lies below."""
        return await next_within(chunks, self._inside)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Put what is awaited in the block below; nothing may be yielded to a caller in it."""
        token = attach(self._inside)
        try:
            yield
        finally:
            detach(token)

    def served(self, cache: str) -> None:
        """Note how the cache served the call."""
        self._span.set_attribute("cache", cache)

    def settled(self, status: str, usage: Usage) -> None:
        """Note how the call ended, and what it used."""
        self._span.set_attribute("status", status)
        self._span.set_attribute("tokens_in", usage.prompt_tokens)
        self._span.set_attribute("tokens_out", usage.completion_tokens)


class CallSpans:
    """Makes the spans of calls.

    Args:
        tracer: Where they go.
        node: This gateway's name.
    """

    def __init__(self, tracer: Tracer, *, node: NodeName) -> None:
        self._tracer = tracer
        self._node = node

    def of(self, call: Call) -> CallSpan:
        """Begin the span of a call: in the trace that it brings, else in the current one."""
        attributes = {
            "kind": call.caller.kind,
            "device_id": call.caller.id,
            "model": call.request.model,
            "node": self._node,
        }
        name = f"call {call.request.model}"
        return CallSpan(
            self._tracer.start_span(
                name, context=call.trace, kind=SpanKind.SERVER, attributes=attributes
            )
        )


NO_SPANS = CallSpans(NoOpTracer(), node=NodeName(""))
"""Spans that nobody keeps."""
