"""A token bucket over all enrolment attempts, good and bad: guessing gets nowhere.

And a bound on how many are served at the same time: who would wait longer than it is patient, and
so would have used its token up for nothing, is told at once to come back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

from runtime.clock import Clock
from runtime.errors import CapacityExhausted

__all__ = ["Pace", "Seats"]

_MINUTE_S: Final = 60.0
_LONGEST_WAIT_S: Final = 60.0
"""So that a flood of bad attempts does not send good ones away for long."""
_AT_ONCE: Final = 64
_SERVED_WITHIN_S: Final = 5.0
"""Generous: whoever has a seat is served in tenths of a second."""
_COME_BACK_S: Final = (1.0, 10.0)
"""When who found no room comes back, drawn evenly: some hundred a second are served meanwhile."""


class Seats:
    """Room for so many at the same time.

    Args:
        rng: Spreads those who come back.
        room: For how many.
    """

    def __init__(self, rng: Random, *, room: int = _AT_ONCE) -> None:
        self._rng = rng
        self._left = room

    @contextmanager
    def taken(self, left_s: float) -> Iterator[None]:
        """Take one while the block lasts.

        Args:
            left_s: How long the caller still waits, seconds.

        Raises:
            CapacityExhausted: None is left, or the caller might be gone before it has its answer;
                says when to come back.
        """
        if not self._left or left_s < _SERVED_WITHIN_S:
            wait_s = self._rng.uniform(*_COME_BACK_S)
            raise CapacityExhausted("too many devices enrol at once", retry_after_s=wait_s)
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


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
