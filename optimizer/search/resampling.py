"""The project's one bootstrap: percentile intervals of a mean over what was resampled.

Knows values only; whether they are questions or seeds, paired or not, is its caller's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Resampled", "difference_of_means", "mean_interval"]

_DRAWS: Final = 4000
_SEED: Final = 20_251_102
"""Fixed, so that the same values always give the same interval."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """A mean, the interval that it lies in at the stated confidence, and a two-sided p-value."""

    mean: float
    low: float
    high: float
    p: float

    @property
    def is_clear(self) -> bool:
        """The interval excludes zero."""
        return self.low > 0 or self.high < 0


def mean_interval(values: npt.NDArray[np.float64], *, confidence: float = 0.95) -> Resampled:
    """Return the mean of values, of paired differences for example; there must be one at least."""
    means = _resampled_means(values, np.random.default_rng(_SEED))
    return _of(float(values.mean()), means, confidence)


def difference_of_means(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], *, confidence: float = 0.95
) -> Resampled:
    """Return the mean of ``b`` minus the mean of ``a``, resampled apart."""
    generator = np.random.default_rng(_SEED)
    means = _resampled_means(b, generator) - _resampled_means(a, generator)
    return _of(float(b.mean() - a.mean()), means, confidence)


def _resampled_means(
    values: npt.NDArray[np.float64], generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    # The same values are interchangeable: draw counts of values instead of values.
    distinct, counts = np.unique(values, return_counts=True)
    drawn = generator.multinomial(len(values), counts / len(values), size=_DRAWS)
    means: npt.NDArray[np.float64] = drawn @ distinct / len(values)
    return means


def _of(mean: float, means: npt.NDArray[np.float64], confidence: float) -> Resampled:
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    one_sided = min(float((means <= 0).mean()), float((means >= 0).mean()))
    return Resampled(mean, float(low), float(high), min(1.0, 2 * one_sided))
