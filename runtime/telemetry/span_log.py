"""Write ended spans to the structured log, so that traces need no collector and nothing leaves.

The log's allow-list decides which attributes are shown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

__all__ = ["LogSpanExporter", "log_tracing"]

_logger = logging.getLogger("leeward.trace")
_NS_PER_S = 1e9


class LogSpanExporter(SpanExporter):
    """Each span as one ``span_ended`` record."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Log the spans."""
        for span in spans:
            _logger.info("span_ended", extra=_fields(span))
        return SpanExportResult.SUCCESS


def log_tracing() -> TracerProvider:
    """Return a provider whose spans go to the log; the caller shuts it down."""
    provider = TracerProvider(resource=Resource.get_empty())
    provider.add_span_processor(SimpleSpanProcessor(LogSpanExporter()))
    return provider


def _fields(span: ReadableSpan) -> dict[str, object]:
    ids = span.get_span_context()
    duration_s = ((span.end_time or 0) - (span.start_time or 0)) / _NS_PER_S
    return {
        **(span.attributes or {}),
        "span": span.name,
        "trace_id": f"{ids.trace_id:032x}" if ids else "",
        "span_id": f"{ids.span_id:016x}" if ids else "",
        "parent_span_id": f"{span.parent.span_id:016x}" if span.parent else "",
        "duration_s": round(duration_s, 6),
    }
