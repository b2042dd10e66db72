"""Vectors from the first target that answers: whole or not at all, so any may be asked again.

The targets of one model must be the same model everywhere: vectors of different ones cannot be
compared, and nobody could tell them apart.
"""

from dataclasses import replace

from opentelemetry.trace import SpanKind

from cloud.charges import priced
from cloud.routing.board import End
from cloud.routing.breaker import Permit
from cloud.routing.parts import RoutingParts
from cloud.routing.walk import Walk
from cloud.stages import Embedded
from cloud.upstreams.failures import UpstreamFailed
from cloud.upstreams.model import Route, Target
from runtime.errors import LeewardError, RequestInvalid
from runtime.ports import EmbedRequest

__all__ = ["embed"]


async def embed(parts: RoutingParts, route: Route, request: EmbedRequest) -> Embedded:
    """Return the vectors of ``request``.

    Raises:
        RequestInvalid: The model serves no embeddings.
        LeewardError: No target answers with them.
    """
    if not route.embeds:
        raise RequestInvalid(f"model {route.model} serves no embeddings", field="model")
    deadline_s = parts.clock.monotonic_s() + request.timeout_s
    walk = Walk(route.targets, parts, deadline_s=deadline_s, model=route.model)
    outcome = "cancelled"
    try:
        while True:
            target = await walk.next()
            permit = parts.board.enter(target)
            assert permit is not None  # noqa: S101 - nothing ran since the walk saw it admitted
            walk.begun(target)
            try:
                asked = replace(request, timeout_s=walk.left_s)
                embedded = await _attempt(parts, target, permit, asked, number=walk.attempts)
            except UpstreamFailed as failure:
                walk.failed(target, failure)
                continue
            outcome = "embedded"
            return _charged(parts, route, target, embedded)
    except LeewardError as error:
        outcome = type(error).__name__
        raise
    finally:
        parts.metrics.count_call(route.model, outcome)


async def _attempt(
    parts: RoutingParts, target: Target, permit: Permit, request: EmbedRequest, *, number: int
) -> Embedded:
    attributes: dict[str, str | int] = {
        "upstream": target.upstream,
        "model": target.upstream_model,
        "attempt": number,
    }
    span = parts.tracer.start_span("attempt", kind=SpanKind.CLIENT, attributes=attributes)
    status = End.CANCELLED.value
    try:
        upstream = parts.board.upstreams[target.upstream]
        embedded = await upstream.embed(request, target.upstream_model)
    except UpstreamFailed as failure:
        status = failure.fault.value
        parts.board.failed(target, permit, failure)
        raise
    except BaseException:
        parts.board.ended(target, permit, End.CANCELLED)
        raise
    else:
        status = End.WHOLE.value
        parts.board.ended(target, permit, End.WHOLE)
        return embedded
    finally:
        span.set_attribute("status", status)
        span.end()


def _charged(parts: RoutingParts, route: Route, target: Target, embedded: Embedded) -> Embedded:
    usage = priced(embedded.usage, parts.prices.of(route, target), parts.clock.now().date())
    parts.metrics.count_tokens(target.upstream, usage)
    return replace(embedded, model=route.model, usage=usage)
