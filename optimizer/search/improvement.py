"""What it is worth to look at a graph: by how much it may be better than the best one known.

Knows expectations and doubts of graphs and of their caps; knows no questions.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["expected_gain"]

_LEAST: Final = 1e-9
_FAR: Final = 8.0
"""Deviations beyond which a normal distribution has nothing left."""

_Floats = npt.NDArray[np.float64]


def expected_gain(
    mean: _Floats, doubt: _Floats, bar: float, *, excess: _Floats, excess_doubt: _Floats
) -> _Floats:
    """Return by graph the expected improvement over a bar, if the caps are kept.

    Args:
        mean: Expected value.
        doubt: Its standard deviation; where it is 0, nothing is to be gained by looking.
        bar: The value of the best graph that could be recommended.
        excess: By how much the worst cap is expected to be broken; at most 0 is kept.
        excess_doubt: Its standard deviation.

    Source: expected improvement of a normal variable, times the chance that the caps are kept
    (Gardner et al. 2014, Bayesian optimization with inequality constraints).
    """
    spread = np.maximum(doubt, _LEAST)
    ahead = (mean - bar) / spread
    gain = spread * (ahead * _below(ahead) + np.exp(-0.5 * ahead**2) / np.sqrt(2.0 * np.pi))
    kept = _below(-excess / np.maximum(excess_doubt, _LEAST))
    worth: _Floats = np.where(doubt > 0.0, gain * kept, 0.0)
    return worth


def _below(deviations: _Floats) -> _Floats:
    """Return the normal distribution function, within 0.0002 of it (Page 1977)."""
    near = np.clip(deviations, -_FAR, _FAR)
    chance: _Floats = 0.5 * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (near + 0.044715 * near**3)))
    return chance
