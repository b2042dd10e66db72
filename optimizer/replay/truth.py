"""The true optimum under every cap, by enumeration of all teams on a half's questions.

Knows the whole table, so no searcher may see it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import TeamTable

__all__ = ["Optimum", "Scores", "optimum", "score_all"]

_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Scores:
    """Accuracy and number of exposed questions of every candidate, in the space's order."""

    accuracy: npt.NDArray[np.float64]
    exposed: npt.NDArray[np.int64]
    questions: int

    @property
    def share(self) -> npt.NDArray[np.float64]:
        """Share of questions that reach the cloud."""
        return self.exposed / self.questions


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best candidate under a cap."""

    row: int
    accuracy: float
    share: float
    feasible: float
    """Share of all candidates that keep the cap."""


def score_all(space: TeamSpace, table: TeamTable, questions: npt.NDArray[np.int64]) -> Scores:
    """Score every team of the space on some questions."""
    rows = space.choice_rows
    models, fallbacks = len(space.spec.edge), len(space.spec.cloud)
    masks = (rows[:, :models].astype(np.int64) << np.arange(models)).sum(axis=1) - 1
    voted = table.votes.right[:, questions]
    may_leave = table.may_leave[questions]
    cloud = table.cloud_right[:, questions].astype(np.float32)
    right = np.empty((len(space.spec.thresholds), fallbacks + 1, len(voted)))
    exposed = np.zeros((len(space.spec.thresholds), len(voted)), np.int64)
    votes = table.votes.votes[:, questions]
    for position in range(len(space.spec.thresholds)):
        asked = (votes < table.votes_needed[position][:, None]) & may_leave
        exposed[position] = asked.sum(axis=1)
        right[position, 0] = voted.sum(axis=1)
        kept = (voted & ~asked).sum(axis=1)
        right[position, 1:] = kept + cloud @ asked.T.astype(np.float32)
    threshold, fallback = rows[:, -2], rows[:, -1]
    count = len(questions)
    return Scores(
        right[threshold, fallback, masks] / count,
        np.where(fallback > 0, exposed[threshold, masks], 0),
        count,
    )


def optimum(scores: Scores, allowed: npt.NDArray[np.bool_]) -> Optimum | None:
    """Return the best among the allowed, ties to the least exposed, or ``None``."""
    if not allowed.any():
        return None
    accuracy = np.where(allowed, scores.accuracy, -1.0)
    best = np.flatnonzero(accuracy >= accuracy.max() - _SLACK)
    row = int(best[np.argmin(scores.exposed[best])])
    return Optimum(
        row, float(scores.accuracy[row]), float(scores.share[row]), float(allowed.mean())
    )
