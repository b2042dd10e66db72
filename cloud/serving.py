"""The gateway's one core: what happens to every call, whichever front it came through.

Inspected, looked up, reserved for, answered, settled; in that order. A call is settled before its
completion is passed on, so that no caller holds an answer that the gateway does not know of, and
it is settled however it ends: whole, broken, cancelled.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

from cloud.calls import Call, EmbedCall, GenerateCall
from cloud.spans import NO_SPANS, CallSpan, CallSpans
from cloud.stages import (
    FREE,
    Admission,
    AnswerCache,
    CacheState,
    Embedded,
    Inspector,
    Models,
    Outcome,
    Reservation,
    Tally,
)
from cloud.succession import Succession
from runtime.clock import Clock
from runtime.documents.names import is_model_name
from runtime.errors import LeewardError, NotFound, NotPermitted
from runtime.ports import Chunk, Completion, Usage

__all__ = ["Answer", "Serving"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is about to stream."""

    cache: CacheState
    """Whether it comes from the cache; ``off`` when the cache may not be used for this call."""
    chunks: AsyncGenerator[Chunk, None]
    """Any number of deltas, then exactly one completion."""


class Serving:
    """Runs calls through the stages."""

    def __init__(
        self,
        *,
        models: Models | Succession,
        admission: Admission,
        inspector: Inspector,
        cache: AnswerCache,
        clock: Clock,
        spans: CallSpans = NO_SPANS,
    ) -> None:
        self.succession = models if isinstance(models, Succession) else Succession(models)
        self._admission = admission
        self._inspector = inspector
        self._cache = cache
        self._clock = clock
        self._spans = spans

    @property
    def models(self) -> Models:
        """What a call that begins now is answered by."""
        return self.succession.newest

    @asynccontextmanager
    async def answering(self, call: GenerateCall) -> AsyncIterator[Answer]:
        """Open one answer; leaving the block early cancels it.

        Raises:
            LeewardError: The call is refused, on entering; or the answer fails, while it streams.
        """
        started_s = self._clock.monotonic_s()
        _require_alias(call)
        with self._spans.of(call) as span:
            call = await self._inspector.inspect(call)
            # In this order: what newer models answer may be kept as older ones', never the reverse.
            async with self._cache.opened(call) as lookup, self.succession.using() as models:
                span.served(lookup.state)
                is_hit = lookup.found is not None
                worst = FREE if is_hit else models.worst_case(call.request)
                reservation = await self._admission.reserve(call, worst)
                tally = Tally()
                source = lookup.found or lookup.recording(models.generate(call.request, tally))
                meter = _Meter(
                    reservation, self._clock, span, started_s=started_s, cache_hit=is_hit
                )
                chunks = meter.metered(source)
                try:
                    yield Answer(lookup.state, chunks)
                finally:
                    # One that was never started runs none of its own clean-up: close the source.
                    try:
                        await chunks.aclose()
                        await source.aclose()
                    finally:
                        if not meter.is_settled:
                            # Nothing if no token came back, whatever was tried.
                            spent = tally.within(worst) if meter.received_tokens else Usage()
                            await meter.settle(meter.status, spent)

    async def embed(self, call: EmbedCall) -> Embedded:
        """Turn texts into vectors.

        Raises:
            LeewardError: The call is refused or fails.
        """
        started_s = self._clock.monotonic_s()
        _require_alias(call)
        with self._spans.of(call) as span:
            call = await self._inspector.inspect(call)
            async with self.succession.using() as models:
                reservation = await self._admission.reserve(call, models.worst_case(call.request))
                meter = _Meter(reservation, self._clock, span, started_s=started_s)
                try:
                    with span.current():
                        embedded = await models.embed(call.request)
                    await meter.settle("embedded", embedded.usage)
                except LeewardError as error:
                    meter.status = type(error).__name__
                    raise
                finally:
                    if not meter.is_settled:
                        await meter.settle(meter.status, Usage())
        return embedded


def _require_alias(call: Call) -> None:
    if not is_model_name(call.request.model):  # before it is written anywhere: it may be prose
        raise NotFound("no model has a name of that form")
    if not call.caller.may_use(call.request.model):
        raise NotPermitted(f"{call.caller.kind} {call.caller.id} may not use this model")


class _Meter:
    """Counts what one call used, and settles it once."""

    def __init__(
        self,
        reservation: Reservation,
        clock: Clock,
        span: CallSpan,
        *,
        started_s: float,
        cache_hit: bool = False,
    ) -> None:
        self._reservation = reservation
        self._clock = clock
        self._span = span
        self._started_s = started_s
        self._cache_hit = cache_hit
        self.status = "cancelled"
        self.received_tokens = 0
        self.is_settled = False

    async def metered(self, source: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        """Pass a stream on, settling before its completion."""
        try:
            async with aclosing(source):
                while (chunk := await self._span.next(source)) is not None:
                    if isinstance(chunk, Completion):
                        await self.settle(chunk.finish_reason.value, chunk.usage)
                        if self._reservation.repeats:
                            chunk = replace(chunk, upstream_repeats=self._reservation.repeats)
                    else:
                        self.received_tokens += chunk.tokens
                    yield chunk
        except LeewardError as error:
            self.status = type(error).__name__
            raise

    async def settle(self, status: str, usage: Usage) -> None:
        """Settle now, also when the caller leaves meanwhile."""
        self.is_settled = True
        self._span.settled(status, usage)
        outcome = Outcome(
            status, usage, self._clock.monotonic_s() - self._started_s, self._cache_hit
        )
        await _to_the_end(self._reservation.settle(outcome))


async def _to_the_end(work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
