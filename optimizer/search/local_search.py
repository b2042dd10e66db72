"""Hill climbing over single changed choices, first improvement, with random restarts."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from optimizer.search.archive import Archive
from optimizer.search.distribution import uniform
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Recommendation
from optimizer.search.pools import neighbours
from optimizer.search.problem import Problem

__all__ = ["LocalSearch"]


class LocalSearch:
    """The strategy."""

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self._base = Measured(problem, "local_search")
        self._rng = np.random.default_rng(seed)

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Climb from random graphs until no neighbour is better."""
        space = self._base.problem.space
        prior = uniform(space.decisions)
        while (here := prior.sample_allowed(space, self._rng)) is not None:
            yield [self._base.on_all(here)]
            is_climbing = True
            while is_climbing:
                is_climbing = False
                near = list(neighbours(space, here))
                for position in self._rng.permutation(len(near)):
                    yield [self._base.on_all(near[position])]
                    better = self._base.score(archive, near[position])
                    if better > self._base.score(archive, here):
                        here, is_climbing = near[position], True
                        break

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the method's name."""
        return self._base.state()
