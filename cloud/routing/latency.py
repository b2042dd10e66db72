"""How long a target usually takes to its first token, from the last calls. Pure."""

from collections import deque
from typing import Final

__all__ = ["LatencyWindow"]

_KEPT: Final = 128
_LEAST: Final = 20
_RECOMPUTED_EVERY: Final = 16


class LatencyWindow:
    """The first-token times of one target's last calls."""

    def __init__(self, quantile: float = 0.95) -> None:
        self._quantile = quantile
        self._seconds: deque[float] = deque(maxlen=_KEPT)
        self._since = 0
        self._slow_s: float | None = None

    def note(self, seconds: float) -> None:
        """Add one call's time."""
        self._seconds.append(seconds)
        self._since += 1
        if len(self._seconds) < _LEAST:
            return
        if self._slow_s is None or self._since >= _RECOMPUTED_EVERY:
            ordered = sorted(self._seconds)
            self._slow_s = ordered[min(len(ordered) - 1, int(len(ordered) * self._quantile))]
            self._since = 0

    @property
    def slow_s(self) -> float | None:
        """What all but the slowest calls stay below; ``None`` until enough were seen."""
        return self._slow_s
