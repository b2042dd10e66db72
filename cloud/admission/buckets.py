"""A token bucket: how fast something may be used, with a burst of one minute.

Pure: the time is an argument, in seconds that never run backwards. In any span of ``t`` seconds at
most ``per_minute * (1 + t / 60)`` is handed out, and one amount larger than the bucket beyond that:
it is given out of a full bucket, which then owes the rest before it gives again.
"""

from typing import Final

__all__ = ["TokenBucket"]

_MINUTE_S: Final = 60.0
_ROUNDING: Final = 1e-9
"""Share of the bucket that floating point may be off by: who waited as told is not sent away."""


class TokenBucket:
    """Fills evenly up to one minute's worth.

    Args:
        per_minute: What it gains in a minute, and the most that it holds; more than 0.
        now_s: When it starts, full.
    """

    __slots__ = ("_level", "_seen_s", "per_minute")

    def __init__(self, per_minute: float, *, now_s: float) -> None:
        self.per_minute = per_minute
        self._level = per_minute
        self._seen_s = now_s

    def wait_s(self, amount: float, *, now_s: float) -> float:
        """Return how long until ``amount`` may be taken, 0 when it may; seconds."""
        self._fill(now_s)
        missing = min(amount, self.per_minute) - self._level
        if missing <= self.per_minute * _ROUNDING:
            return 0.0
        return missing * _MINUTE_S / self.per_minute

    def take(self, amount: float, *, now_s: float) -> None:
        """Take ``amount``; the caller has asked :meth:`wait_s`."""
        self._fill(now_s)
        self._level -= amount

    def give_back(self, amount: float) -> None:
        """Return what was taken and not used, or take more if negative; never beyond full."""
        self._level = min(self.per_minute, self._level + amount)

    def resize(self, per_minute: float, *, now_s: float) -> None:
        """Change the pace; what is there counts on in proportion, so that no change is a gift."""
        self._fill(now_s)
        self._level *= per_minute / self.per_minute
        self.per_minute = per_minute

    def is_full(self, *, now_s: float) -> bool:
        """Whether nothing has been used for so long that the bucket may be forgotten."""
        self._fill(now_s)
        return self._level >= self.per_minute

    def _fill(self, now_s: float) -> None:
        if now_s > self._seen_s:
            gained = (now_s - self._seen_s) * self.per_minute / _MINUTE_S
            self._level = min(self.per_minute, self._level + gained)
            self._seen_s = now_s
