"""From a search's outcomes to the statistics that briefs hold; no question is seen here."""

import math
from collections import Counter
from collections.abc import Collection
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.agents.model import Estimate, Scored, Shape
from optimizer.search.model import Candidate, Measure, Outcomes, Space
from runtime.graph.model import Graph
from runtime.ids import StepId

__all__ = ["scored", "shape_of", "share_estimate"]

_Z: Final = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""
_P95: Final = 0.95


def scored(
    space: Space,
    candidate: Candidate,
    outcomes: Outcomes,
    *,
    capped: Collection[Measure] = (),
) -> Scored:
    """Summarise what one graph did; bytes that leave are told only where they are ``capped``."""
    latency = _p95_estimate(outcomes.latency_s)
    sent = outcomes.egress_bytes if Measure.EGRESS_BYTES in capped else None
    return Scored(
        choices=candidate.choices,
        questions=len(outcomes.questions),
        accuracy=share_estimate(float(outcomes.right.mean()), len(outcomes.questions)),
        measures=(
            (
                Measure.CLOUD_SHARE,
                share_estimate(float(outcomes.exposed.mean()), len(outcomes.questions)),
            ),
            (Measure.COST_USD, _mean_estimate(outcomes.cost_usd)),
            (Measure.FLOPS, _mean_estimate(outcomes.flops)),
            (Measure.LATENCY_P95_S, latency),
            *(() if sent is None else ((Measure.EGRESS_BYTES, _mean_estimate(sent)),)),
        ),
        shape=shape_of(space.graph(candidate)),
    )


def shape_of(graph: Graph) -> Shape:
    """Return width, depth and in-degree of a graph."""
    level: dict[StepId, int] = {}
    for step in graph.topological:
        before = [level[edge.source] for edge in graph.incoming[step.id]]
        level[step.id] = max(before, default=0) + 1
    return Shape(
        steps=len(graph.steps),
        width=max(Counter(level.values()).values()),
        depth=max(level.values()),
        in_degree=max(len(edges) for edges in graph.incoming.values()),
    )


def share_estimate(share: float, count: int) -> Estimate:
    """Return a share of ``count`` questions with its Wilson interval."""
    spread = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    middle = share + _Z**2 / (2 * count)
    scale = 1 + _Z**2 / count
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return Estimate(share, min(max(0.0, low), share), max(min(1.0, high), share))


def _mean_estimate(values: npt.NDArray[np.float64]) -> Estimate:
    mean = float(values.mean())
    spread = _Z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Estimate(mean, mean - spread, mean + spread)


def _p95_estimate(values: npt.NDArray[np.float64]) -> Estimate:
    """Return the 95th percentile with the order statistics that bracket it (normal ranks)."""
    ordered = np.sort(values)
    count = len(ordered)
    spread = _Z * math.sqrt(count * _P95 * (1 - _P95))
    low, high = math.floor(count * _P95 - spread), math.ceil(count * _P95 + spread)
    return Estimate(
        float(np.quantile(ordered, _P95)),
        float(ordered[min(max(low - 1, 0), count - 1)]),
        float(ordered[min(max(high - 1, 0), count - 1)]),
    )
