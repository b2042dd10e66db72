"""What the planner makes of every graph for every label: which steps run where, on what form.

Steps that read the same in different graphs are one *move*; the answers to a question are found
by going through the moves once. Knows plans; makes no calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from optimizer.replay.graph_terms import RoleName, Term
from reference.tabulated.documents import graph_of
from reference.tabulated.space import Space
from reference.tabulated.world import PRICED_ON
from runtime.catalog.model import Catalog
from runtime.errors import CloudAway, LeakFound
from runtime.flow.model import Form
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.ids import PlanId
from runtime.labels import Label
from runtime.planner.model import Plan, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.model import Policy

__all__ = ["MAX_STEPS", "Move", "Moves", "make_plan", "plan_all"]

MAX_STEPS: Final = 5
"""Steps of the largest graph of any family, sink included."""


@dataclass(frozen=True, slots=True)
class Move:
    """A step as the planner placed it, and what it reads."""

    model: str
    role: RoleName
    sample: int
    is_released: bool
    """Whether it reads the released form of the question."""
    inputs: tuple[int, ...] = ()
    """Places of the moves whose answers it reads, each before this one."""


@dataclass(frozen=True)
class Moves:
    """Every move of a space, and each graph's way through them for each kind of label."""

    moves: tuple[Move, ...]
    ways: tuple[tuple[tuple[int, ...], ...], ...]
    """By kind of label and graph: the moves of its steps, the sink's last; empty when refused.

    Two steps of one graph can be one move, when the planner moves both to one model."""
    kind_of: dict[tuple[str, ...], int]
    """Kind of each label, by the names of its categories."""

    def used(self, kind: int) -> list[int]:
        """Return the moves that some graph makes for a kind of label, inputs before readers."""
        return sorted({move for way in self.ways[kind] for move in way})


def make_plan(
    graph: Graph, label: Label, *, policy: Policy, catalog: Catalog, can_sketch: bool = False
) -> Plan:
    """Ask the planner, with every node there and nothing spent yet.

    Args:
        graph: What is to run.
        label: Of the request.
        policy: What may go where.
        catalog: Models and nodes.
        can_sketch: Whether somebody writes abstracts.

    Raises:
        LeakFound: The graph may not run for this label.
        CloudAway: The same, where no edge model could stand in.
    """
    request = PlanRequest(
        graph=graph,
        label=label,
        policy=policy,
        catalog=catalog,
        today=PRICED_ON,
        healthy=frozenset(catalog.node_by_name),
        can_sketch=can_sketch,
    )
    digest = graph_hash(graph)
    return plan(request, plan_id=PlanId(f"p-{digest[:16]}"), graph_hash=digest)


def plan_all(
    space: Space,
    labels: Sequence[Label],
    *,
    policy: Policy,
    catalog: Catalog,
    tick: Callable[[], None] = lambda: None,
) -> Moves:
    """Plan every graph for every label.

    Args:
        space: The graphs.
        labels: Every label that a question has.
        policy: What may go where.
        catalog: Models and nodes.
        tick: Called after each plan.
    """
    places: dict[Move, int] = {}
    kinds: dict[tuple[tuple[int, ...], ...], int] = {}
    kind_of: dict[tuple[str, ...], int] = {}
    documents = [(graph.term, graph_of(graph.term)) for graph in space.graphs]
    for label in labels:
        ways: list[tuple[int, ...]] = []
        for term, document in documents:
            try:
                planned = make_plan(document, label, policy=policy, catalog=catalog)
            except (LeakFound, CloudAway):
                ways.append(())
            else:
                ways.append(_way(term, planned, places))
            tick()
        kind_of[label.names()] = kinds.setdefault(tuple(ways), len(kinds))
    return Moves(tuple(places), tuple(kinds), kind_of)


def _way(term: Term, planned: Plan, places: dict[Move, int]) -> tuple[int, ...]:
    """Note the moves of a plan; its steps are those of the term, in the same order."""
    found: dict[str, int] = {}
    for step, decided in zip(
        term.steps, (planned.by_step[step.id] for step in planned.graph.steps), strict=True
    ):
        move = Move(
            model=str(decided.model),
            role=step.role,
            sample=step.sample,
            is_released=decided.form is Form.RELEASED,
            inputs=tuple(found[source.key] for source in step.inputs),
        )
        found[step.key] = places.setdefault(move, len(places))
    return tuple(found[step.key] for step in term.steps)
