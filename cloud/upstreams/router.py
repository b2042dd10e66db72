"""Serve a model alias from its targets: the next one answers when one is down.

Falls back before the first token only. After it the failure is passed on with how far the
stream got, so that nothing is cut silently and nothing is charged twice.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from cloud.upstreams.model import Route, Target
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.catalog.model import Price, price_on
from runtime.clock import Clock
from runtime.errors import CapacityExhausted, LeewardError, NotFound, UpstreamUnavailable
from runtime.ids import NodeName
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

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Stream one answer of the alias ``request.model``."""
        route = self._routes.get(request.model)
        if route is None:
            raise NotFound(f"this gateway serves no model named {request.model!r}")
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
