"""Makes the routers of configurations, watches the newest, closes each once it is used no more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random

from opentelemetry.trace import Tracer

from cloud.admission.prices import Prices
from cloud.config import CloudConfig
from cloud.routing.metrics import UpstreamMetrics
from cloud.routing.router import Router
from cloud.routing.watch import Report, UpstreamWatch
from cloud.serving import Serving
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.clock import Clock
from runtime.telemetry.metrics import Metrics

__all__ = ["Routers"]


class Routers:
    """The routers of one gateway, one after the other.

    Args:
        specs_of: Returns a configuration's providers with their keys.
        prices: What the store says that tokens cost.
        tracer: Makes spans of attempts.
        metrics: With the rows of ``cloud.routing.metrics``.
        clock: The one clock.
    """

    def __init__(
        self,
        specs_of: Callable[[CloudConfig], Sequence[UpstreamSpec]],
        prices: Prices,
        tracer: Tracer,
        metrics: Metrics,
        *,
        clock: Clock,
    ) -> None:
        self._specs_of = specs_of
        self._prices = prices
        self._tracer = tracer
        self._metrics = UpstreamMetrics(metrics)
        self._clock = clock
        self._random = Random()  # noqa: S311 - spreads calls and questions, keeps no secret
        self._open: list[Router] = []
        self._probe_s = 0.0
        self._report: Report | None = None
        self._watching: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    def first(self, config: CloudConfig) -> Router:
        """Return the router that the gateway starts with.

        Raises:
            ConfigInvalid: A provider's key is missing.
        """
        router = self.made(config)
        self._open.append(router)
        self._probe_s = config.routing.probe_s
        return router

    def made(self, config: CloudConfig) -> Router:
        """Return a router that nobody uses yet.

        Raises:
            ConfigInvalid: A provider's key is missing.
        """
        return Router(
            {spec.name: OpenAIUpstream(spec, self._clock) for spec in self._specs_of(config)},
            config.routes,
            config.routing,
            node=config.name,
            prices=self._prices,
            metrics=self._metrics,
            tracer=self._tracer,
            clock=self._clock,
            random=self._random,
        )

    def watch(self, report: Report) -> None:
        """Watch the newest router's providers from now on, and report them."""
        self._report = report
        self._watch_newest()

    def succeed(self, serving: Serving, router: Router, config: CloudConfig) -> None:
        """Give ``router`` to new calls; the former one is closed after its last call."""
        former = self._open[-1]
        self._open.append(router)
        self._probe_s = config.routing.probe_s
        self._watch_newest()
        unused = serving.succession.replace(router)
        task = asyncio.create_task(self._retire(former, unused))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Close whatever is open; no call runs any more."""
        tasks = {*self._retiring, *({self._watching} if self._watching else ())}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for router in self._open:
            await router.close()

    def _watch_newest(self) -> None:
        if self._report is None:
            return
        if self._watching is not None:
            self._watching.cancel()
        board = self._open[-1].board
        watch = UpstreamWatch(board, self._report, every_s=self._probe_s, random=self._random)
        self._watching = asyncio.create_task(watch.run())

    async def _retire(self, former: Router, unused: Awaitable[object]) -> None:
        gone = former.board.upstreams.keys() - self._open[-1].board.upstreams.keys()
        if self._report is not None:
            for name in gone:
                await self._report(name, False)
        await unused
        self._open.remove(former)
        await former.close()
