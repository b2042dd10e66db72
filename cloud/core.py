"""The stages of the gateway's core put together as configured."""

from opentelemetry.trace import Tracer

from cloud.absent import NoCache, NoInspection
from cloud.cache.build import new_cache
from cloud.config import CloudConfig
from cloud.idempotency.names import Namer
from cloud.idempotency.repeats import Repeats
from cloud.inspection.build import gateway_policy
from cloud.serving import Serving
from cloud.spans import CallSpans
from cloud.stages import Admission, Inspector, Models
from cloud.succession import Succession
from runtime.clock import Clock
from runtime.telemetry.metrics import Metrics

__all__ = ["new_serving"]


def new_serving(
    config: CloudConfig,
    models: Models,
    admission: Admission,
    inspector: Inspector,
    namer: Namer,
    *,
    metrics: Metrics,
    tracer: Tracer,
    clock: Clock,
) -> Serving:
    """Return the core over its stages, with an empty cache if there is to be one.

    Args:
        config: What to keep, and the levels that it is kept at.
        models: Every alias that is served.
        admission: Limits and budgets.
        inspector: The second line.
        namer: Names calls that bear an idempotency key, the same on every replica.
        metrics: With the rows of ``cloud.cache.metrics``.
        tracer: Makes a span for each call.
        clock: Times calls.

    Raises:
        PolicyInvalid: The policy file cannot be used.
    """
    succession = Succession(models)
    # What the cache asks an embedding model was inspected with its call, and is metered like it.
    spans = CallSpans(tracer, node=config.name)
    by_cache = Serving(
        models=succession,
        admission=admission,
        inspector=NoInspection(),
        cache=NoCache(),
        clock=clock,
        spans=spans,
    )
    cache = new_cache(
        config.cache,
        gateway_policy(config.inspection),
        embed=by_cache.embed,
        version=lambda: succession.version,
        metrics=metrics,
        clock=clock,
    )
    return Serving(
        models=succession,
        admission=admission,
        inspector=inspector,
        cache=Repeats(cache, namer=namer, clock=clock),
        clock=clock,
        spans=spans,
    )
