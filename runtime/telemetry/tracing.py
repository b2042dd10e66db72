"""Traces across edge and cloud: tracer names, and W3C trace context in RPC metadata.

Uses the OpenTelemetry API alone, so that without a configured SDK everything here costs next
to nothing and nothing is exported. Knows metadata as pairs of texts, not gRPC; only the trace
context crosses, never baggage, which could carry content.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["TRACE_KEYS", "extract", "inject", "tracer"]

TRACE_KEYS: Final = ("traceparent", "tracestate")
"""Metadata keys of the W3C trace context."""

_MAX_VALUE_CHARS: Final = 512


def tracer(*names: str) -> trace.Tracer:
    """Return the tracer ``leeward.<names>``; spans are named after steps, not classes."""
    return trace.get_tracer(".".join(("leeward", *names)))


def inject(context: Context | None = None) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries the current, or the given, trace; empty without one."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, context=context)
    return tuple((key, carrier[key]) for key in TRACE_KEYS if key in carrier)


def extract(metadata: Mapping[str, object] | Iterable[tuple[str, object]]) -> Context:
    """Return the trace that metadata carries; an empty context when it carries none or nonsense.

    Args:
        metadata: Pairs or a mapping; values that are not texts are passed over.
    """
    pairs = metadata.items() if isinstance(metadata, Mapping) else metadata
    carrier = {
        key.lower(): value
        for key, value in pairs
        if key.lower() in TRACE_KEYS and isinstance(value, str) and len(value) <= _MAX_VALUE_CHARS
    }
    return TraceContextTextMapPropagator().extract(carrier, context=Context())
