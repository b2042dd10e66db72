"""The paper's rules for sampling a graph of steps (AGENT_REINFORCE 1.3), without its slips.

Nodes in shuffled order take models within a node budget; edges are walked in order, those that
would close a cycle skipped; roles follow in topological order. A refused graph is drawn anew from
nothing. The sink is the last node, always an assistant, and has no way out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["DagOdds", "DagRole", "SampledDag", "dag_problem", "initial_odds", "sample_dag"]

_MOST_REJECTIONS: Final = 2000
_FUSER_BONUS: Final = 0.5
_SHIFT: Final = -2.0
"""Added to an edge's logit at temperature 1, so that the prior is sparse: sigmoid(-2) = 0.119."""


class DagRole(Enum):
    """The paper's two roles."""

    ASSISTANT = "assistant"
    FUSER = "fuser"


@dataclass(frozen=True, slots=True)
class DagOdds:
    """Logits of edges ``(nodes, nodes + 1)``, roles ``(nodes, 2)``, models ``(nodes, models)``.

    The last edge column is the sink. Roles: assistant, fuser.
    """

    edges: npt.NDArray[np.float64]
    roles: npt.NDArray[np.float64]
    models: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SampledDag:
    """A graph: models and roles by node, edges as pairs; the sink is ``len(models)``."""

    nodes: tuple[int, ...]
    models: Mapping[int, int]
    roles: Mapping[int, DagRole]
    edges: tuple[tuple[int, int], ...]
    log_probability: float
    """Of the edges, given the nodes."""


def initial_odds(nodes: int, models: int) -> DagOdds:
    """Return the prior: every logit 0."""
    return DagOdds(np.zeros((nodes, nodes + 1)), np.zeros((nodes, 2)), np.zeros((nodes, models)))


def sample_dag(
    odds: DagOdds,
    *,
    unit_costs: Sequence[float],
    node_budget: float,
    rng: np.random.Generator,
    temperature: float = 1.0,
) -> SampledDag | None:
    """Draw a graph; ``None`` when not even one node fits the budget.

    Args:
        odds: The distribution.
        unit_costs: Cost of one node per model, in budget units.
        node_budget: What all nodes but the sink may cost together.
        rng: Draws.
        temperature: Divides the shift of the edge logits.
    """
    for _ in range(_MOST_REJECTIONS):
        order = [int(node) for node in rng.permutation(len(odds.models))]
        models = _sample_models(odds, order, unit_costs, node_budget, rng)
        if not models:
            return None
        nodes = [node for node in order if node in models]
        edges, log_probability = _sample_edges(odds, nodes, rng, temperature)
        sink = len(odds.models)
        if not any(target == sink for _, target in edges):
            continue
        roles = _sample_roles(odds, nodes, edges, rng)
        if dag_problem(nodes, edges, roles, sink) is None:
            return SampledDag(tuple(nodes), models, roles, tuple(edges), log_probability)
    # As a last resort, as the paper: everyone an assistant, everyone heard.
    edges = [(node, sink) for node in nodes]
    plain = dict.fromkeys(nodes, DagRole.ASSISTANT)
    return SampledDag(tuple(nodes), models, plain, tuple(edges), -math.inf)


def dag_problem(
    nodes: Sequence[int],
    edges: Sequence[tuple[int, int]],
    roles: Mapping[int, DagRole],
    sink: int,
) -> str | None:
    """Return which rule a graph breaks, ``None`` when it keeps all."""
    useful = _reaching(edges, sink)
    if not useful & set(nodes):
        return "nothing reaches the sink"
    assistants = {node for node in nodes if roles[node] is DagRole.ASSISTANT}
    if not assistants & useful:
        return "no assistant answers"
    for node in nodes:
        if roles[node] is DagRole.FUSER and node in useful:
            parents = {source for source, target in edges if target == node}
            if not parents & assistants & useful:
                return f"fuser {node} has no assistant to listen to"
    return None


def _sample_models(
    odds: DagOdds,
    order: Sequence[int],
    unit_costs: Sequence[float],
    node_budget: float,
    rng: np.random.Generator,
) -> dict[int, int]:
    """Give nodes models that fit what is left; stop at the first node for which none does."""
    left, chosen = node_budget, {}
    for node in order:
        fits = np.array([cost <= left for cost in unit_costs])
        if not fits.any():
            break
        chances = np.where(fits, np.exp(odds.models[node] - odds.models[node].max()), 0.0)
        chosen[node] = int(rng.choice(len(chances), p=chances / chances.sum()))
        left -= unit_costs[chosen[node]]
    return chosen


def _sample_edges(
    odds: DagOdds, nodes: Sequence[int], rng: np.random.Generator, temperature: float
) -> tuple[list[tuple[int, int]], float]:
    """Walk all possible edges; skip what would close a cycle."""
    sink = len(odds.models)
    edges: list[tuple[int, int]] = []
    log_probability = 0.0
    for source in nodes:
        for target in (*nodes, sink):
            if target == source or source in _reachable(edges, target):
                continue
            logit = float(odds.edges[source, target]) + _SHIFT / temperature
            chance = 1.0 / (1.0 + math.exp(-logit))
            is_taken = bool(rng.random() < chance)
            log_probability += math.log(chance if is_taken else 1.0 - chance)
            if is_taken:
                edges.append((source, target))
    return edges, log_probability


def _sample_roles(
    odds: DagOdds,
    nodes: Sequence[int],
    edges: Sequence[tuple[int, int]],
    rng: np.random.Generator,
) -> dict[int, DagRole]:
    """Give roles in topological order: fusers like assistants' answers, never each other's."""
    roles: dict[int, DagRole] = {}
    for node in _topological(nodes, edges):
        parents = [roles[source] for source, target in edges if target == node]
        chance = float(1.0 / (1.0 + np.exp(odds.roles[node, 0] - odds.roles[node, 1])))
        if DagRole.FUSER in parents:
            chance = 0.0
        elif parents:
            chance = min(1.0, chance + _FUSER_BONUS)
        roles[node] = DagRole.FUSER if rng.random() < chance else DagRole.ASSISTANT
    return roles


def _topological(nodes: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[int]:
    waiting = {node: sum(1 for _, target in edges if target == node) for node in nodes}
    ordered: list[int] = []
    while len(ordered) < len(nodes):
        node = next(one for one in nodes if one not in ordered and waiting[one] == 0)
        ordered.append(node)
        for source, target in edges:
            if source == node and target in waiting:
                waiting[target] -= 1
    return ordered


def _reachable(edges: Sequence[tuple[int, int]], start: int) -> set[int]:
    """Return where one can get from ``start``, itself included."""
    found, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for source, target in edges:
            if source == here and target not in found:
                found.add(target)
                todo.append(target)
    return found


def _reaching(edges: Sequence[tuple[int, int]], goal: int) -> set[int]:
    """Return from where one can get to ``goal``."""
    return _reachable([(target, source) for source, target in edges], goal)
