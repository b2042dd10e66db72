"""Fit a cascade's threshold to other questions than those it is judged on.

The shipped thresholds are round numbers; how sure a model is of its answers is its own matter. This
looks at confidences alone, at no answer: the threshold is where the wanted share is asked far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from bench.patterns_run import run_arm
from bench.patterns_world import Arm, Task
from reference.tabulated.concurrency import gather_some
from runtime.graph.model import Comparison, Edge
from runtime.ids import NodeName
from runtime.ports import ModelPort

__all__ = ["FITTED", "fitted"]

FITTED: Final = "cascade-confidence"
_NEVER: Final = 0.0
_RUNS_AT_ONCE: Final = 4


async def fitted(
    arm: Arm,
    tasks: Sequence[Task],
    nodes: Mapping[NodeName, ModelPort],
    pool: tuple[str, ...],
    *,
    share: float,
) -> Arm:
    """Return the cascade with the threshold that asks far for a share of the tasks.

    Args:
        arm: The cascade as it is shipped.
        tasks: What it is fitted to.
        nodes: A port per node.
        pool: The models that the catalog lists.
        share: How many of all tasks are to be asked far, 0 to 1.
    """
    silent = _with_threshold(arm, _NEVER, arm.name)
    makers = [partial(run_arm, silent, task, nodes, pool) for task in tasks]
    came = await gather_some(makers, _RUNS_AT_ONCE)
    confidence = sorted(one.confidence for one in came if one.confidence is not None)
    threshold = confidence[round(share * len(confidence))]
    return _with_threshold(arm, threshold, f"{arm.name} (fitted)")


def _with_threshold(arm: Arm, threshold: float, name: str) -> Arm:
    edges = tuple(_moved(edge, threshold) for edge in arm.graph.edges)
    return replace(arm, name=name, graph=replace(arm.graph, edges=edges))


def _moved(edge: Edge, threshold: float) -> Edge:
    when = edge.when
    if when is None or when.output != "confidence" or when.comparison is not Comparison.GE:
        return edge
    return replace(edge, when=replace(when, value=threshold))
