"""REINFORCE on the probabilistic graph, as peers run it.

Without a baseline and Adam at 0.1 it is GPTSwarm's MMLU form, with a moving average its crosswords
form, with a fixed price on exposure MaaS's. The first two know no caps; so that they are
comparable, exposure above the cap is priced by dual ascent. Each graph of a batch gets a fresh
sample of questions; the likeliest graph is validated on all from time to time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.search.adam import Adam
from optimizer.search.archive import Archive, Row
from optimizer.search.distribution import uniform
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Candidate, Recommendation
from optimizer.search.problem import Problem

__all__ = ["Reinforce", "ReinforceOptions"]


@dataclass(frozen=True, slots=True)
class ReinforceOptions:
    """The form; defaults are GPTSwarm's, but for the questions per graph (there: one)."""

    name: str = "reinforce"
    batch: int = 4
    questions_per_graph: int = 20
    learning_rate: float = 0.1
    has_baseline: bool = False
    price: float | None = None
    """Fixed price of an exposed question (MaaS: 3); ``None`` for dual ascent."""
    price_step: float = 0.05
    validate_every: int = 25
    """Updates between validations of the likeliest graph."""
    patience: int = 400
    """Updates without a new likeliest graph after which the search begins anew."""


class Reinforce:
    """The strategy."""

    def __init__(
        self, problem: Problem, *, seed: int, options: ReinforceOptions | None = None
    ) -> None:
        self._options = options or ReinforceOptions()
        self._base = Measured(problem, self._options.name)
        self._rng = np.random.default_rng(seed)
        self.distribution = uniform(problem.space.decisions)
        self._price = self._options.price or 0.0
        self._baseline: float | None = None

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Sample, score, step; validate; begin anew when nothing moves any more."""
        while True:
            self.distribution = uniform(self._base.problem.space.decisions)
            adam = Adam(self._options.learning_rate)
            idle = 0
            for update in range(1, 1_000_000):
                yield from self._step(archive, adam)
                if update % self._options.validate_every:
                    continue
                mode = self.distribution.decode(self._base.problem.space)
                idle += self._options.validate_every
                if mode is not None and self._is_new(archive, mode):
                    yield [self._base.on_all(mode)]
                    idle = 0
                if idle >= self._options.patience:
                    break

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the probabilities by decision."""
        return {**self._base.state(), "probabilities": self.distribution.table()}

    def _step(self, archive: Archive, adam: Adam) -> Iterator[Sequence[Request]]:
        space = self._base.problem.space
        drawn = [
            self.distribution.sample_allowed(space, self._rng) for _ in range(self._options.batch)
        ]
        graphs = [one for one in drawn if one is not None]
        count = self._options.questions_per_graph
        requests = [self._base.on_some(one, count, self._rng) for one in graphs]
        yield requests
        rows = [(request, archive.get(request.candidate.key)) for request in requests]
        outcomes = [_means(row, request.questions) for request, row in rows if row is not None]
        rewards = [right - self._price * exposed for right, exposed in outcomes]
        gradient = np.zeros_like(self.distribution.logits)
        level = (self._baseline or 0.0) if self._options.has_baseline else 0.0
        for graph, reward in zip(graphs, rewards, strict=True):
            gradient += self.distribution.gradient(graph.choices) * (reward - level) / len(graphs)
        mean = float(np.mean(rewards))
        self._baseline = mean if self._baseline is None else 0.9 * self._baseline + 0.1 * mean
        self.distribution = self.distribution.moved(adam.steps(gradient))
        if self._options.price is None:
            share = float(np.mean([exposed for _, exposed in outcomes]))
            over = share - self._base.problem.rule.share_limit
            self._price = max(0.0, self._price + self._options.price_step * over)

    def _is_new(self, archive: Archive, mode: Candidate) -> bool:
        row = archive.get(mode.key)
        return row is None or row.count < self._base.problem.questions


def _means(row: Row, questions: Sequence[int]) -> tuple[float, float]:
    """Return a graph's accuracy and exposure on exactly these questions."""
    asked = np.array(questions)
    return float(row.right[asked].mean()), float(row.exposed[asked].mean())
