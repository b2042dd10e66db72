"""Keep a request whose caller consents: its prompt and its answer, if its label allows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from edge.capture.store import CaptureStore, Example
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.errors import LeewardError
from runtime.executor.events import AnswerFinished, Event, RunFinished
from runtime.ids import Category, RequestId
from runtime.ports import FinishReason
from runtime.telemetry.logs import event_logger

__all__ = ["CONSENT", "Capture"]

CONSENT = "yes"
"""What a caller says to let one request be kept."""
_logger = event_logger("edge", "capture")


class Capture:
    """Follows runs whose callers consent.

    Args:
        store: Where examples are kept.
        categories: What a kept request's label may hold; with anything else it is not kept.
    """

    def __init__(self, store: CaptureStore, categories: frozenset[Category]) -> None:
        self._store = store
        self._categories = categories

    async def following(
        self, request: CollaborationRequest, events: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """Pass the events of a run on, and keep what it came to once it has ended well."""
        finished: AnswerFinished | None = None
        async with aclosing(events) as running:
            async for event in running:
                if isinstance(event, AnswerFinished):
                    finished = event
                if isinstance(event, RunFinished) and finished is not None:
                    await self._keep(request, finished, event)
                yield event

    def judge(self, request: RequestId, verdict: str) -> None:
        """Write down whether a kept answer was right; blocks on disk.

        Raises:
            NotFound: No example is kept of that request.
        """
        self._store.judge(request, verdict)

    async def _keep(
        self, request: CollaborationRequest, finished: AnswerFinished, done: RunFinished
    ) -> None:
        categories = finished.label.categories | done.receipt.label.categories
        if finished.finish_reason is not FinishReason.STOP or not categories <= self._categories:
            return
        example = Example(
            request.request_id,
            request.messages,
            finished.text,
            tuple(sorted(categories)),
            done.receipt.graph,
        )
        try:
            await asyncio.to_thread(self._store.add, example)
        except (LeewardError, OSError) as error:
            # An answer is not withheld because it could not be kept.
            _logger.warning("capture_failed", extra={"error": type(error).__name__})
