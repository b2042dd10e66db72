"""One call of one target, from the breaker's permit to the account of how it ended."""

from collections.abc import AsyncGenerator
from typing import Final

from opentelemetry.trace import Span, SpanKind

from cloud.charges import Tally, priced
from cloud.routing.board import End
from cloud.routing.breaker import Permit
from cloud.routing.parts import RoutingParts
from cloud.upstreams.estimate import rough_prompt_tokens
from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import Route, Target
from cloud.upstreams.reading import Reading
from runtime.ports import Chunk, Completion, GenerateRequest, Usage

__all__ = ["Attempt"]

_FAIR_WAIT_S: Final = 10.0
"""A provider that says nothing for so long is at fault, even if the caller had no more time."""


class Attempt:
    """One call of one target; every one that is begun must be closed.

    Args:
        parts: What all calls share.
        route: Whose prices are charged where the target has none.
        target: Whom to ask.
        permit: The breaker's leave to do so.
        request: What to ask, with what is left of the caller's time.
        tally: Gets the charge when the attempt is over.
        number: From 1, over the attempts of the call.
        goes_on: Whether the request's last turn is the beginning of the answer.
    """

    def __init__(
        self,
        parts: RoutingParts,
        route: Route,
        target: Target,
        permit: Permit,
        request: GenerateRequest,
        tally: Tally,
        *,
        number: int,
        goes_on: bool,
    ) -> None:
        self.target = target
        self._parts = parts
        self._route = route
        self._permit = permit
        self._tally = tally
        self._started_s = parts.clock.monotonic_s()
        upstream = parts.board.upstreams[target.upstream]
        self.reading: Reading = upstream.reading(request)
        self._stream: AsyncGenerator[Chunk, None] = (
            upstream.generate(self.reading, target.upstream_model, goes_on=goes_on)
            if target.template is None or not request.continues
            else upstream.go_on(self.reading, target.upstream_model, target.template)
        )
        self._is_over = False
        self._span: Span = parts.tracer.start_span(
            "attempt",
            kind=SpanKind.CLIENT,
            attributes={
                "upstream": target.upstream,
                "model": target.upstream_model,
                "attempt": number,
            },
        )

    async def first(self) -> Chunk:
        """Wait for the first chunk.

        Raises:
            UpstreamFailed: There is none.
        """
        chunk = await anext(self._stream)
        self._parts.board.answered(self.target, self._permit, self._waited_s())
        return chunk

    async def next(self) -> Chunk:
        """Wait for the next chunk; the last one is the completion.

        Raises:
            UpstreamFailed: The stream broke.
        """
        return await anext(self._stream)

    def succeeded(self, completion: Completion) -> None:
        """The answer is whole."""
        self._is_over = True
        if self.reading.usage_was_refused:
            self._parts.metrics.count_refused_usage(self.target.upstream)
        self._charge(completion.usage)
        self._parts.board.ended(self.target, self._permit, End.WHOLE)
        self._end_span(End.WHOLE.value)

    def failed(self, failure: UpstreamFailed) -> None:
        """The attempt failed; what was received of it, or is being computed in vain, is charged."""
        self._is_over = True
        says_much = self._waited_s() >= _FAIR_WAIT_S and not self.reading.tokens
        if self.reading.counted_tokens or failure.fault is Fault.SILENT:
            self._charge(self._given_up())
        self._parts.board.failed(self.target, self._permit, failure, says_much=says_much)
        self._end_span(failure.fault.value)

    async def close(self, *, is_outrun: bool = False) -> None:
        """Hang up if it still runs; ``is_outrun`` when another attempt was faster."""
        try:
            await self._stream.aclose()
        finally:
            if not self._is_over:
                self._is_over = True
                if self.reading.counted_tokens or is_outrun:
                    self._charge(self._given_up())
                self._parts.board.ended(self.target, self._permit, End.CANCELLED)
                self._end_span(End.CANCELLED.value)

    def _waited_s(self) -> float:
        """Return how long the provider has had; the wait for a place at it is not its fault."""
        if not self.reading.is_sent:
            return 0.0
        return self._parts.clock.monotonic_s() - self._started_s - self.reading.queued_s

    def _given_up(self) -> Usage:
        """Return what the provider may charge for an attempt that did not end."""
        if not self.reading.is_sent:
            return Usage()
        return Usage(
            prompt_tokens=rough_prompt_tokens(self.reading.request),
            completion_tokens=self.reading.counted_tokens,
            estimated=True,
        )

    def _charge(self, usage: Usage) -> None:
        prices = self._parts.prices.of(self._route, self.target)
        today = self._parts.clock.now().date()
        self._tally.add(priced(usage, prices, today))
        self._parts.metrics.count_tokens(self.target.upstream, usage)

    def _end_span(self, status: str) -> None:
        self._span.set_attribute("status", status)
        self._span.set_attribute("tokens_out", self.reading.counted_tokens)
        self._span.end()
