"""Terms as runtime graphs and back: steps with their sampling, edges in reading order.

A graph carries everything that its answers depend on but the question; ``seeded`` adds what
differs from question to question.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Final

from optimizer.replay.graph_terms import RoleName, Term, TermInvalid
from optimizer.replay.term_graphs import Drawing, term_graph
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import StepId
from runtime.ports import Sampling

__all__ = ["MAX_TOKENS", "TEMPERATURE", "graph_of", "sampling_of", "seeded", "term_of"]

MAX_TOKENS: Final = 128
"""The longest right answer of any task takes about a hundred."""
TEMPERATURE: Final = 0.8
"""Of the second and further samples of one model; the first sample is its greedy answer."""
_DRAWING: Final = Drawing(TEMPERATURE, MAX_TOKENS)


def graph_of(term: Term) -> Graph:
    """Return the graph of a term, named after its key; steps ``s1``, ``s2``, ... end in the sink.

    Raises:
        GraphInvalid: Never for a term; the graph passes the checks of every document.
    """
    return term_graph(term, _DRAWING)


def term_of(graph: Graph) -> Term:
    """Read a graph back as a term; steps may have any ids and order.

    Raises:
        TermInvalid: The graph uses what this benchmark's graphs do not.
    """
    terms: dict[StepId, Term] = {}
    for step in graph.topological:
        sample = step.sampling.seed or 0
        if step.role not in (Role.ASSISTANT, Role.FUSER) or step.model is None:
            raise TermInvalid(f"step {step.id} has another role or no model")
        if step != Step(step.id, step.role, step.model, sampling=sampling_of(sample)):
            raise TermInvalid(f"step {step.id} has settings of its own")
        if any(edge.is_guarded for edge in graph.incoming[step.id]):
            raise TermInvalid(f"an edge into step {step.id} has a condition")
        role: RoleName = "fuser" if step.role is Role.FUSER else "assistant"
        inputs = tuple(terms[edge.source] for edge in graph.incoming[step.id])
        terms[step.id] = Term(role, str(step.model), sample, inputs)
    return terms[graph.sink.id]


def sampling_of(sample: int) -> Sampling:
    """Return how a sample is drawn: the first one greedily, the others at ``TEMPERATURE``."""
    return _DRAWING.sampling(sample)


def seeded(graph: Graph, question_id: str) -> Graph:
    """Return the graph with seeds that differ between questions too.

    Otherwise a sample that happens to draw an unlikely first token would do so in every question.
    """
    return replace(
        graph,
        steps=tuple(
            replace(step, sampling=seeded_sampling(step.sampling, question_id))
            for step in graph.steps
        ),
    )


def seeded_sampling(sampling: Sampling, question_id: str) -> Sampling:
    """Return one step's sampling for one question."""
    base = zlib.crc32(question_id.encode())
    return replace(sampling, seed=(base + (sampling.seed or 0)) % 2**32)
