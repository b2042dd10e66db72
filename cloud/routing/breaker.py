"""A circuit breaker: a provider that fails is left alone for a while, then asked once.

Pure: told the time by a clock, drawing its jitter from a seeded generator, calling nobody.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from runtime.clock import Clock

__all__ = ["Breaker", "BreakerSettings", "BreakerState", "Permit"]

_BUCKETS: Final = 10
_JITTER: Final = 0.2


class BreakerState(Enum):
    """Whether calls pass."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    """One call at a time tries whether the provider has recovered."""
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, and for how long."""

    failures_in_a_row: int = 5
    failure_share: float = 0.5
    """Opens when so many of the calls in the window failed, ..."""
    least_calls: int = 20
    """... if there were at least so many."""
    window_s: float = 10.0
    open_s: float = 2.0
    """First time open; doubles with every probe that fails."""
    longest_open_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one call; its result counts only for the state that it was given in."""

    generation: int
    is_probe: bool


@dataclass(slots=True)
class _Bucket:
    until_s: float
    calls: int = 0
    failures: int = 0


class Breaker:
    """The breaker of one provider."""

    def __init__(self, settings: BreakerSettings, clock: Clock, random: Random) -> None:
        self._settings = settings
        self._clock = clock
        self._random = random
        self._generation = 0
        self._in_a_row = 0
        self._buckets: deque[_Bucket] = deque()
        self._opened_times = 0
        self._open_until_s: float | None = None
        self._is_probing = False
        self._is_held = False

    @property
    def state(self) -> BreakerState:
        """The state now."""
        if self._open_until_s is None:
            return BreakerState.CLOSED
        if self._clock.monotonic_s() < self._open_until_s:
            return BreakerState.OPEN
        return BreakerState.HALF_OPEN

    @property
    def admits(self) -> bool:
        """Whether a call that came now would pass."""
        state = self.state
        return state is BreakerState.CLOSED or (
            state is BreakerState.HALF_OPEN and not self._is_probing
        )

    @property
    def open_left_s(self) -> float:
        """Seconds until a call may pass again; 0 when one may now."""
        if self._open_until_s is None:
            return 0.0
        return max(0.0, self._open_until_s - self._clock.monotonic_s())

    def enter(self) -> Permit | None:
        """Let a call pass, or return ``None``; every permit is given back by one call below."""
        if not self.admits:
            return None
        is_probe = self._open_until_s is not None
        self._is_probing = is_probe
        return Permit(self._generation, is_probe)

    def answered(self, permit: Permit) -> None:
        """The provider began to answer: a probe has shown enough, long before its stream ends."""
        if permit.is_probe and permit.generation == self._generation:
            self._close()

    def succeeded(self, permit: Permit) -> None:
        """The call ended well."""
        if permit.generation != self._generation:
            return
        if permit.is_probe:
            self._close()
            return
        self._in_a_row = 0
        self._count(failures=0)

    def failed(self, permit: Permit) -> None:
        """The call failed by the provider's fault."""
        if permit.generation != self._generation:
            return
        if permit.is_probe:
            self._open()
            return
        self._in_a_row += 1
        self._count(failures=1)
        if self._in_a_row >= self._settings.failures_in_a_row or self._fails_too_often():
            self._open()

    def forgotten(self, permit: Permit) -> None:
        """The call says nothing about the provider: cancelled, or refused for its content."""
        if permit.is_probe and permit.generation == self._generation:
            self._is_probing = False

    def trip(self, permit: Permit) -> None:
        """The call failed in a way that every other will: open at once."""
        if permit.generation == self._generation:
            self._open()

    def hold(self) -> None:
        """Stay open for another turn: somebody else saw that the provider is still away."""
        if self._open_until_s is not None and not self._is_probing:
            self._open()
            self._is_held = True

    def release(self) -> None:
        """Let a call try now, if it is open only because somebody held it."""
        if self._is_held and self._open_until_s is not None:
            self._open_until_s = self._clock.monotonic_s()
            self._is_held = False

    def _open(self) -> None:
        self._generation += 1
        self._is_held = False
        doubled = self._settings.open_s * 2 ** min(self._opened_times, 30)
        longest_s = min(doubled, self._settings.longest_open_s)
        # Jitter, so that replicas of the gateway do not probe in step.
        pause_s = longest_s * self._random.uniform(1 - _JITTER, 1 + _JITTER)
        self._open_until_s = self._clock.monotonic_s() + pause_s
        self._opened_times += 1
        self._is_probing = False

    def _close(self) -> None:
        self._generation += 1
        self._is_held = False
        self._open_until_s = None
        self._opened_times = 0
        self._is_probing = False
        self._in_a_row = 0
        self._buckets.clear()

    def _count(self, *, failures: int) -> None:
        now_s = self._clock.monotonic_s()
        if not self._buckets or self._buckets[-1].until_s <= now_s:
            self._buckets.append(_Bucket(now_s + self._settings.window_s / _BUCKETS))
        self._buckets[-1].calls += 1
        self._buckets[-1].failures += failures
        while self._buckets[0].until_s <= now_s - self._settings.window_s:
            self._buckets.popleft()

    def _fails_too_often(self) -> bool:
        calls = sum(bucket.calls for bucket in self._buckets)
        failures = sum(bucket.failures for bucket in self._buckets)
        return (
            calls >= self._settings.least_calls and failures >= calls * self._settings.failure_share
        )
