"""Write ended spans to the structured log, so that traces need no collector and nothing leaves.

The log's allow-list decides which attributes are shown.
"""

from __future__ import annotations

import asyncio
import logging

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

__all__ = ["LogSpans", "log_tracing"]

_logger = logging.getLogger("leeward.trace")
_NS_PER_S = 1e9


class LogSpans(SpanProcessor):
    """Each sampled span as one ``span_ended`` record.

    In an event loop the record is written after what the loop is at: a caller whose answer has
    just ended does not wait for our log.
    """

    def __init__(self) -> None:
        self._waiting: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Log the span, or have it logged in a moment."""
        ids = span.get_span_context()
        if ids is None or not ids.trace_flags.sampled:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            _log(span)
            return
        if not self._waiting:
            loop.call_soon(self._log_waiting)
        self._waiting.append(span)

    def shutdown(self) -> None:
        """Log what waits."""
        self._log_waiting()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Log what waits."""
        self._log_waiting()
        return True

    def _log_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for span in waiting:
            _log(span)


def log_tracing() -> TracerProvider:
    """Return a provider whose spans go to the log; the caller shuts it down."""
    provider = TracerProvider(resource=Resource.get_empty())
    provider.add_span_processor(LogSpans())
    return provider


def _log(span: ReadableSpan) -> None:
    _logger.info("span_ended", extra=_fields(span))


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
