"""One call of one model: read its stream within limits, retry it once where that is safe.

Knows the protocol of a stream (deltas, then one completion) and the clock; knows nothing of
graphs, roles or what the text is for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from runtime.clock import Clock
from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    CloudAway,
    DeadlineExceeded,
    GateRefused,
    LedgerUnavailable,
    LeewardError,
    PolicyViolation,
    StreamBroken,
)
from runtime.executor.channel import EventChannel
from runtime.executor.events import DraftCount, Event
from runtime.executor.limits import Limits
from runtime.ids import ModelName, NodeName
from runtime.policy.model import Zone
from runtime.ports import Chunk, Completion, GenerateRequest, ModelPort, TextDelta

__all__ = ["Call", "Caller", "Drawn", "Progress", "Seat"]

_NEVER_LEFT: Final = (GateRefused, PolicyViolation, LedgerUnavailable, CloudAway)
"""Failures of a cloud call that say that nothing was sent."""
_IDLE_CHECKS: Final = 8
"""The idle limit is moved on at most this often per limit: a timer per token would cost more
than the token; so a stall shows after seven eighths of the limit at the earliest."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a call is made."""

    node: NodeName
    model: ModelName
    zone: Zone


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make."""

    request: GenerateRequest
    seat: Seat
    deadline_at_s: float
    """When the caller's time runs out, on the executor's monotonic clock."""
    has_fallback: bool = False
    show: Callable[[TextDelta], Event | None] | None = None
    """Turns each piece of the answer into the event that shows it, while it is being generated."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One complete answer."""

    text: str
    completion: Completion
    logprob_sum: float = 0.0
    logprob_count: int = 0
    drafted: DraftCount | None = None
    """What an edge model wrote of it, where two wrote it together."""
    said_tokens: int | None = None
    """Of the text, where they are not those that its model is paid for."""

    @property
    def tokens(self) -> int:
        """How many tokens the text has."""
        paid = self.completion.usage.completion_tokens
        return paid if self.said_tokens is None else self.said_tokens


@dataclass(slots=True)
class Progress:
    """What happened so far over all calls of a step, failed ones included."""

    calls: int = 0
    tokens: int = 0
    first_token_at_s: float | None = None
    has_left: bool = False
    """Whether content was, or may have been, sent to a cloud node."""
    positions: tuple[int, ...] = ()
    """Ledger positions of the calls that left."""
    left_bytes: int = 0
    """Of all of those together."""

    def record(self, tokens: int, first_token_at_s: float | None) -> None:
        """Add what one call brought, whether or not it succeeded."""
        self.tokens += tokens
        if self.first_token_at_s is None:
            self.first_token_at_s = first_token_at_s

    def note_passage(self, position: int, payload_bytes: int) -> None:
        """Add a call that left, whether or not it succeeded."""
        self.positions += (position,)
        self.left_bytes += payload_bytes


