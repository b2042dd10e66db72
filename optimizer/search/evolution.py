"""(mu + lambda) evolution with graph mutations, ranked under caps by Deb's rules.

Edges are toggled; models, roles and thresholds swapped; parents crossed choice by choice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.search.archive import Archive
from optimizer.search.distribution import MOST_REJECTIONS, uniform
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Candidate, DecisionKind, Recommendation
from optimizer.search.problem import Problem

__all__ = ["Evolution", "EvolutionOptions"]


@dataclass(frozen=True, slots=True)
class EvolutionOptions:
    """Sizes and rates."""

    parents: int = 10
    children: int = 4
    crossover: float = 0.5
    edge_flip: float = 0.12
    swap: float = 0.25


class Evolution:
    """The strategy."""

    def __init__(
        self, problem: Problem, *, seed: int, options: EvolutionOptions | None = None
    ) -> None:
        self._base = Measured(problem, "evolution")
        self._options = options or EvolutionOptions()
        self._rng = np.random.default_rng(seed)

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Keep the best, breed from them."""
        space = self._base.problem.space
        prior = uniform(space.decisions)
        drawn = (prior.sample_allowed(space, self._rng) for _ in range(self._options.parents))
        population = [one for one in drawn if one is not None]
        if not population:
            return
        yield [self._base.on_all(one) for one in population]
        while True:
            bred = (self._child(population, archive) for _ in range(self._options.children))
            children = [one for one in bred if one is not None]
            if not children:
                return
            yield [self._base.on_all(one) for one in children]
            union = {one.key: one for one in (*population, *children)}
            ranked = sorted(
                union.values(), key=lambda one: (-self._base.score(archive, one), one.key)
            )
            population = ranked[: self._options.parents]

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the method's name."""
        return self._base.state()

    def _child(self, population: Sequence[Candidate], archive: Archive) -> Candidate | None:
        """Breed a graph that was not run yet; ``None`` when none comes up."""
        space = self._base.problem.space
        for _ in range(MOST_REJECTIONS):
            choices = self._mutated(self._crossed(population))
            if space.refusal(choices) is None:
                child = space.candidate(choices)
                if archive.get(child.key) is None:
                    return child
        return None

    def _crossed(self, population: Sequence[Candidate]) -> list[int]:
        first = population[int(self._rng.integers(len(population)))].choices
        if self._rng.random() >= self._options.crossover:
            return list(first)
        second = population[int(self._rng.integers(len(population)))].choices
        takes = self._rng.random(len(first)) < 0.5
        return [a if take else b for a, b, take in zip(first, second, takes, strict=True)]

    def _mutated(self, choices: list[int]) -> list[int]:
        for position, decision in enumerate(self._base.problem.space.decisions):
            is_edge = decision.kind is DecisionKind.EDGE
            rate = self._options.edge_flip if is_edge else self._options.swap
            if self._rng.random() < rate:
                others = [one for one in range(len(decision.options)) if one != choices[position]]
                choices[position] = others[int(self._rng.integers(len(others)))] if others else 0
        return choices
