"""Percentiles. Pure numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["percentile"]


def percentile(values: npt.NDArray[np.float64], share: float) -> float:
    """Return the smallest value that at least ``share`` of the values do not exceed."""
    ordered = np.sort(values)
    return float(ordered[max(math.ceil(share * len(ordered)), 1) - 1])
