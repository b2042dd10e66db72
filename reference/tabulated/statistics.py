"""Shares and paired comparisons over questions, with 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.resampling import mean_interval
from reference.proportion import Proportion

__all__ = ["Difference", "Share", "paired_difference", "share_of"]

_RULE_OF_THREE: Final = 3.0

Values = npt.NDArray[np.float64] | npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Share:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Difference(Share):
    """A mean difference; it is shown when its interval keeps off 0."""

    @property
    def is_shown(self) -> bool:
        """Whether the interval does not contain 0."""
        return self.low > 0 or self.high < 0


def share_of(values: Values) -> Share:
    """Return the share of ones with Wilson's interval."""
    share = Proportion(int(np.count_nonzero(values)), len(values))
    return Share(share.share, *share.interval, share.count)


def paired_difference(ours: Values, theirs: Values) -> Difference:
    """Return the mean of ``ours - theirs`` over the same questions, resampled together."""
    difference = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    mean, low, high = _bootstrap(difference)
    return Difference(mean, low, high, len(difference))


def _bootstrap(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the mean and the percentiles of resampled means.

    Where all values are equal resampling shows nothing, and the rule of three stands in: what was
    never seen in n questions may be true of 3 / n of them.
    """
    if not len(values):
        return 0.0, -1.0, 1.0
    mean = float(values.mean())
    if np.ptp(values) == 0:
        room = _RULE_OF_THREE / len(values)
        return mean, max(-1.0, mean - room), min(1.0, mean + room)
    found = mean_interval(values)
    return found.mean, found.low, found.high
