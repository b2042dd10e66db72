"""A forest of decision trees over binned features, and what it says about rows of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["LEAF", "Forest"]

LEAF: Final = -1


@dataclass(frozen=True, slots=True)
class Forest:
    """Nodes of all trees, one tree after the other."""

    features: npt.NDArray[np.int16]
    """Which feature a node asks; ``LEAF`` where it asks none."""
    thresholds: npt.NDArray[np.uint8]
    """Bins up to this one go to the left."""
    children: npt.NDArray[np.int32]
    """The left child; the right one is its neighbour."""
    values: npt.NDArray[np.float32]
    """What a leaf says, [nodes, outputs]."""
    roots: npt.NDArray[np.int32]

    def predict(self, bins: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the mean over trees, [rows, outputs].

        Args:
            bins: [rows, features].
        """
        rows = np.arange(len(bins))[:, None]
        at = np.broadcast_to(self.roots, (len(bins), len(self.roots)))
        while True:
            features = self.features[at]
            asks = features != LEAF
            if not asks.any():
                said: npt.NDArray[np.float32] = self.values[at].mean(axis=1, dtype=np.float32)
                return said
            is_right = bins[rows, features] > self.thresholds[at]
            at = np.where(asks, self.children[at] + is_right, at)
