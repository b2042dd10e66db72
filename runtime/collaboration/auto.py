"""What ``leeward/auto`` means where a router is configured: the graph that is worth its price.

The choice depends on the text of a request, so it must not tell anything of what is sensitive in
it. It is made from the text with every found span replaced by its category's name: two requests
that differ in such spans alone are always routed alike (promise 2), and no release
``decision_bit`` is needed. Where something is sensitive that nobody can point at, because it was
only declared or a detector failed, the router is not asked, and the default graph is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from runtime.collaboration.intake import Intake
from runtime.errors import BackendUnavailable, CapacityExhausted, CloudAway, LeakFound
from runtime.ids import RequestId
from runtime.planner.model import Plan

__all__ = ["AutoRouter", "Learner", "Routed"]

_IMPOSSIBLE: Final = (BackendUnavailable, CapacityExhausted, CloudAway, LeakFound)
"""Why a graph cannot be chosen for a request that another one may still answer."""


@dataclass(frozen=True, slots=True)
class Routed:
    """The graph that was chosen, and why, for people."""

    graph: str
    why: str
    chances: Mapping[str, float]
    """What the fitted router said of each graph that could run."""
    is_learnable: bool
    """Whether a verdict on it may be learned from: nothing sensitive stood in the request."""


class Learner(Protocol):
    """Learns from verdicts how far the fitted router is off; called from threads."""

    def adjusted(self, chances: Mapping[str, float]) -> Mapping[str, float]:
        """Return the chances of graphs, moved by what was learned."""
        ...

    def note(self, request: RequestId, graph: str, chances: Mapping[str, float]) -> None:
        """Remember a choice, so that a verdict can be told to it; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class AutoRouter:
    """Chooses among the graphs of a node."""

    graphs: tuple[str, ...]
    """What may be chosen; of equal ones the first."""
    chances: Callable[[str], Mapping[str, float]]
    """How likely each graph is thought to answer a text right."""
    right_usd: float
    """What a right answer is worth: a dearer graph must be that much more likely to give one."""
    learner: Learner | None = None

    def route(self, asked: Intake, planned: Callable[[str], Plan]) -> Routed | None:
        """Choose a graph; ``None`` where the router may not decide, or no graph can run.

        Args:
            asked: The request's text, as a router may see it.
            planned: Plans one of the graphs.
        """
        if asked.unlocated.categories:
            return None
        costs = self._costs(planned)
        if not costs:
            return None
        said_of = self.chances(asked.masked)
        fitted = {graph: said_of[graph] for graph in costs}
        chances = fitted if self.learner is None else self.learner.adjusted(fitted)
        best = max(costs, key=lambda graph: chances[graph] * self.right_usd - costs[graph])
        said = ", ".join(
            f"{graph} {chances[graph]:.0%} for {costs[graph]:.6f} US dollars" for graph in costs
        )
        why = f"chances of a right answer, which is worth {self.right_usd:g} US dollars: {said}"
        return Routed(best, why, fitted, is_learnable=not asked.label.categories)

    def note(self, request: RequestId, routed: Routed) -> None:
        """Remember a choice that is carried out, for the verdict that may come."""
        if self.learner is not None and routed.is_learnable:
            self.learner.note(request, routed.graph, routed.chances)

    def _costs(self, planned: Callable[[str], Plan]) -> dict[str, float]:
        costs = {}
        for graph in self.graphs:
            try:
                costs[graph] = planned(graph).estimated_cost_usd
            except _IMPOSSIBLE:
                continue
        return costs
