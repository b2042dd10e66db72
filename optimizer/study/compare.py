"""Two graphs on the questions that both were asked: differences with intervals.

Paired: each question is its own control. The intervals are percentile bootstraps over questions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizer.search.model import Outcomes
from optimizer.study.archive import Measured

__all__ = ["Comparison", "Difference", "compare", "paired_difference", "unpaired_difference"]

_DRAWS = 4000
_SEED = 20_251_102
"""Fixed, so that the same two graphs always give the same interval."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of B minus A, and the interval that it lies in at the stated confidence."""

    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """The interval excludes zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """B against A on common questions."""

    questions: int
    accuracy: Difference
    cost_usd: Difference
    latency_s: Difference
    cloud_share: Difference
    only_a_right: tuple[int, ...]
    """Questions that only A got right."""
    only_b_right: tuple[int, ...]


def compare(a: Measured, b: Measured, *, confidence: float = 0.95) -> Comparison | None:
    """Compare two graphs; ``None`` when no question was asked of both."""
    common = sorted(set(a.outcomes.questions.tolist()) & set(b.outcomes.questions.tolist()))
    if not common:
        return None
    places = np.array(common, dtype=np.int64)
    first, second = _rows(a.outcomes, places), _rows(b.outcomes, places)

    def difference(
        x: npt.NDArray[np.float64 | np.bool_], y: npt.NDArray[np.float64 | np.bool_]
    ) -> Difference:
        apart = y[second].astype(np.float64) - x[first].astype(np.float64)
        return paired_difference(apart, confidence=confidence)

    right_a, right_b = a.outcomes.right[first], b.outcomes.right[second]
    return Comparison(
        questions=len(common),
        accuracy=difference(a.outcomes.right, b.outcomes.right),
        cost_usd=difference(a.outcomes.cost_usd, b.outcomes.cost_usd),
        latency_s=difference(a.outcomes.latency_s, b.outcomes.latency_s),
        cloud_share=difference(a.outcomes.exposed, b.outcomes.exposed),
        only_a_right=tuple(int(q) for q in places[right_a > right_b]),
        only_b_right=tuple(int(q) for q in places[right_b > right_a]),
    )


def paired_difference(apart: npt.NDArray[np.float64], *, confidence: float = 0.95) -> Difference:
    """Return the mean of per-question differences with its bootstrap interval."""
    means = _resampled_means(apart, np.random.default_rng(_SEED))
    return _interval(float(apart.mean()), means, confidence)


def unpaired_difference(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], *, confidence: float = 0.95
) -> Difference:
    """Return mean of ``b`` minus mean of ``a``, of different questions, with its interval."""
    generator = np.random.default_rng(_SEED)
    means = _resampled_means(b, generator) - _resampled_means(a, generator)
    # The search chose the graph on `a`, so its mean there flatters; that is not corrected here.
    return _interval(float(b.mean() - a.mean()), means, confidence)


def _resampled_means(
    values: npt.NDArray[np.float64], generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    # Questions with the same value are interchangeable: draw counts instead of questions.
    distinct, counts = np.unique(values, return_counts=True)
    drawn = generator.multinomial(len(values), counts / len(values), size=_DRAWS)
    means: npt.NDArray[np.float64] = drawn @ distinct / len(values)
    return means


def _interval(mean: float, means: npt.NDArray[np.float64], confidence: float) -> Difference:
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Difference(mean, float(low), float(high))


def _rows(outcomes: Outcomes, questions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    order = np.argsort(outcomes.questions)
    found = np.searchsorted(outcomes.questions, questions, sorter=order)
    return order[found]
