"""What a fitted router misjudges here, learned from verdicts: LinUCB on its errors.

Li et al., *A contextual-bandit approach to personalized news article recommendation* (2010), with
one change: what is estimated is not the chance of a right answer but how much the fitted router is
off. Without verdicts nothing is changed but by the bonus for what is little known. A graph's chance
is moved by at most ``most_shift``, and only the newest verdicts count.

Knows chances and verdicts, no text and nothing made from one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Residuals", "ResidualsOptions", "Standing"]

_SIZE: Final = 2
"""Of a context: a constant, and how the graph's chance differs from the mean of all."""
_STRENGTH: Final = 20.0
"""Of the ridge: so many verdicts pull as much as the fitted router does."""

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ResidualsOptions:
    """How much verdicts may change."""

    explore: float = 0.3
    """The bonus of what is little known, in standard deviations of a verdict; 0 explores nothing.
    """
    most_shift: float = 0.2
    """By how much a chance may be moved at most, up or down."""
    window: int = 1_000
    """So many of the newest verdicts count, of all graphs together: what is known of a graph that
    is asked no more is forgotten, so that it is tried again (sliding-window UCB, Garivier and
    Moulines, 2011)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the verdicts of one graph come to."""

    verdicts: int
    right: int
    foreseen: float
    """How many right ones the fitted router expected."""
    shift: float
    """By how much a usual chance of the graph is moved, without the bonus."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    graph: str
    context: _Floats
    foreseen: float
    is_right: bool


@dataclass(slots=True)
class _Graph:
    squares: _Floats = field(default_factory=lambda: _STRENGTH * np.eye(_SIZE))
    sides: _Floats = field(default_factory=lambda: np.zeros(_SIZE))

    def count(self, verdict: _Verdict, *, times: int) -> None:
        context = verdict.context
        missed = float(verdict.is_right) - verdict.foreseen
        self.squares = self.squares + times * np.outer(context, context)
        self.sides = self.sides + times * missed * context


class Residuals:
    """The errors of a fitted router, graph by graph."""

    def __init__(self, options: ResidualsOptions) -> None:
        self._options = options
        self._graphs: dict[str, _Graph] = {}
        self._counted: deque[_Verdict] = deque()
        """The oldest first."""

    def learn(self, graph: str, chances: Mapping[str, float], *, is_right: bool) -> None:
        """Count one verdict.

        Args:
            graph: Which graph answered.
            chances: What the fitted router had said of each that it chose among.
            is_right: The verdict.
        """
        verdict = _Verdict(graph, _context(graph, chances), chances[graph], is_right)
        self._graphs.setdefault(graph, _Graph()).count(verdict, times=1)
        self._counted.append(verdict)
        while len(self._counted) > self._options.window:
            oldest = self._counted.popleft()
            self._graphs[oldest.graph].count(oldest, times=-1)

    def adjusted(self, chances: Mapping[str, float]) -> dict[str, float]:
        """Return the chances, each moved by what was learned of its graph."""
        return {
            graph: min(max(chance + self._shift(graph, chances), 0.0), 1.0)
            for graph, chance in chances.items()
        }

    def standing(self) -> dict[str, Standing]:
        """Return what is known of each graph."""
        return {
            graph: self._standing(known, [one for one in self._counted if one.graph == graph])
            for graph, known in sorted(self._graphs.items())
        }

    def _standing(self, known: _Graph, verdicts: Sequence[_Verdict]) -> Standing:
        return Standing(
            len(verdicts),
            sum(one.is_right for one in verdicts),
            sum(one.foreseen for one in verdicts),
            self._bounded(float(np.linalg.solve(known.squares, known.sides)[0])),
        )

    def _shift(self, graph: str, chances: Mapping[str, float]) -> float:
        known = self._graphs.get(graph) or _Graph()
        context = _context(graph, chances)
        inverse = np.linalg.inv(known.squares)
        estimate = float(context @ inverse @ known.sides)
        bonus = self._options.explore * float(np.sqrt(context @ inverse @ context))
        return self._bounded(estimate + bonus)

    def _bounded(self, shift: float) -> float:
        most = self._options.most_shift
        return min(max(shift, -most), most)


def _context(graph: str, chances: Mapping[str, float]) -> _Floats:
    return np.array([1.0, chances[graph] - sum(chances.values()) / len(chances)])
