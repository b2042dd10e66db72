"""Random search without replacement, and the exhaustive search; both run graphs on everything."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from optimizer.search.archive import Archive
from optimizer.search.distribution import uniform
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Recommendation
from optimizer.search.problem import Problem
from runtime.errors import ConfigInvalid

__all__ = ["Exhaustive", "RandomSearch"]


class RandomSearch:
    """Every graph once, in random order; draws from the uniform prior where none can be listed."""

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self._base = Measured(problem, "random")
        self._rng = np.random.default_rng(seed)

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Yield one graph after the other."""
        problem = self._base.problem
        if problem.pool is not None:
            for row in self._rng.permutation(len(problem.pool.candidates)):
                yield [self._base.on_all(problem.pool.candidates[row])]
            return
        prior = uniform(problem.space.decisions)
        while (drawn := prior.sample_allowed(problem.space, self._rng)) is not None:
            yield [self._base.on_all(drawn)]

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the method's name."""
        return self._base.state()


class Exhaustive:
    """Every graph in the space's order."""

    def __init__(self, problem: Problem, *, seed: int) -> None:
        if problem.pool is None:
            raise ConfigInvalid(f"{problem.space.name} is too large to be searched exhaustively")
        self._base = Measured(problem, "exhaustive")
        self._candidates = problem.pool.candidates
        self._seed = seed

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Yield one graph after the other."""
        for candidate in self._candidates:
            yield [self._base.on_all(candidate)]

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the method's name."""
        return self._base.state()
