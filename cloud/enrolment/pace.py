"""A token bucket over all enrolment attempts, good and bad: guessing gets nowhere."""

from runtime.clock import Clock
from runtime.errors import CapacityExhausted

__all__ = ["Pace"]

_MINUTE_S = 60.0


class Pace:
    """Admits so many attempts per minute, in bursts of at most that many."""

    def __init__(self, per_minute: int, *, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._at_s = clock.monotonic_s()

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
            wait_s = (1.0 - self._left) * _MINUTE_S / self._per_minute
            raise CapacityExhausted("too many enrolment attempts", retry_after_s=wait_s)
        self._left -= 1.0
