"""How far a confidence is from the chance of being right, and a map that brings it closer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Calibrated", "calibration_error", "fit_calibrated"]

_BINS: Final = 10

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A map from confidence to the chance of being right; steps joined by straight lines."""

    confidence: _Floats
    chance: _Floats

    def of(self, confidence: _Floats) -> _Floats:
        """Return the chance of being right at each confidence."""
        return np.interp(confidence, self.confidence, self.chance)


def fit_calibrated(confidence: _Floats, right: npt.NDArray[np.bool_]) -> Calibrated:
    """Fit a rising map by isotonic regression (pool adjacent violators)."""
    values, of_value = np.unique(confidence, return_inverse=True)
    weights = np.bincount(of_value).astype(np.float64)
    means = np.bincount(of_value, right) / weights
    blocks: list[tuple[float, float, int]] = []  # mean, weight, values
    for mean, weight in zip(means.tolist(), weights.tolist(), strict=True):
        block = (mean, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            before = blocks.pop()
            total = before[1] + block[1]
            joined = (before[0] * before[1] + block[0] * block[1]) / total
            block = (joined, total, before[2] + block[2])
        blocks.append(block)
    chances = np.concatenate([np.full(count, mean) for mean, _, count in blocks])
    return Calibrated(values, chances)


def calibration_error(confidence: _Floats, right: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error: ten bins of equal width, weighted by their size.

    Source: Guo et al., *On Calibration of Modern Neural Networks* (arXiv 1706.04599), section 2.
    """
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    held = np.bincount(bins, minlength=_BINS)
    apart = np.abs(
        np.bincount(bins, confidence, minlength=_BINS) - np.bincount(bins, right, minlength=_BINS)
    )
    return float(apart.sum() / held.sum())
