"""Pools of graphs for spaces too large to list: draws from the distribution, and neighbours.

Knows the space's choices and refusals; knows no outcomes, only which graphs to keep.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from optimizer.search.distribution import GraphDistribution, uniform
from optimizer.search.model import Candidate, CandidateKey, Space
from optimizer.search.prediction import Pool

__all__ = ["draw_pool", "neighbours"]

_POOL: Final = 3000
_WANDERERS: Final = 0.2
"""Share of the pool drawn from the prior, so that nothing is lost for good."""
_PARENTS: Final = 20


def draw_pool(
    space: Space,
    distribution: GraphDistribution,
    rng: np.random.Generator,
    *,
    kept: Sequence[Candidate] = (),
) -> Pool:
    """Draw a pool around a distribution.

    Args:
        space: What the graphs are of.
        distribution: Where most of the pool is drawn from.
        rng: Draws.
        kept: Graphs that stay, the best first; neighbours of the first join the pool.
    """
    pool: dict[CandidateKey, Candidate] = {one.key: one for one in kept}
    for parent in kept[:_PARENTS]:
        pool.update((one.key, one) for one in neighbours(space, parent))
    prior = uniform(space.decisions)
    for _ in range(2 * _POOL):
        if len(pool) >= _POOL:
            break
        source = prior if rng.random() < _WANDERERS else distribution
        drawn = source.sample_allowed(space, rng)
        if drawn is None:
            break
        pool.setdefault(drawn.key, drawn)
    return Pool(tuple(pool.values()), space.decisions)


def neighbours(space: Space, candidate: Candidate) -> Iterator[Candidate]:
    """Yield every allowed graph that differs in one choice, in the order of decisions."""
    seen = {candidate.key}
    for position, decision in enumerate(space.decisions):
        for option in range(len(decision.options)):
            choices = (*candidate.choices[:position], option, *candidate.choices[position + 1 :])
            if option == candidate.choices[position] or space.refusal(choices) is not None:
                continue
            near = space.candidate(choices)
            if near.key not in seen:
                seen.add(near.key)
                yield near
