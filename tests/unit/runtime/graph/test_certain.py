"""Certainty agrees with running every branch outcome."""

from itertools import chain, combinations, product

from hypothesis import given, settings

from runtime.graph.certain import is_certain_to_run
from runtime.graph.model import Edge, Graph
from runtime.ids import StepId
from runtime.testing.strategies import graphs


def outcomes(edges: tuple[Edge, ...]) -> list[set[Edge]]:
    """All ways in which one step's guarded edges can fire."""
    whens = [edge for edge in edges if edge.when]
    subsets = chain.from_iterable(combinations(whens, n) for n in range(1, len(whens) + 1))
    return [*map(set, subsets), {edge for edge in edges if edge.otherwise}]


def steps_run(graph: Graph, fired: set[Edge]) -> set[StepId]:
    run: set[StepId] = set()
    for step in graph.topological:
        incoming = graph.incoming[step.id]
        arrived = [
            edge
            for edge in incoming
            if edge.source in run and (not edge.is_guarded or edge in fired)
        ]
        if arrived or not incoming:
            run.add(step.id)
    return run


@given(graphs(max_steps=5))
@settings(deadline=None)
def test_a_step_is_certain_exactly_when_it_runs_under_every_outcome(graph: Graph) -> None:
    per_step = [outcomes(graph.outgoing[step.id]) for step in graph.steps]
    runs = [steps_run(graph, set().union(*choice)) for choice in product(*per_step)]

    for step in graph.steps:
        assert is_certain_to_run(graph, step.id) == all(step.id in run for run in runs)
