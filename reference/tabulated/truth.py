"""The true optimum under constraints: which graph is best on a half, and what it takes.

Nothing is estimated: every graph was run on every question of the half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.replay.graph_table import GraphTable
from reference.tasks import Split

__all__ = ["Caps", "Measures", "Optimum", "halves", "measure", "named_caps", "optimum"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SLACK: Final = 1e-9
"""Sums in another order may differ by as much; a graph exactly at its cap keeps to it."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What a graph may take at most; infinity allows everything."""

    units: float = np.inf
    """Mean FLOPs per question, in calls of the smallest model."""
    cost_usd: float = np.inf
    """Mean cost per question."""
    latency_p95_s: float = np.inf
    """95th percentile of the critical path."""
    exposed: float = np.inf
    """Share of questions of which anything leaves the edge."""


@dataclass(frozen=True)
class Measures:
    """Each graph's figures over some questions; every array has one entry per graph."""

    accuracy: Floats
    units: Floats
    cost_usd: Floats
    latency_p95_s: Floats
    exposed: Floats

    def keeps_to(self, caps: Caps) -> npt.NDArray[np.bool_]:
        """Return which graphs keep to every cap."""
        allowed = np.ones(len(self.accuracy), dtype=bool)
        for cap in fields(caps):
            taken = getattr(self, cap.name)
            allowed &= taken <= getattr(caps, cap.name) + _SLACK
        return allowed


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best graph under caps."""

    graph: int
    key: str
    accuracy: float
    feasible: int
    """Graphs that keep to the caps."""
    equally_good: int
    """Feasible graphs with the same accuracy, this one included; it takes the fewest FLOPs."""


def measure(table: GraphTable, columns: Ints) -> Measures:
    """Measure every graph on the given questions."""
    return Measures(
        accuracy=table.right[:, columns].mean(axis=1),
        units=table.units[:, columns].mean(axis=1),
        cost_usd=table.cost_usd[:, columns].mean(axis=1),
        latency_p95_s=np.quantile(table.latency_s[:, columns], 0.95, axis=1),
        exposed=table.exposed[:, columns].mean(axis=1),
    )


def optimum(table: GraphTable, measures: Measures, caps: Caps) -> Optimum | None:
    """Return the most accurate graph that keeps to the caps; None where none does.

    Of several the one with the fewest FLOPs, then the first in the table's order.
    """
    allowed = np.flatnonzero(measures.keeps_to(caps))
    if not len(allowed):
        return None
    accuracy = measures.accuracy[allowed]
    best = allowed[accuracy >= accuracy.max() - _SLACK]
    graph = int(best[np.argmin(measures.units[best])])
    return Optimum(
        graph,
        table.graphs[graph],
        accuracy=float(measures.accuracy[graph]),
        feasible=len(allowed),
        equally_good=len(best),
    )


def named_caps(table: GraphTable) -> Mapping[str, Caps]:
    """Return the constraint sets of the benchmark.

    Caps on FLOPs, cost and latency are quantiles over the graphs of the space, on the search
    half alone: a tenth, a quarter and a half of all graphs keep to them.
    """
    search = measure(table, table.columns(split="search"))
    caps = {"none": Caps(), "edge-only": Caps(exposed=0.0)}
    for percent in (10, 25, 50):
        units, latency_s = (
            float(np.quantile(taken, percent / 100))
            for taken in (search.units, search.latency_p95_s)
        )
        caps[f"flops-{percent}"] = Caps(units=units)
        caps[f"latency-{percent}"] = Caps(latency_p95_s=latency_s)
        caps[f"flops-{percent}-edge-only"] = Caps(units=units, exposed=0.0)
        paid = search.cost_usd[search.cost_usd > 0]
        if len(paid):
            cost_usd = float(np.quantile(paid, percent / 100))
            caps[f"cost-{percent}"] = Caps(cost_usd=cost_usd)
            caps[f"cost-{percent}-latency-50"] = Caps(
                cost_usd=cost_usd, latency_p95_s=float(np.quantile(search.latency_p95_s, 0.5))
            )
    return caps


def halves(table: GraphTable) -> Mapping[Split, Measures]:
    """Measure every graph on each half."""
    return {
        "search": measure(table, table.columns(split="search")),
        "report": measure(table, table.columns(split="report")),
    }
