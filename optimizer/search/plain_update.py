"""REINFORCE with a moving baseline on the graphs that were run: the ablation of the agent.

Knows scores and the distribution; reads no belief and no insight.
"""

from collections.abc import Sequence

import numpy as np

from optimizer.search.adam import Adam
from optimizer.search.archive import Archive
from optimizer.search.distribution import GraphDistribution
from optimizer.search.model import Candidate

__all__ = ["PlainUpdate"]

_KEPT = 0.9
"""Share of the baseline that stays per step."""


class PlainUpdate:
    """Keeps the baseline and Adam's moments between steps."""

    def __init__(self, learning_rate: float = 0.1) -> None:
        self._adam = Adam(learning_rate)
        self._baseline: float | None = None

    def step(
        self,
        distribution: GraphDistribution,
        graphs: Sequence[Candidate],
        archive: Archive,
        *,
        limit: float,
    ) -> GraphDistribution:
        """Climb along the gradient of the score: accuracy, less the exposure above the limit."""
        rows = [row for row in (archive.get(one.key) for one in graphs) if row is not None]
        if not rows:
            return distribution
        scores = [row.accuracy - max(0.0, row.share - limit) for row in rows]
        level = float(np.mean(scores)) if self._baseline is None else self._baseline
        gradient = np.zeros_like(distribution.logits)
        for row, score in zip(rows, scores, strict=True):
            own = distribution.gradient(row.candidate.choices)
            gradient += own * (score - level) / len(rows)
        self._baseline = _KEPT * level + (1.0 - _KEPT) * float(np.mean(scores))
        return distribution.moved(self._adam.steps(gradient))