class Caller:
    """Makes calls over the given ports.

    Args:
        models: One port per node.
        clock: What deadlines and latencies are read from.
        rng: Where the jitter of retries is drawn from.
        limits: Bounds of one call.
        sleep: Waits the given seconds.
    """

    def __init__(
        self,
        models: Mapping[NodeName, ModelPort],
        clock: Clock,
        *,
        rng: random.Random,
        limits: Limits,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._models = models
        self._clock = clock
        self._rng = rng
        self._limits = limits
        self._sleep = sleep

    async def draw(self, call: Call, channel: EventChannel, progress: Progress) -> Drawn:
        """Make a call; once more if it failed in a way that may pass before anything came.

        Raises:
            DeadlineExceeded: The caller's time or the step's limit ran out.
            StreamBroken: The stream ended, stalled or went on against the protocol.
            LeewardError: What the port raised.
        """
        reader = self._reader(call, channel)
        try:
            return await self._once(call, reader, progress)
        except LeewardError as error:
            if not error.retryable or reader.has_begun or reader.has_stalled:
                raise
            wait_s = self._limits.retry_delay_s * self._rng.uniform(0.5, 1.5)
            if isinstance(error, CapacityExhausted):
                wait_s += error.retry_after_s
            if wait_s >= self._time_left_s(call):
                raise
        await self._sleep(wait_s)
        return await self._once(call, self._reader(call, channel), progress)

    def opened(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """Return the stream of a call, for a caller that may not want all of it, and closes it.

        Raises:
            BackendUnavailable: The call's node is not connected.
        """
        return self._port(call).generate(call.request)

    def _port(self, call: Call) -> ModelPort:
        port = self._models.get(call.seat.node)
        if port is None:
            raise BackendUnavailable(f"node {call.seat.node} is not connected")
        return port

    async def _once(self, call: Call, reader: _Reader, progress: Progress) -> Drawn:
        port = self._port(call)
        left_s = self._time_left_s(call)
        if left_s <= 0:
            raise DeadlineExceeded(f"no time left for a call of {call.seat.node}")
        timeout_s = min(left_s, self._limits.step_timeout_s)
        first_s = self._limits.first_token_timeout_s
        if call.has_fallback:
            first_s = min(first_s, left_s / 2)
        progress.calls += 1
        is_cloud = call.seat.zone == "cloud"
        request = call.request
        try:
            stream = port.generate(
                GenerateRequest(  # spelt out: `replace` costs as much as all the rest
                    request.model,
                    request.messages,
                    request.sampling,
                    request.label,
                    request.provenance,
                    request.idempotency_key,
                    timeout_s,
                    request.tools,
                    request.tool_choice,
                    request.priority,
                    request.key_terms,
                    request.begun,
                    request.draft,
                )
            )
            drawn = await reader.read(stream, timeout_s, first_s=first_s)
        except LeewardError as error:
            if error.ledger_position is not None:
                progress.note_passage(error.ledger_position, error.payload_bytes)
            progress.has_left |= is_cloud and not isinstance(error, _NEVER_LEFT)
            raise
        finally:
            progress.record(reader.tokens, reader.first_token_at_s)
        progress.has_left |= is_cloud
        done = drawn.completion
        if done.ledger_position is not None:
            progress.note_passage(done.ledger_position, done.payload_bytes)
        return drawn

    def _reader(self, call: Call, channel: EventChannel) -> _Reader:
        return _Reader(call, channel, clock=self._clock, limits=self._limits)

    def _time_left_s(self, call: Call) -> float:
        return call.deadline_at_s - self._clock.monotonic_s()


class _Reader:
    """Reads one stream to its end and holds it to protocol and limits."""

    def __init__(self, call: Call, channel: EventChannel, *, clock: Clock, limits: Limits) -> None:
        self._call = call
        self._channel = channel
        self._clock = clock
        self._limits = limits
        self._parts: list[str] = []
        self._chars = 0
        self._logprob_sum = 0.0
        self._logprob_count = 0
        self._completion: Completion | None = None
        self.tokens = 0
        self.first_token_at_s: float | None = None
        self.has_begun = False
        self.has_stalled = False

    async def read(
        self, stream: AsyncIterator[Chunk], timeout_s: float, *, first_s: float
    ) -> Drawn:
        """Read under one timer, which moves on with the items; close the stream in any case."""
        node = self._call.seat.node
        now_s = asyncio.get_running_loop().time
        ends_at_s = now_s() + timeout_s
        try:
            async with asyncio.timeout_at(min(ends_at_s, now_s() + first_s)) as timer:
                try:
                    await self._pump(stream, timer, ends_at_s=ends_at_s)
                finally:
                    await _close(stream)
        except TimeoutError:
            if not timer.expired():
                raise
            if now_s() >= ends_at_s:
                raise DeadlineExceeded(f"call of {node} ran out of time") from None
            self.has_stalled = True
            raise self._broken(f"node {node} fell silent") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled this task: the port's own call was cancelled under it.
            raise BackendUnavailable(f"node {node} cancelled the call") from None
        if self._completion is None:
            raise self._broken(f"stream of {node} ended without its completion")
        text = "".join(self._parts)
        return Drawn(text, self._completion, self._logprob_sum, self._logprob_count)

    async def _pump(
        self, stream: AsyncIterator[Chunk], timer: asyncio.Timeout, *, ends_at_s: float
    ) -> None:
        now_s = asyncio.get_running_loop().time
        idle_s = self._limits.idle_timeout_s
        show = self._call.show
        next_check_s = 0.0
        async for chunk in stream:
            delta = self._take(chunk)
            event = show(delta) if show is not None and delta is not None else None
            if event is not None and not self._channel.put_nowait(event):
                timer.reschedule(ends_at_s)  # a slow reader is not a silent node
                await self._channel.put(event)
                next_check_s = 0.0
            now = now_s()
            if now >= next_check_s:
                timer.reschedule(min(ends_at_s, now + idle_s))
                next_check_s = now + idle_s / _IDLE_CHECKS

    def _take(self, chunk: Chunk) -> TextDelta | None:
        """Take the next item; return it where there is something in it to show."""
        if self._completion is not None:
            raise self._broken("stream went on past its completion")
        self.has_begun = True
        if isinstance(chunk, Completion):
            self._completion = chunk
            return None
        if self.first_token_at_s is None:
            self.first_token_at_s = self._clock.monotonic_s()
        self._parts.append(chunk.text)
        self._chars += len(chunk.text)
        self.tokens += chunk.tokens
        for token in chunk.logprobs:
            self._logprob_sum += token.logprob
            self._logprob_count += 1
        for piece in chunk.tool_calls:
            self._chars += len(piece.arguments)
        if self._chars > self._limits.answer_chars:
            raise self._broken("answer is longer than the limit")
        return chunk if chunk.text or chunk.logprobs or chunk.tool_calls else None

    def _broken(self, reason: str) -> StreamBroken:
        return StreamBroken(reason, received_tokens=self.tokens)


async def _close(stream: AsyncIterator[Chunk]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
