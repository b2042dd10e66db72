"""The probabilities that an agent rewrites, kept so that no rewriting ends the search.

Whatever an agent writes, every allowed option keeps a little probability and every row sums to 1.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.agents.model import ProbabilityChange
from optimizer.agents.rule_verdict import changed_table
from optimizer.search.distribution import GraphDistribution, uniform
from optimizer.search.model import Candidate, Decision, Space

__all__ = ["EDGE_PRIOR", "Odds"]

EDGE_PRIOR: Final = 0.119
"""Probability of an edge before anything is known: sigmoid(-2), the paper's sparse prior."""
_LEAST: Final = 0.01
_DRAWS: Final = 200
_FLATTENINGS: Final = 8
"""Times that the table is flattened when only known graphs come up."""

Table = tuple[tuple[float, ...], ...]


class Odds:
    """A probability per decision and option."""

    def __init__(
        self,
        decisions: Sequence[Decision],
        *,
        forbidden: frozenset[tuple[int, int]],
        edge_prior: float = EDGE_PRIOR,
    ) -> None:
        self._decisions = tuple(decisions)
        self._forbidden = forbidden
        prior = uniform(decisions, edge_probability=edge_prior)
        self.table: Table = self._kept(prior.probabilities)

    def change(self, changes: Sequence[ProbabilityChange]) -> None:
        """Take an agent's new probabilities."""
        self.table = self._kept(changed_table(self.table, tuple(changes)))

    def move(self, steps: npt.NDArray[np.float64]) -> None:
        """Add a gradient step to the logits."""
        self.table = self._kept(self.distribution.moved(steps).probabilities)

    @property
    def distribution(self) -> GraphDistribution:
        """The table as logits; what is forbidden cannot be drawn."""
        return self._mixed(0.0)

    def fresh(
        self, space: Space, rng: np.random.Generator, is_news: Callable[[Candidate], bool]
    ) -> Candidate | None:
        """Draw a graph that tells something new; ``None`` when hardly any such is left.

        Args:
            space: What the graphs are of.
            rng: Draws.
            is_news: Whether running the graph would teach anything.
        """
        for flattening in range(_FLATTENINGS):
            drawn_from = self._mixed(flattening / _FLATTENINGS)
            for _ in range(_DRAWS):
                drawn = drawn_from.sample_allowed(space, rng)
                if drawn is None:
                    return None
                if is_news(drawn):
                    return drawn
        return None

    def _mixed(self, share: float) -> GraphDistribution:
        """Return the distribution with a share of every row spread over its allowed options."""
        logits = []
        for row in self.table:
            chances = np.array(row)
            even = (chances > 0) / np.count_nonzero(chances)
            mixed = (1 - share) * chances + share * even
            logits.append(np.where(mixed > 0, np.log(np.maximum(mixed, 1e-12)), -1e9))
        return GraphDistribution(self._decisions, np.concatenate(logits))

    def _kept(self, rows: Sequence[Sequence[float] | np.ndarray]) -> Table:
        return tuple(
            self._row(position, [float(value) for value in row])
            for position, row in enumerate(rows)
        )

    def _row(self, position: int, values: Sequence[float]) -> tuple[float, ...]:
        allowed = [
            0.0 if (position, option) in self._forbidden else min(max(value, _LEAST), 1.0)
            for option, value in enumerate(values)
        ]
        total = sum(allowed)
        return tuple(value / total for value in allowed)
