"""Writing a fitted threshold into a graph: the number of its one guard on a confidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from runtime.errors import GraphInvalid
from runtime.graph.document import check_graph
from runtime.graph.model import Comparison, Condition, Edge, Graph

__all__ = ["set_threshold"]

_SIGNALS: Final = frozenset({"agreement", "confidence"})


def set_threshold(graph: Graph, threshold: float) -> Graph:
    """Return the graph with another threshold.

    Raises:
        GraphInvalid: It has no guard like ``near.agreement < 0.7``, or several.
    """
    guarded = [edge for edge in graph.edges if _is_signal(edge.when)]
    if len(guarded) != 1:
        raise GraphInvalid(
            f"must have one guard like `near.agreement < 0.7`, and has {len(guarded)}",
            field="edges",
        )
    return check_graph(
        replace(graph, edges=tuple(_changed(edge, threshold) for edge in graph.edges))
    )


def _is_signal(condition: Condition | None) -> bool:
    return (
        condition is not None
        and condition.output in _SIGNALS
        and condition.comparison is Comparison.LT
    )


def _changed(edge: Edge, threshold: float) -> Edge:
    if edge.when is None or not _is_signal(edge.when):
        return edge
    return replace(edge, when=replace(edge.when, value=threshold))
