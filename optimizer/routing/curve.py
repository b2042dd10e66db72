"""How good a router between a weak and a strong model is, in the terms of RouteLLM.

Definitions after Ong et al., *RouteLLM* (arXiv 2406.18665), section 2, and its ``evals``:

* *Performance gap recovered* at a share of strong calls: the accuracy of the mix, less the weak
  model's, over the strong model's less the weak one's.
* ``apgr``: its mean over all shares, the area under the curve. RouteLLM's program integrates over
  the eleven thresholds that part the questions in tenths, which cuts corners: ``apgr_tenths``.
* ``cpt(x)``: the share of strong calls at which the share ``x`` of the gap is recovered, on
  straight lines between these eleven points, as RouteLLM's program reads it.

Where scores tie, RouteLLM sends all of a tie to the strong model; here a tie counts like the mean
over all its orders, so that a router that always says the same is worth exactly as much as chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["Curve", "Ranking"]

_TENTHS: Final = np.linspace(0.0, 1.0, 11)

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """What is recovered of the gap as more and more questions go to the strong model."""

    shares: _Floats
    """Of strong calls, ascending from 0 to 1."""
    recovered: _Floats
    """At each of them."""

    @property
    def apgr(self) -> float:
        """The mean over all shares of strong calls; chance has one half."""
        return float(np.trapezoid(self.recovered, self.shares))

    @property
    def apgr_tenths(self) -> float:
        """The same from eleven points."""
        return float(np.trapezoid(self._at_tenths(), _TENTHS))

    def cpt(self, recovered: float) -> float:
        """Return the least share of strong calls that recovers so much of the gap."""
        points = self._at_tenths()
        at = int(np.argmax(points >= recovered))
        if at == 0:
            return 0.0
        step = (recovered - points[at - 1]) / (points[at] - points[at - 1])
        return float(_TENTHS[at - 1] + step * (_TENTHS[at] - _TENTHS[at - 1]))

    def _at_tenths(self) -> _Floats:
        return np.interp(_TENTHS, self.shares, self.recovered)


class Ranking:
    """Questions in the order in which a router would give them to the strong model.

    Args:
        scores: The higher, the sooner.
        weak: Who was right, 0 or 1, or a share.
        strong: The same.
    """

    def __init__(
        self, scores: npt.NDArray[Any], weak: npt.NDArray[Any], strong: npt.NDArray[Any]
    ) -> None:
        self._order = np.argsort(-scores, kind="stable")
        gains = strong.astype(np.float64) - weak.astype(np.float64)
        _, tie = np.unique(scores, return_inverse=True)
        self._gains = (np.bincount(tie, gains) / np.bincount(tie))[tie][self._order]

    def curve(self, counts: npt.NDArray[np.int64] | None = None) -> Curve:
        """Return the curve.

        Args:
            counts: How often each question counts, as a bootstrap draws them; once each if absent.

        Raises:
            ValueError: The strong model is no better than the weak one, so there is no gap.
        """
        weights = np.ones(len(self._gains)) if counts is None else counts[self._order]
        reached = np.concatenate([[0.0], np.cumsum(weights)])
        gained = np.concatenate([[0.0], np.cumsum(weights * self._gains)])
        if gained[-1] <= 0:
            raise ValueError("the strong model is no better than the weak one")
        return Curve(reached / reached[-1], gained / gained[-1])
