"""Adam on the logits of a graph distribution: ascent, one step at a time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Adam"]

_Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Adam:
    """Source: Kingma and Ba 2015, with their defaults for the moments."""

    rate: float
    first_decay: float = 0.9
    second_decay: float = 0.999
    epsilon: float = 1e-8
    _first: _Floats | None = None
    _second: _Floats | None = None
    _count: int = 0

    def steps(self, gradient: _Floats) -> _Floats:
        """Return what to add to the parameters to climb along the gradient."""
        nothing = np.zeros_like(gradient)
        first = nothing if self._first is None else self._first
        second = nothing if self._second is None else self._second
        self._count += 1
        first = self.first_decay * first + (1 - self.first_decay) * gradient
        second = self.second_decay * second + (1 - self.second_decay) * gradient**2
        self._first, self._second = first, second
        mean = first / (1 - self.first_decay**self._count)
        spread = second / (1 - self.second_decay**self._count)
        steps: _Floats = self.rate * mean / (np.sqrt(spread) + self.epsilon)
        return steps
