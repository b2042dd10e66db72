"""A token bucket over all enrolment attempts, good and bad: guessing gets nowhere."""

from typing import Final

from runtime.clock import Clock
from runtime.errors import CapacityExhausted

__all__ = ["Pace"]

_MINUTE_S: Final = 60.0
_LONGEST_WAIT_S: Final = 60.0
"""So that a flood of bad attempts does not send good ones away for long."""


class Pace:
    """Admits so many attempts per minute, in bursts of at most that many.

    Who is refused is told to come back at a moment of its own, one after the other: a fleet that
    came at once, after a power cut say, does not come back at once.
    """

    def __init__(self, per_minute: int, *, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._at_s = clock.monotonic_s()
        self._promised_s = self._at_s

    def admit(self) -> None:
        """Count one attempt.

        Raises:
            CapacityExhausted: Too many; says how long to wait.
        """
        now_s = self._clock.monotonic_s()
        earned = (now_s - self._at_s) * self._per_minute / _MINUTE_S
        self._left = min(float(self._per_minute), self._left + earned)
        self._at_s = now_s
        if self._left < 1.0:
            wait_s = self._promise(now_s)
            raise CapacityExhausted("too many enrolment attempts", retry_after_s=wait_s)
        self._left -= 1.0

    def _promise(self, now_s: float) -> float:
        """Return how long the next to be refused is to wait, seconds."""
        turn_s = _MINUTE_S / self._per_minute
        soonest_s = now_s + (1.0 - self._left) * turn_s
        self._promised_s = max(self._promised_s + turn_s, soonest_s)
        if self._promised_s > now_s + _LONGEST_WAIT_S:
            self._promised_s = soonest_s  # turns are shared from here on
        return self._promised_s - now_s
