"""Extra calls as a share of the calls that were asked for, so that they never become a storm.

Pure: told the time by a clock.
"""

from dataclasses import dataclass

from runtime.clock import Clock

__all__ = ["BudgetSettings", "ShareBudget"]


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """How many extra calls may be made."""

    share: float
    """Extra calls per call, over time."""
    reserve: float = 10.0
    """Extra calls that may be saved up, and that there are at the start."""
    per_s: float = 0.5
    """Extra calls per second on top, so that a quiet gateway can make some too."""


class ShareBudget:
    """A bucket that every call fills a little and every extra call empties by one.

    In any span of time at most ``reserve + share * calls + per_s * seconds`` extra calls are let
    through.
    """

    def __init__(self, settings: BudgetSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._left = settings.reserve
        self._filled_s = clock.monotonic_s()

    def note_call(self) -> None:
        """A call was asked for."""
        self._fill(self._settings.share)

    def take(self) -> bool:
        """Take leave for one extra call; ``False`` when there is none."""
        self._fill(0.0)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def _fill(self, amount: float) -> None:
        now_s = self._clock.monotonic_s()
        amount += (now_s - self._filled_s) * self._settings.per_s
        self._filled_s = now_s
        self._left = min(self._settings.reserve, self._left + amount)
