"""Features as numbers of bins: what trees ask, and, as ranks, what the linear part adds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_BINS", "Bins"]

MOST_BINS: Final = 64


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of every feature."""

    edges: npt.NDArray[np.float32]
    """Upper bounds of all bins but the last, ascending, filled up with infinity;
    [features, MOST_BINS - 1]."""
    ranks: npt.NDArray[np.float32]
    """Share of the texts learned from that lie below a bin's middle, less one half;
    [features, MOST_BINS]."""

    def number(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Return the bin of every feature, [rows, features]."""
        return np.stack(
            [
                np.searchsorted(edges, column, side="left")
                for edges, column in zip(self.edges, features.T, strict=True)
            ],
            axis=1,
        ).astype(np.uint8)

    def rank(self, bins: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the rank of every feature, [rows, features], from -0.5 to 0.5."""
        return self.ranks[np.arange(len(self.ranks)), bins]
