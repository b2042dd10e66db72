"""Make calls of nodes: through the cache, or live, and as the executor's model port.

Knows clients and the cache; knows nothing of graphs. What a node fails to answer is raised and
never stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Final

from reference.tabulated.cache import CallCache, CallResult, call_key
from runtime.errors import CapacityExhausted, LeewardError, StreamBroken
from runtime.ids import ModelName, NodeName
from runtime.ports import (
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    ModelPort,
    TextDelta,
    Timings,
    TokenLogprob,
    Usage,
)

__all__ = ["Counts", "NodeCalls", "PortOver", "live_call"]

_CALLS_PER_MODEL: Final = 2
"""In flight per model: one runs, the other is there when it ends."""
_CALLS_AT_ONCE: Final = 3
"""In flight in all. More would keep two cores no busier, and each call's measured latency would
mostly tell how many others ran beside it."""
_TRIES: Final = 4
_WAIT_S: Final = 0.5


@dataclass(slots=True)
class Counts:
    """What was done so far."""

    fresh: int = 0
    cached: int = 0
    fresh_by_model: dict[str, int] = field(default_factory=dict)


class NodeCalls:
    """Every call once: from the cache, from a call that is under way, or from the node.

    Args:
        nodes: The port of each node.
        node_of: The node of each model.
        weights: SHA-256 of each model's file.
        cache: Where answers are kept.
    """

    def __init__(
        self,
        nodes: Mapping[NodeName, ModelPort],
        node_of: Mapping[str, NodeName],
        *,
        weights: Mapping[str, str],
        cache: CallCache,
    ) -> None:
        self._nodes = nodes
        self._node_of = node_of
        self._weights = weights
        self._cache = cache
        self._slots = {model: asyncio.Semaphore(_CALLS_PER_MODEL) for model in weights}
        self._all_slots = asyncio.Semaphore(_CALLS_AT_ONCE)
        self._under_way: dict[bytes, asyncio.Future[CallResult]] = {}
        self.counts = Counts()

    def key_of(self, request: GenerateRequest) -> bytes:
        """Return what a call is known by."""
        return call_key(self._weights[request.model], request.messages, request.sampling)

    def stored(self, key: bytes) -> CallResult | None:
        """Return a call that needs no node, or None."""
        found = self._cache.get(key)
        self.counts.cached += found is not None
        return found

    async def call(self, request: GenerateRequest) -> CallResult:
        """Return the answer to a call.

        Raises:
            LeewardError: The node failed at every try.
        """
        key = self.key_of(request)
        if (found := self.stored(key)) is not None:
            return found
        if (waiting := self._under_way.get(key)) is not None:
            return await asyncio.shield(waiting)
        future: asyncio.Future[CallResult] = asyncio.get_running_loop().create_future()
        self._under_way[key] = future
        try:
            async with self._slots[request.model], self._all_slots:
                result = await self._tried(request)
        except BaseException as error:
            if isinstance(error, LeewardError):
                future.set_exception(error)
                future.exception()  # whoever waits sees it; nobody has to
            else:
                future.cancel()
            raise
        finally:
            del self._under_way[key]
        self._cache.put(key, result)
        self.counts.fresh += 1
        by_model = self.counts.fresh_by_model
        by_model[request.model] = by_model.get(request.model, 0) + 1
        future.set_result(result)
        return result

    async def _tried(self, request: GenerateRequest) -> CallResult:
        port = self._nodes[self._node_of[request.model]]
        for number in range(1, _TRIES):
            try:
                return await live_call(port, request)
            except LeewardError as error:
                if not error.retryable:
                    raise
                pause_s = error.retry_after_s if isinstance(error, CapacityExhausted) else 0.0
            await asyncio.sleep(pause_s + _WAIT_S * number)
        return await live_call(port, request)


async def live_call(port: ModelPort, request: GenerateRequest) -> CallResult:
    """Call a node and read the whole answer.

    Raises:
        StreamBroken: The stream ended without its completion.
        LeewardError: What the node reported.
    """
    parts: list[str] = []
    logprobs: list[float] = []
    completion: Completion | None = None
    async for chunk in port.generate(request):
        if isinstance(chunk, Completion):
            completion = chunk
        else:
            parts.append(chunk.text)
            logprobs += [token.logprob for token in chunk.logprobs]
    if completion is None:
        raise StreamBroken("the stream ended without its completion")
    timings = completion.timings
    return CallResult(
        text="".join(parts),
        prompt_tokens=completion.usage.prompt_tokens,
        completion_tokens=completion.usage.completion_tokens,
        latency_us=round((timings.total_s - timings.queued_s) * 1e6),
        finish=completion.finish_reason.value,
        logprob_sum=fsum(logprobs),
        logprob_count=len(logprobs),
    )


def _tokens_of(result: CallResult) -> tuple[TokenLogprob, ...]:
    """Return as many tokens as the answer had, each as likely as they were on average."""
    if not result.logprob_count:
        return ()
    mean = result.logprob_sum / result.logprob_count
    return (TokenLogprob("", mean),) * result.logprob_count


class PortOver:
    """Implements ``ModelPort`` over ``NodeCalls``, for the executor.

    Args:
        calls: Makes the calls.
        node: The node that this port stands for.
    """

    def __init__(self, calls: NodeCalls, node: NodeName) -> None:
        self._calls = calls
        self._node = node

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Stream an answer in one piece."""
        result = await self._calls.call(request)
        if result.text:
            yield TextDelta(result.text, result.completion_tokens, _tokens_of(result))
        latency_s = result.latency_us / 1e6
        yield Completion(
            FinishReason(result.finish),
            Usage(result.prompt_tokens, result.completion_tokens),
            Timings(0.0, latency_s, latency_s),
            ModelName(request.model),
            self._node,
        )
