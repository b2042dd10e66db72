"""Serve a model alias from its targets: the next one answers when one is down.

Falls back before the first token only. After it the failure is passed on with how far the
stream got, so that nothing is cut silently and nothing is charged twice.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from cloud.calls import EmbedRequest
from cloud.stages import Embedded, WorstCase, micros
from cloud.upstreams.estimate import estimate_prompt_tokens, most_prompt_tokens
from cloud.upstreams.model import Route, Target
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.catalog.model import Price, price_on
from runtime.clock import Clock
from runtime.errors import (
    CapacityExhausted,
    LeewardError,
    NotFound,
    NotImplementedYet,
    UpstreamUnavailable,
)
from runtime.ids import ModelName, NodeName
from runtime.ports import Chunk, Completion, GenerateRequest, Usage

__all__ = ["UpstreamRouter"]

_logger = logging.getLogger("leeward.cloud.upstreams")


class UpstreamRouter:
    """The gateway's ``ModelPort``: every alias it serves, over every provider it knows."""

    def __init__(
        self,
        upstreams: Mapping[str, OpenAIUpstream],
        routes: Sequence[Route],
        *,
        node: NodeName,
        clock: Clock,
    ) -> None:
        self._upstreams = upstreams
        self._routes = {route.model: route for route in routes}
        self._node = node
        self._clock = clock

    @property
    def routes(self) -> tuple[Route, ...]:
        """The aliases served, in configured order."""
        return tuple(self._routes.values())

    async def close(self) -> None:
        """Close every provider's connections."""
        for upstream in self._upstreams.values():
            await upstream.close()

    async def reachable(self) -> Mapping[str, bool]:
        """Ask each provider whether it answers."""
        return {name: await upstream.is_reachable() for name, upstream in self._upstreams.items()}

    def worst_case(self, request: GenerateRequest | EmbedRequest) -> WorstCase:
        """Return the most that ``request`` can use."""
        route = self._route(request.model)
        price = price_on(route.prices, self._clock.now().date())
        if isinstance(request, EmbedRequest):
            prompt, completion = sum(len(text.encode()) for text in request.texts), 0
        else:
            prompt = most_prompt_tokens(request.messages)
            completion = request.sampling.max_tokens
        cost = None if price is None else micros(price.cost_usd(prompt, completion))
        return WorstCase(prompt, completion, cost)

    def spent(self, request: GenerateRequest | EmbedRequest, received_tokens: int) -> Usage:
        """Return what a call that did not end has cost: nothing if no token came back."""
        if isinstance(request, EmbedRequest) or not received_tokens:
            return Usage(estimated=True)
        usage = Usage(
            prompt_tokens=estimate_prompt_tokens(request.messages),
            completion_tokens=received_tokens,
            estimated=True,
        )
        return self._priced(usage, self._route(request.model).prices)

    async def embed(self, request: EmbedRequest) -> Embedded:
        """Not served yet."""
        raise NotImplementedYet("this gateway serves no embedding models yet")

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Stream one answer of the alias ``request.model``."""
        route = self._route(request.model)
        deadline_s = self._clock.monotonic_s() + request.timeout_s
        failure: LeewardError = UpstreamUnavailable(f"model {route.model} has no upstream")
        for target in route.targets:
            left_s = max(0.001, deadline_s - self._clock.monotonic_s())
            try:
                async with aclosing(
                    self._from_target(replace(request, timeout_s=left_s), route, target)
                ) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except (UpstreamUnavailable, CapacityExhausted) as error:
                # Both are raised before the first token only.
                failure = error
                _logger.warning(
                    "upstream_failed",
                    extra={"upstream": target.upstream, "error": type(error).__name__},
                )
            else:
                return
        raise failure

    def _route(self, model: ModelName) -> Route:
        route = self._routes.get(model)
        if route is None:
            raise NotFound(f"this gateway serves no model named {model!r}")
        return route

    async def _from_target(
        self, request: GenerateRequest, route: Route, target: Target
    ) -> AsyncGenerator[Chunk, None]:
        upstream = self._upstreams[target.upstream]
        async with aclosing(upstream.generate(request, target.upstream_model)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Completion):
                    yield replace(
                        chunk,
                        model=route.model,
                        node=self._node,
                        usage=self._priced(chunk.usage, route.prices),
                    )
                else:
                    yield chunk

    def _priced(self, usage: Usage, prices: Sequence[Price]) -> Usage:
        price = price_on(prices, self._clock.now().date())
        if price is None:
            return usage
        return replace(usage, cost_usd=price.cost_usd(usage.prompt_tokens, usage.completion_tokens))
