"""Outlier ejection: a provider that fails far more often than its peers is passed over.

A breaker judges a provider by itself; this one judges by comparison, so that when all fail alike
(our own network, a bad request) nobody is ejected. Never more than a bounded share is out at a
time, and an ejected provider still answers when nobody else can. Pure: told the time by a clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from runtime.clock import Clock

__all__ = ["EjectionSettings", "Ejections"]


@dataclass(frozen=True, slots=True)
class EjectionSettings:
    """Who is an outlier, and for how long."""

    interval_s: float = 10.0
    """How often providers are compared."""
    least_calls: int = 10
    """Calls in an interval below which a provider is not judged."""
    excess_share: float = 0.3
    """An outlier's share of failures is so much above that of the best peer."""
    eject_s: float = 30.0
    """First time out; grows by as much with every further one in a row."""
    longest_s: float = 300.0
    most_share: float = 0.5
    """At most this share of the providers is out at a time."""


@dataclass(slots=True)
class _Record:
    calls: int = 0
    failures: int = 0
    times: int = 0
    until_s: float = 0.0

    @property
    def failure_share(self) -> float:
        return self.failures / self.calls if self.calls else 0.0


class Ejections:
    """Which of a set of providers are out."""

    def __init__(self, names: Iterable[str], settings: EjectionSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._records = {name: _Record() for name in names}
        self._next_s = clock.monotonic_s() + settings.interval_s

    def is_out(self, name: str) -> bool:
        """Whether the provider is ejected now."""
        return self._records[name].until_s > self._clock.monotonic_s()

    def out(self) -> frozenset[str]:
        """Every provider that is ejected now."""
        return frozenset(name for name in self._records if self.is_out(name))

    def record(self, name: str, *, has_failed: bool) -> tuple[str, ...]:
        """Count a call's end; return those that are ejected because of it."""
        record = self._records[name]
        record.calls += 1
        record.failures += has_failed
        if self._clock.monotonic_s() < self._next_s:
            return ()
        return self._compare()

    def _compare(self) -> tuple[str, ...]:
        now_s = self._clock.monotonic_s()
        self._next_s = now_s + self._settings.interval_s
        judged = {
            name: record
            for name, record in self._records.items()
            if record.calls >= self._settings.least_calls and record.until_s <= now_s
        }
        outliers = self._outliers(judged)
        room = int(len(self._records) * self._settings.most_share) - len(self.out())
        ejected = tuple(outliers[: max(0, room)])
        for name in judged:
            record = self._records[name]
            if name in ejected:
                record.times += 1
                out_s = min(self._settings.eject_s * record.times, self._settings.longest_s)
                record.until_s = now_s + out_s
            elif name not in outliers:
                record.times = max(0, record.times - 1)
        for record in self._records.values():
            record.calls = record.failures = 0
        return ejected

    def _outliers(self, judged: dict[str, _Record]) -> list[str]:
        """Return the outliers, worst first; with no peer to compare with there is none."""
        if len(judged) < 2:
            return []
        best = min(record.failure_share for record in judged.values())
        found = [
            name
            for name, record in judged.items()
            if record.failure_share - best >= self._settings.excess_share
        ]
        return sorted(found, key=lambda name: -judged[name].failure_share)
