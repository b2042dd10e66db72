"""Terms as the graphs that the runtime executes, with the sampling that a table was drawn with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from optimizer.replay.graph_terms import Term
from runtime.graph.document import check_graph
from runtime.graph.model import Edge, Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId
from runtime.ports import Sampling

__all__ = ["Drawing", "term_graph"]


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the steps of a table's graphs are drawn."""

    temperature: float
    """Of the second and further samples of one model; the first sample is its greedy answer."""
    max_tokens: int

    def sampling(self, sample: int) -> Sampling:
        """Return how a sample is drawn.

        The seed is the sample's number; it is set for greedy steps too, so that no backend chooses.
        """
        temperature = self.temperature if sample else 0.0
        return Sampling(temperature=temperature, seed=sample, max_tokens=self.max_tokens)


def term_graph(term: Term, drawing: Drawing) -> Graph:
    """Return the graph of a term, named after its key; steps ``s1``, ``s2``, ... end in the sink.

    Raises:
        GraphInvalid: Never for a term; the graph passes the checks of every document.
    """
    ids = {step.key: StepId(f"s{number}") for number, step in enumerate(term.steps, start=1)}
    name = f"t-{hashlib.sha256(term.key.encode()).hexdigest()[:16]}"
    return check_graph(
        Graph(
            name=name,
            steps=tuple(
                Step(
                    id=ids[step.key],
                    role=Role(step.role),
                    model=ModelName(step.model),
                    sampling=drawing.sampling(step.sample),
                )
                for step in term.steps
            ),
            edges=tuple(
                Edge(ids[source.key], ids[step.key])
                for step in term.steps
                for source in step.inputs
            ),
        )
    )
