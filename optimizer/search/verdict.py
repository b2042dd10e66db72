"""The recommendation that any method can make from its archive.

The graph with the best lower confidence bound among those that keep every cap; on all questions
of the search the bound is the mean itself. Given to every peer alike.
"""

import math
from typing import Final

from optimizer.search.archive import Archive, Row
from optimizer.search.model import Recommendation
from optimizer.search.problem import Problem
from optimizer.search.structure import can_expose

__all__ = ["Verdict", "excess_of", "lower_bound"]

_DEVIATIONS: Final = 1.0


class Verdict:
    """Keeps the best graph of an archive as the archive grows."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._version = 0
        self._best: Row | None = None
        self._bound = -math.inf

    def best(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph that keeps the caps, ``None`` where there is none."""
        changed = archive.changed_since(self._version)
        if any(row is self._best for row in changed):
            self._best, self._bound = None, -math.inf
            changed = list(archive)
        for row in changed:
            bound = lower_bound(row, self._problem.questions)
            if bound > self._bound and excess_of(self._problem, row) <= 0.0:
                self._best, self._bound = row, bound
        self._version = archive.version
        if self._best is None:
            return None
        accuracy = self._best.accuracy
        interval = (max(0.0, self._bound), min(1.0, 2 * accuracy - self._bound))
        return Recommendation(self._best.candidate, accuracy, interval, self._best.count)


def lower_bound(row: Row, questions: int) -> float:
    """Return the mean less its standard error, which shrinks to 0 as all questions are seen."""
    if not row.count:
        return -math.inf
    smoothed = (row.right_sum + 1.0) / (row.count + 2.0)
    left = 1.0 / row.count - 1.0 / questions
    return row.accuracy - _DEVIATIONS * math.sqrt(max(0.0, smoothed * (1.0 - smoothed) * left))


def excess_of(problem: Problem, row: Row) -> float:
    """Return by how much a graph breaks its caps, 0 when it keeps them."""
    exposes = can_expose(problem.space, row.candidate)
    return problem.rule.excess(row, can_expose=exposes)
