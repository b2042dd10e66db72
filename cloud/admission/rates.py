"""Limits of rate and concurrency, kept in the memory of one replica.

Guaranteed: a replica hands out at most its share, ``limit / replicas``, per minute, with a burst of
one minute's share, and at least one call at once. So the sum over replicas keeps the limit as soon
as every replica knows how many there are, which takes one heartbeat after one comes or goes;
traffic that favours one replica is slowed down early, never late. A call larger than a share is
admitted when the share is whole, and the next one waits until it is paid for.

Kept in memory and not in the store because a limit of rate exists to turn floods away cheaply: a
refused call costs no transaction. Budgets, where a cent too much is a broken promise, are in the
store.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cloud.admission.buckets import TokenBucket
from cloud.admission.rules import Limit, Matcher
from cloud.admission.scopes import Subject
from runtime.clock import Clock
from runtime.errors import CapacityExhausted, RequestInvalid

__all__ = ["RateGate", "Slot"]

_SWEEP_AT: Final = 10_000
_CONCURRENCY_RETRY_S: Final = 1.0
"""When a place comes free is not known; this is when it is worth asking again."""


class _Meter:
    """What one part of one limit has handed out."""

    __slots__ = ("open_calls", "requests", "tokens")

    def __init__(self) -> None:
        self.requests: TokenBucket | None = None
        self.tokens: TokenBucket | None = None
        self.open_calls = 0

    def is_idle(self, now_s: float) -> bool:
        """Whether a fresh one would say the same."""
        buckets = [bucket for bucket in (self.requests, self.tokens) if bucket is not None]
        return not self.open_calls and all(bucket.is_full(now_s=now_s) for bucket in buckets)


@dataclass(slots=True)
class Slot:
    """One admitted call, until it is released."""

    meters: Sequence[_Meter]
    tokens: int

    def release(self, used_tokens: int) -> None:
        """Free the call's place and give back the tokens that it did not use."""
        for meter in self.meters:
            meter.open_calls -= 1
            if meter.tokens is not None:
                meter.tokens.give_back(self.tokens - used_tokens)
        self.meters = ()

    def undo(self) -> None:
        """Give everything back: the call was refused elsewhere and never made."""
        for meter in self.meters:
            if meter.requests is not None:
                meter.requests.give_back(1)
        self.release(0)


class RateGate:
    """Admits calls while every limit that they count towards has room.

    Args:
        clock: What the buckets fill by.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._limits: Matcher[Limit] = Matcher()
        self._replicas = 1
        self._meters: dict[tuple[str, str], _Meter] = {}

    def configure(self, limits: Iterable[Limit], *, replicas: int) -> None:
        """Take over changed limits, or another number of replicas; what was used stays used."""
        self._limits = Matcher(limits)
        self._replicas = max(1, replicas)
        known = {limit.name for limit in self._limits.rules}
        self._meters = {key: meter for key, meter in self._meters.items() if key[0] in known}

    @property
    def tracked(self) -> int:
        """How many parts of limits are remembered now."""
        return len(self._meters)

    def admit(self, subject: Subject, tokens: int) -> Slot:
        """Count a call that may use ``tokens``; all limits or none.

        Raises:
            CapacityExhausted: A limit is reached; says how long to wait.
            RequestInvalid: The call can use more in one go than a limit allows in a minute.
        """
        limits = self._limits.matching(subject)
        if not limits:
            return Slot((), tokens)
        now_s = self._clock.monotonic_s()
        if len(self._meters) > _SWEEP_AT:
            self._forget_idle(now_s)
        meters = [self._meter(limit, subject, now_s) for limit in limits]
        for limit, meter in zip(limits, meters, strict=True):
            self._check(limit, meter, tokens, now_s)
        for meter in meters:
            meter.open_calls += 1
            if meter.requests is not None:
                meter.requests.take(1, now_s=now_s)
            if meter.tokens is not None:
                meter.tokens.take(tokens, now_s=now_s)
        return Slot(meters, tokens)

    def _check(self, limit: Limit, meter: _Meter, tokens: int, now_s: float) -> None:
        if limit.max_concurrent is not None:
            share = max(1, limit.max_concurrent // self._replicas)
            if meter.open_calls >= share:
                reason = f'limit "{limit.name}": as many calls as it allows are open'
                raise CapacityExhausted(reason, retry_after_s=_CONCURRENCY_RETRY_S)
        if limit.tokens_per_minute is not None and tokens > limit.tokens_per_minute:
            reason = f'this call may use more tokens than limit "{limit.name}" allows in a minute'
            raise RequestInvalid(f"{reason}; shorten it or lower max_tokens", field="max_tokens")
        wait_s = 0.0
        if meter.requests is not None:
            wait_s = meter.requests.wait_s(1, now_s=now_s)
        if meter.tokens is not None:
            wait_s = max(wait_s, meter.tokens.wait_s(tokens, now_s=now_s))
        if wait_s > 0:
            raise CapacityExhausted(f'limit "{limit.name}" is reached', retry_after_s=wait_s)

    def _meter(self, limit: Limit, subject: Subject, now_s: float) -> _Meter:
        key = (limit.name, limit.scope.part_of(subject))
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = _Meter()
        meter.requests = self._paced(meter.requests, limit.requests_per_minute, now_s)
        meter.tokens = self._paced(meter.tokens, limit.tokens_per_minute, now_s)
        return meter

    def _paced(
        self, bucket: TokenBucket | None, per_minute: int | None, now_s: float
    ) -> TokenBucket | None:
        if per_minute is None:
            return None
        share = per_minute / self._replicas
        if bucket is None:
            return TokenBucket(share, now_s=now_s)
        if bucket.per_minute != share:
            bucket.resize(share, now_s=now_s)
        return bucket

    def _forget_idle(self, now_s: float) -> None:
        self._meters = {
            key: meter for key, meter in self._meters.items() if not meter.is_idle(now_s)
        }
