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
from typing import Final

from runtime.collaboration.intake import Intake
from runtime.errors import BackendUnavailable, CapacityExhausted, CloudAway, LeakFound
from runtime.planner.model import Plan

__all__ = ["AutoRouter", "Routed"]

_IMPOSSIBLE: Final = (BackendUnavailable, CapacityExhausted, CloudAway, LeakFound)
"""Why a graph cannot be chosen for a request that another one may still answer."""


@dataclass(frozen=True, slots=True)
class Routed:
    """The graph that was chosen, and why, for people."""

    graph: str
    why: str


@dataclass(frozen=True, slots=True)
class AutoRouter:
    """Chooses among the graphs of a node."""

    graphs: tuple[str, ...]
    """What may be chosen; of equal ones the first."""
    chances: Callable[[str], Mapping[str, float]]
    """How likely each graph is thought to answer a text right."""
    right_usd: float
    """What a right answer is worth: a dearer graph must be that much more likely to give one."""

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
        chances = self.chances(asked.masked)
        best = max(costs, key=lambda graph: chances[graph] * self.right_usd - costs[graph])
        said = ", ".join(
            f"{graph} {chances[graph]:.0%} for {costs[graph]:.6f} US dollars" for graph in costs
        )
        why = f"chances of a right answer, which is worth {self.right_usd:g} US dollars: {said}"
        return Routed(best, why)

    def _costs(self, planned: Callable[[str], Plan]) -> dict[str, float]:
        costs = {}
        for graph in self.graphs:
            try:
                costs[graph] = planned(graph).estimated_cost_usd
            except _IMPOSSIBLE:
                continue
        return costs
