"""Choosing a cascade's threshold: the cheapest, or the most right, that keeps a promise.

Four promises. About all questions ever to come (``coming=None``) or the next so many:

* *spoilt*: at most such a share of them is answered wrong by the near model where the far one would
  have been right. So accuracy is at most that much below always asking the far model.
* *share*: at most such a share goes to the far model.

And about the expected value alone:

* *quality*: accuracy is at least so much. Thresholds of a fixed grid are tried from "always ask" on
  and the first that is not proven ends the search (learn then test, Angelopoulos et al., arXiv
  2110.01052, with fixed-sequence testing); each by the bound of Clopper and Pearson.
* *cost*: a question costs at most so much on average, by the empirical Bernstein bound of Maurer
  and Pontil (2009), as long as none costs more than the dearest record. The same search, from
  "never ask" on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from optimizer.calibration.limits import most_hits
from optimizer.calibration.records import Records
from runtime.graph.model import ALWAYS_BELOW
from runtime.shares import share_upper

__all__ = ["ALWAYS", "NEVER_ASK", "Promise", "PromiseKind", "fit_threshold"]

PromiseKind = Literal["spoilt", "share", "quality", "cost"]
NEVER_ASK: Final = 0.0
"""Nothing is less sure than this."""
ALWAYS: Final = ALWAYS_BELOW
"""Nothing is surer."""
_FEWEST_VALUES: Final = 2
"""A variance needs two."""
_GRID: Final = tuple(np.round(np.linspace(0.0, 1.0, 51), 2).tolist())


@dataclass(frozen=True, slots=True)
class Promise:
    """What a threshold must keep."""

    kind: PromiseKind
    bound: float
    confidence: float
    coming: int | None = None


def fit_threshold(records: Records, promise: Promise) -> float | None:
    """Return the threshold below which the far model is asked, ``None`` if none can be promised.

    Of the thresholds that keep a promise about being right, the one that asks least; of those that
    keep one about asking, the one that asks most.
    """
    match promise.kind:
        case "spoilt":
            # They only get more as the threshold falls; above all of them there are none.
            return min(_keeping(records, promise, records.spoilt), default=ALWAYS)
        case "share":
            return max(_keeping(records, promise, records.asked), default=NEVER_ASK)
        case "quality":
            return _last_proven([ALWAYS, *reversed(_GRID)], records, promise)
        case "cost":
            return _last_proven([*_GRID, ALWAYS], records, promise)


def _keeping(
    records: Records, promise: Promise, hits: Callable[[float], npt.NDArray[np.bool_]]
) -> list[float]:
    """Return the thresholds with no more hits than are allowed; there may be none."""
    allowed = most_hits(
        len(records),
        share=promise.bound,
        confidence=promise.confidence,
        coming=promise.coming,
    )
    return [one for one in _between(records.confidence) if hits(one).sum() <= allowed]


def _between(confidence: npt.NDArray[np.float64]) -> list[float]:
    """Return thresholds that part the records in every possible way."""
    values = np.unique(confidence)
    middles = (values[1:] + values[:-1]) / 2
    return [NEVER_ASK, *middles.tolist(), ALWAYS]


def _last_proven(thresholds: list[float], records: Records, promise: Promise) -> float | None:
    found = None
    for threshold in thresholds:
        if not _is_proven(records, threshold, promise):
            break
        found = threshold
    return found


def _is_proven(records: Records, threshold: float, promise: Promise) -> bool:
    if promise.kind == "quality":
        wrong = int((~records.right(threshold)).sum())
        upper = share_upper(wrong, len(records), confidence=promise.confidence)
        return upper <= 1.0 - promise.bound
    costs = records.cost_usd(threshold)
    dearest = float((records.near_usd + records.far_usd).max())
    return _mean_upper(costs, dearest, promise.confidence) <= promise.bound


def _mean_upper(values: npt.NDArray[np.float64], most: float, confidence: float) -> float:
    """Return an upper bound of the expected value of what lies between 0 and ``most``."""
    count = len(values)
    if count < _FEWEST_VALUES:
        return most
    tail = math.log(2.0 / (1.0 - confidence))
    spread = math.sqrt(2.0 * float(values.var(ddof=1)) * tail / count)
    return float(values.mean()) + spread + 7.0 * most * tail / (3.0 * (count - 1))
