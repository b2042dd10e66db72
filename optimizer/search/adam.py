"""Adam on the logits of a graph distribution: ascent, one step at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Adam"]

_Steps = list[npt.NDArray[np.float64]]


@dataclass(slots=True)
class Adam:
    """Source: Kingma and Ba 2015, with their defaults for the moments."""

    rate: float
    first_decay: float = 0.9
    second_decay: float = 0.999
    epsilon: float = 1e-8
    _first: _Steps = field(default_factory=list)
    _second: _Steps = field(default_factory=list)
    _count: int = 0

    def steps(self, gradient: Sequence[npt.NDArray[np.float64]]) -> _Steps:
        """Return what to add to every block of parameters to climb along the gradient."""
        if not self._first:
            self._first = [np.zeros_like(one) for one in gradient]
            self._second = [np.zeros_like(one) for one in gradient]
        self._count += 1
        steps = []
        for position, one in enumerate(gradient):
            first = self.first_decay * self._first[position] + (1 - self.first_decay) * one
            second = self.second_decay * self._second[position] + (1 - self.second_decay) * one**2
            self._first[position], self._second[position] = first, second
            mean = first / (1 - self.first_decay**self._count)
            spread = second / (1 - self.second_decay**self._count)
            steps.append(self.rate * mean / (np.sqrt(spread) + self.epsilon))
        return steps
