"""Two graphs on the questions that both were asked: differences with intervals.

Paired: each question is its own control. The intervals are percentile bootstraps over questions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizer.search.model import Outcomes
from optimizer.search.resampling import Resampled, mean_interval
from optimizer.study.archive import Measured

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """B against A on common questions."""

    questions: int
    accuracy: Resampled
    cost_usd: Resampled
    latency_s: Resampled
    cloud_share: Resampled
    egress_bytes: Resampled | None
    """``None`` where it is not known of both."""
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
    ) -> Resampled:
        apart = y[second].astype(np.float64) - x[first].astype(np.float64)
        return mean_interval(apart, confidence=confidence)

    a_sent, b_sent = a.outcomes.egress_bytes, b.outcomes.egress_bytes
    sent = None if a_sent is None or b_sent is None else (a_sent, b_sent)
    right_a, right_b = a.outcomes.right[first], b.outcomes.right[second]
    return Comparison(
        questions=len(common),
        accuracy=difference(a.outcomes.right, b.outcomes.right),
        cost_usd=difference(a.outcomes.cost_usd, b.outcomes.cost_usd),
        latency_s=difference(a.outcomes.latency_s, b.outcomes.latency_s),
        cloud_share=difference(a.outcomes.exposed, b.outcomes.exposed),
        egress_bytes=None if sent is None else difference(*sent),
        only_a_right=tuple(int(q) for q in places[right_a > right_b]),
        only_b_right=tuple(int(q) for q in places[right_b > right_a]),
    )


def _rows(outcomes: Outcomes, questions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    order = np.argsort(outcomes.questions)
    found = np.searchsorted(outcomes.questions, questions, sorter=order)
    return order[found]
