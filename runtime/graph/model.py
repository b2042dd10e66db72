"""The collaboration graph as immutable data: steps, edges, conditions, fan-out.

Knows no file format (``document``), no rules of validity (``validate``) and no machines: a
graph names models at most, never nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from runtime.graph.roles import Role
from runtime.graph.rules import OutputKind, Rule
from runtime.ids import ModelName, StepId
from runtime.ports import Sampling

__all__ = [
    "ALWAYS_BELOW",
    "BUILTIN_OUTPUTS",
    "SHARES",
    "Comparison",
    "Condition",
    "Draft",
    "Edge",
    "Graph",
    "MapOver",
    "Output",
    "Step",
]

BUILTIN_OUTPUTS = {"agreement": "number", "confidence": "number", "tokens": "number"}
"""Numbers that every step outputs without declaring them: share of samples that agree with the
answer, geometric mean probability of its tokens, and their count."""
SHARES = frozenset({"agreement", "confidence"})
"""Those of them that lie between 0 and 1."""
ALWAYS_BELOW = 1.01
"""A threshold that every share is below; ``0`` is one that none is."""


class Comparison(Enum):
    """How a condition compares."""

    LT = "<"
    LE = "<="
    EQ = "=="
    NE = "!="
    GE = ">="
    GT = ">"


@dataclass(frozen=True, slots=True)
class Condition:
    """``step.output <comparison> value``; false when the output is missing or unreadable."""

    step: StepId
    output: str
    comparison: Comparison
    value: float | str

    def __str__(self) -> str:
        return f"{self.step}.{self.output} {self.comparison.value} {self.value}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A message from one step to another, possibly guarded.

    At most one of ``when`` and ``otherwise`` is set. ``otherwise`` edges of a step fire when
    none of the ``when`` edges out of the same step does.
    """

    source: StepId
    target: StepId
    when: Condition | None = None
    otherwise: bool = False

    @property
    def is_guarded(self) -> bool:
        """Whether the edge may stay silent."""
        return self.when is not None or self.otherwise


@dataclass(frozen=True, slots=True)
class Output:
    """A named value that a step's answer carries, read from its text.

    ``kind`` is ``number``, ``enum`` (one of ``values``) or ``list`` (of texts).
    """

    name: str
    kind: OutputKind
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MapOver:
    """Run the step once per item of a predecessor's list output, at most ``max_items`` times."""

    step: StepId
    output: str
    max_items: int
    is_alone: bool = False
    """Whether the model reads the item in place of the request, and not after it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A small model of the edge writes a step's answer together with the step's own model.

    Without ``keep_above`` it guesses, and what is said is the step's model's own. With it, its own
    words stand where it is sure of them, and the step's model writes on where it is not.
    """

    model: ModelName
    tokens: int = 16
    """Most tokens that it guesses at a time; with ``keep_above``, that the step's model writes."""
    at_most: int = 32
    """Calls of the step's model; then one of the two writes the rest alone."""
    keep_above: float | None = None
    """Probability of a token from which on it is sure."""
    is_always: bool = False
    """Whether it guesses also where that was found to take longer."""


@dataclass(frozen=True, slots=True)
class Step:
    """A role played by a model with parameters, or by a rule.

    ``model`` is ``None`` when planner or optimizer may choose, and where a rule plays the step.
    """

    id: StepId
    role: Role
    model: ModelName | None = None
    samples: int = 1
    """How many answers are drawn; the majority is the step's answer."""
    sampling: Sampling = field(default_factory=Sampling)
    outputs: tuple[Output, ...] = ()
    map_over: MapOver | None = None
    instruction: str = ""
    """A system turn put before the chat; empty for none."""
    rule: Rule | None = None
    """What plays the step where no model does."""
    draft: Draft | None = None
    """Who writes its answer together with its model, where that is a model of the cloud."""


@dataclass(frozen=True)
class Graph:
    """A validated DAG of steps with one sink.

    Only ``runtime.graph.document`` makes values of this type from outside input.
    """

    name: str
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    version: str = "graph/v1"

    @cached_property
    def by_id(self) -> dict[StepId, Step]:
        """Steps by id."""
        return {step.id: step for step in self.steps}

    @cached_property
    def played(self) -> tuple[Step, ...]:
        """The steps that a model plays, in document order; the others are played by a rule."""
        return tuple(step for step in self.steps if step.rule is None)

    @cached_property
    def models(self) -> frozenset[ModelName]:
        """Every model that a step names, or that drafts for it."""
        named = (step.model for step in self.steps if step.model is not None)
        return frozenset((*named, *(step.draft.model for step in self.steps if step.draft)))

    @cached_property
    def incoming(self) -> dict[StepId, tuple[Edge, ...]]:
        """Edges into each step, in document order."""
        return {
            step.id: tuple(edge for edge in self.edges if edge.target == step.id)
            for step in self.steps
        }

    @cached_property
    def outgoing(self) -> dict[StepId, tuple[Edge, ...]]:
        """Edges out of each step, in document order."""
        return {
            step.id: tuple(edge for edge in self.edges if edge.source == step.id)
            for step in self.steps
        }

    @cached_property
    def topological(self) -> tuple[Step, ...]:
        """Steps such that every edge points forward; ties in document order."""
        waiting = {step.id: len(self.incoming[step.id]) for step in self.steps}
        order: list[Step] = []
        ready = [step for step in self.steps if not waiting[step.id]]
        while ready:
            step = ready.pop(0)
            order.append(step)
            for edge in self.outgoing[step.id]:
                waiting[edge.target] -= 1
                if not waiting[edge.target]:
                    ready.append(self.by_id[edge.target])
        return tuple(order)

    @cached_property
    def sink(self) -> Step:
        """The step without outgoing edges, whose answer is the graph's."""
        return next(step for step in self.steps if not self.outgoing[step.id])
