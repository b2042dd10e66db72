"""What the peers' strategies share: all questions or a sample, a score under caps, a verdict.

Composition for one file per method; knows no method.
"""

from collections.abc import Mapping

import numpy as np

from optimizer.search.archive import Archive, Row
from optimizer.search.driver import Request
from optimizer.search.model import Candidate, CandidateKey, Recommendation
from optimizer.search.problem import Problem
from optimizer.search.verdict import Verdict, excess_of

__all__ = ["Measured"]


class Measured:
    """A problem as a method sees it that runs whole graphs and reads their means."""

    def __init__(self, problem: Problem, name: str) -> None:
        self.problem = problem
        self._name = name
        self._verdict = Verdict(problem)
        self._scores: dict[CandidateKey, tuple[int, float]] = {}
        """By graph, the outcomes that its score was made of, as a count, and the score."""

    def on_all(self, candidate: Candidate) -> Request:
        """Ask for a graph on every question."""
        return Request(candidate, tuple(range(self.problem.questions)))

    def on_some(self, candidate: Candidate, count: int, rng: np.random.Generator) -> Request:
        """Ask for a graph on a fresh sample of questions."""
        drawn = rng.permutation(self.problem.questions)[:count]
        return Request(candidate, tuple(drawn.tolist()))

    def score(self, archive: Archive, candidate: Candidate) -> float:
        """Return accuracy where the caps are kept, else a negative number by how far they are not.

        Deb's rules: the feasible by value, before all infeasible by violation.
        """
        row = archive.get(candidate.key)
        if row is None:
            return -np.inf
        return self.score_of(row)

    def score_of(self, row: Row) -> float:
        """Score a row; see :meth:`score`."""
        known = self._scores.get(row.candidate.key)
        if known is None or known[0] != row.count:  # outcomes of a graph only ever grow in number
            excess = excess_of(self.problem, row)
            known = (row.count, row.accuracy if excess <= 0.0 else -excess)
            self._scores[row.candidate.key] = known
        return known[1]

    def verdict(self, archive: Archive) -> Recommendation | None:
        """Return the common recommendation."""
        return self._verdict.best(archive)

    def state(self) -> Mapping[str, object]:
        """Return the method's name."""
        return {"searcher": self._name}
