"""What both fronts share, wired as configured; a newer configuration replaces part of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

from opentelemetry.trace import Tracer

from cloud.access import Access
from cloud.admission.opened import opened_admission
from cloud.admission.prices import Prices
from cloud.audit_alarms import AuditedAlarms
from cloud.audit_trail import AuditTrail
from cloud.collaboration import GatewayGraphs, load_library
from cloud.config import CloudConfig
from cloud.core import new_serving
from cloud.idempotency.names import Namer
from cloud.inspection.build import gateway_policy, opened_inspector, opened_sentinel
from cloud.metrics import gateway_metrics
from cloud.routers import Routers
from cloud.serving import Serving
from cloud.stores.audit import AuditStore
from cloud.stores.database import Database
from cloud.tracing import new_tracing
from cloud.upstreams.model import UpstreamSpec
from runtime.clock import Clock
from runtime.telemetry.metrics import Metrics

__all__ = ["Wired", "wired"]


@dataclass(frozen=True, slots=True)
class Wired:
    """What answers calls."""

    serving: Serving
    access: Access
    graphs: GatewayGraphs
    tracer: Tracer
    metrics: Metrics
    routers: Routers

    async def prepare(self, newer: CloudConfig) -> Callable[[], None]:
        """Return what takes a newer configuration over; that cannot fail any more.

        Raises:
            LeewardError: The configuration cannot be taken over; nothing has changed.
        """
        library = await asyncio.to_thread(load_library, newer.graphs)
        router = self.routers.made(newer)
        try:
            await router.check_drafts()
        except BaseException:
            await router.close()
            raise

        def commit() -> None:
            self.graphs.library = library
            self.routers.succeed(self.serving, router, newer)

        return commit


@asynccontextmanager
async def wired(
    config: CloudConfig,
    database: Database,
    audit: AuditStore,
    *,
    namer: Namer,
    specs_of: Callable[[CloudConfig], Sequence[UpstreamSpec]],
    clock: Clock,
) -> AsyncIterator[Wired]:
    """Wire what both fronts share, until the block ends.

    Args:
        config: The gateway's configuration.
        database: The store, open for longer than this.
        audit: Where refusals and alarms are kept.
        namer: Names calls that bear an idempotency key, the same on every replica.
        specs_of: Returns a configuration's providers with their keys.
        clock: The one clock.

    Raises:
        LeewardError: A key, a policy or a graph cannot be used.
    """
    async with AsyncExitStack() as stack:
        tracing = new_tracing(config.traces, config.name)
        stack.callback(tracing.shutdown)
        tracer = tracing.get_tracer("leeward.cloud")
        metrics = gateway_metrics()
        prices = Prices()
        admission = await stack.enter_async_context(
            opened_admission(
                database,
                node=config.name,
                prices=prices,
                namer=namer,
                metrics=metrics,
                clock=clock,
            )
        )
        trail = AuditTrail(audit, clock)
        await stack.enter_async_context(trail.running())
        inspector = stack.enter_context(
            opened_inspector(
                config.inspection,
                config.name,
                alarms=AuditedAlarms(trail),
                metrics=metrics,
                clock=clock,
            )
        )
        routers = Routers(specs_of, prices, tracer, metrics, clock=clock)
        stack.push_async_callback(routers.close)
        router = routers.first(config)
        await router.check_drafts()
        serving = new_serving(
            config,
            router,
            admission,
            inspector,
            namer,
            metrics=metrics,
            tracer=tracer,
            clock=clock,
        )
        policy = gateway_policy(config.inspection)
        graphs = GatewayGraphs(
            serving,
            library=await asyncio.to_thread(load_library, config.graphs),
            policy=policy,
            sentinel=stack.enter_context(opened_sentinel(config.inspection, policy)),
            node=config.name,
            clock=clock,
            rng=Random(),  # noqa: S311 - spreads retries, keeps no secret
            tracer=tracer,
        )
        access = Access(database, trail, clock)
        yield Wired(serving, access, graphs, tracer, metrics, routers)
