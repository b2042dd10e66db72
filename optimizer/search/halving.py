"""Successive halving on questions: many graphs on few questions, the better half on twice as many.

Brackets grow: each begins with twice the graphs of the one before, so that the method is usable
under any budget. Questions come in one fixed, shuffled order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.search.archive import Archive
from optimizer.search.distribution import uniform
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Candidate, CandidateKey, Recommendation
from optimizer.search.problem import Problem

__all__ = ["HalvingOptions", "SuccessiveHalving"]


@dataclass(frozen=True, slots=True)
class HalvingOptions:
    """Where the first bracket begins."""

    graphs: int = 32
    questions: int = 20
    finalists: int = 4
    slack: float = 2.0
    """Standard errors by which a cap may seem broken while few questions were seen."""


class SuccessiveHalving:
    """The strategy."""

    def __init__(
        self, problem: Problem, *, seed: int, options: HalvingOptions | None = None
    ) -> None:
        self._base = Measured(problem, "successive_halving")
        self._options = options or HalvingOptions()
        self._rng = np.random.default_rng(seed)
        self._order = self._rng.permutation(problem.questions)

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Run bracket after bracket, each twice as wide."""
        width = self._options.graphs
        while True:
            field = self._draw(width, archive)
            if not field:
                return
            count = self._options.questions
            while True:
                count = min(count, self._base.problem.questions)
                asked = tuple(self._order[:count].tolist())
                yield [Request(one, asked) for one in field]
                if count == self._base.problem.questions:
                    break
                half = max(self._options.finalists, len(field) // 2)
                field = sorted(field, key=lambda one: -self._rank(archive, one, count))[:half]
                count *= 2
            width *= 2

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the method's name."""
        return self._base.state()

    def _rank(self, archive: Archive, candidate: Candidate, count: int) -> float:
        """Rank by accuracy; by exposure where the cap is clearly broken."""
        row = archive.get(candidate.key)
        if row is None:
            return -np.inf
        limit = self._base.problem.rule.share_limit
        error = np.sqrt(max(limit * (1 - limit), 0.0) / count)
        if count == self._base.problem.questions or limit <= 0.0:
            return self._base.score_of(row)
        over = row.share - limit - self._options.slack * error
        return row.accuracy if over <= 0 else -over

    def _draw(self, width: int, archive: Archive) -> list[Candidate]:
        """Draw graphs that no bracket has had."""
        problem = self._base.problem
        drawn: dict[CandidateKey, Candidate] = {}
        if problem.pool is not None:
            for row in self._rng.permutation(len(problem.pool.candidates)):
                one = problem.pool.candidates[row]
                if archive.get(one.key) is None:
                    drawn[one.key] = one
                if len(drawn) == width:
                    break
            return list(drawn.values())
        prior = uniform(problem.space.decisions)
        for _ in range(4 * width):
            sampled = prior.sample_allowed(problem.space, self._rng)
            if sampled is not None and archive.get(sampled.key) is None:
                drawn[sampled.key] = sampled
        return list(drawn.values())[:width]
