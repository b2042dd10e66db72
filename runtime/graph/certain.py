"""Which steps are certain to run, whichever way every decision falls.

A step runs when it has no incoming edge or at least one of them fires. A deciding step fires its
unguarded edges and either some of its ``when`` edges or, when none holds, its ``otherwise``
edges. More fired edges only let more steps run, so the outcomes to try are the smallest: one
``when`` edge alone, or the ``otherwise`` edges alone. Conditions are taken as independent: what
is called certain is certain; two conditions that between them cover every value are not noticed
(and do not: an unreadable output makes both false), which is what ``otherwise`` is for.
"""

from __future__ import annotations

from itertools import product
from typing import Final

from runtime.graph.model import Edge, Graph
from runtime.ids import StepId

__all__ = ["is_certain_to_run"]

_MOST_OUTCOMES: Final = 1024
"""Combinations tried before falling back to the rule that looks at one decision at a time."""


def is_certain_to_run(graph: Graph, step: StepId) -> bool:
    """Whether ``step`` of an acyclic ``graph`` runs under every outcome of every decision."""
    ancestors = _ancestors(graph, step)
    choices = [
        _smallest_outcomes(graph.outgoing[candidate.id])
        for candidate in graph.topological
        if candidate.id in ancestors and any(e.is_guarded for e in graph.outgoing[candidate.id])
    ]
    combinations = 1
    for options in choices:
        combinations *= len(options)
    if combinations > _MOST_OUTCOMES:
        return step in _certain_one_by_one(graph)
    return all(step in _runs(graph, frozenset().union(*outcome)) for outcome in product(*choices))


def _ancestors(graph: Graph, step: StepId) -> set[StepId]:
    found: set[StepId] = set()
    waiting = [step]
    while waiting:
        for edge in graph.incoming[waiting.pop()]:
            if edge.source not in found:
                found.add(edge.source)
                waiting.append(edge.source)
    return found


def _smallest_outcomes(edges: tuple[Edge, ...]) -> list[frozenset[Edge]]:
    outcomes = [frozenset({edge}) for edge in edges if edge.when is not None]
    return [*outcomes, frozenset(edge for edge in edges if edge.otherwise)]


def _runs(graph: Graph, fired: frozenset[Edge]) -> set[StepId]:
    """Return the steps that run when, of the guarded edges, exactly ``fired`` may fire."""
    running: set[StepId] = set()
    for step in graph.topological:
        incoming = graph.incoming[step.id]
        if not incoming or any(
            edge.source in running and (not edge.is_guarded or edge in fired) for edge in incoming
        ):
            running.add(step.id)
    return running


def _certain_one_by_one(graph: Graph) -> set[StepId]:
    """Return steps that are certain by a rule that is quick and calls too few certain.

    Certain is a source, a step with an unguarded edge from a certain step, and a step to which
    every guarded edge of one certain step leads, ``otherwise`` included.
    """
    certain: set[StepId] = set()
    for step in graph.topological:
        incoming = graph.incoming[step.id]
        if not incoming or any(
            edge.source in certain and (not edge.is_guarded or _takes_all(graph, edge))
            for edge in incoming
        ):
            certain.add(step.id)
    return certain


def _takes_all(graph: Graph, edge: Edge) -> bool:
    siblings = [sibling for sibling in graph.outgoing[edge.source] if sibling.is_guarded]
    into_target = [sibling for sibling in siblings if sibling.target == edge.target]
    whens = [sibling for sibling in siblings if sibling.when is not None]
    return any(sibling.otherwise for sibling in into_target) and all(
        sibling.target == edge.target for sibling in whens
    )
