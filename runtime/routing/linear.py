"""Linear functions of features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Linear"]


@dataclass(frozen=True, slots=True)
class Linear:
    """One function for each output."""

    weights: npt.NDArray[np.float32]
    """[features, outputs]."""
    offsets: npt.NDArray[np.float32]
    """[outputs]."""

    def predict(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return [rows, outputs]."""
        return (rows @ self.weights + self.offsets).astype(np.float32)
