"""Routers over scripted providers on loopback, as many as a test needs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import Any

from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from cloud.admission.prices import Prices
from cloud.charges import Tally
from cloud.routing.metrics import UPSTREAM_ROWS, UpstreamMetrics
from cloud.routing.router import Router
from cloud.routing.settings import RoutingSettings
from cloud.upstreams.model import Route, Target, UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.catalog.model import Price
from runtime.clock import Clock, SystemClock
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Chunk, Completion, GenerateRequest, TextDelta
from runtime.telemetry.metrics import Metrics
from runtime.testing.scripted_provider import Provider, Script, running_provider

MODEL = ModelName("big")
PRICES = (Price(date(2020, 1, 1), 1.0, 10.0), Price(date(2999, 1, 1), 9.0, 9.0))
CALL = GenerateRequest(MODEL, (ChatMessage("user", "hi"),), timeout_s=5.0)
SETTINGS = RoutingSettings(backoff_s=0.01, longest_backoff_s=0.2)


@dataclass(slots=True)
class House:
    """A router, the providers behind it, and its numbers."""

    router: Router
    providers: list[Provider]
    registry: CollectorRegistry

    async def ask(self, timeout_s: float = 5.0, **changes: Any) -> list[Chunk]:
        """Return the chunks of one answer."""
        call = replace(CALL, timeout_s=timeout_s, **changes)
        return [chunk async for chunk in self.router.generate(call, Tally())]

    def calls(self) -> list[int]:
        """How often each provider was asked."""
        return [len(provider.calls) for provider in self.providers]

    def metric(self, name: str, **labels: str) -> float:
        """A sample's value; 0 when there is none."""
        return self.registry.get_sample_value(name, labels) or 0.0


def text_of(chunks: Sequence[Chunk]) -> str:
    """The text of an answer."""
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))


def completion_of(chunks: Sequence[Chunk]) -> Completion:
    """The end of an answer."""
    (last,) = [chunk for chunk in chunks if isinstance(chunk, Completion)]
    return last


@asynccontextmanager
async def house_of(
    *scripts: Script,
    settings: RoutingSettings = SETTINGS,
    spec: dict[str, Any] | None = None,
    route: dict[str, Any] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[House]:
    """A router whose one model has a target per script, in order."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        providers = [await stack.enter_async_context(running_provider(s)) for s in scripts]
        specs = [
            UpstreamSpec(f"p{number}", provider.base_url, "k", **(spec or {}))
            for number, provider in enumerate(providers)
        ]
        targets = tuple(
            Target(one.name, f"model-of-{one.name}", priority=place)
            for place, one in enumerate(specs)
        )
        model = replace(Route(MODEL, targets, PRICES), **(route or {}))
        registry = CollectorRegistry()
        router = Router(
            {one.name: OpenAIUpstream(one, clock) for one in specs},
            [model],
            settings,
            node=NodeName("cloud"),
            prices=Prices(),
            metrics=UpstreamMetrics(Metrics(registry, UPSTREAM_ROWS)),
            tracer=NoOpTracer(),
            clock=clock,
            random=Random(7),
        )
        stack.push_async_callback(router.close)
        yield House(router, providers, registry)
