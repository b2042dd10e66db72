"""Choose the bins of features from the texts to learn from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from runtime.routing.bins import MOST_BINS, Bins

__all__ = ["fit_bins"]


def fit_bins(features: npt.NDArray[np.float32]) -> Bins:
    """Return bins that hold about as many texts each, [rows, features]."""
    width = features.shape[1]
    edges = np.full((width, MOST_BINS - 1), np.inf, dtype=np.float32)
    for at, column in enumerate(features.T):
        own = np.unique(np.quantile(column, np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
        edges[at, : len(own)] = own
    bins = Bins(edges, np.zeros((width, MOST_BINS), dtype=np.float32))
    numbers = bins.number(features)
    for at, column in enumerate(numbers.T):
        held = np.bincount(column, minlength=MOST_BINS)
        bins.ranks[at] = (np.cumsum(held) - held / 2) / len(features) - 0.5
    return bins
