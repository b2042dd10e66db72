"""A share of successes with its confidence interval."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

__all__ = ["Proportion"]

_Z95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Proportion:
    """``right`` of ``count`` independent tries."""

    right: int
    count: int

    @property
    def share(self) -> float:
        """The observed share; 0 without any try."""
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval by Wilson's score (JASA 22, 1927); (0, 1) without any try."""
        if not self.count:
            return 0.0, 1.0
        z2 = _Z95 * _Z95
        centre = (self.share + z2 / (2 * self.count)) / (1 + z2 / self.count)
        spread = self.share * (1 - self.share) / self.count + z2 / (4 * self.count**2)
        margin = _Z95 * sqrt(spread) / (1 + z2 / self.count)
        return max(0.0, centre - margin), min(1.0, centre + margin)
