"""What is known of the providers right now: who is open, ejected, resting, full, how fast.

One board per gateway process, shared by all calls. It is told how attempts ended and asked where
the next may go; it makes no call itself.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from cloud.routing.breaker import Breaker, BreakerState, Permit
from cloud.routing.ejection import Ejections
from cloud.routing.latency import LatencyWindow
from cloud.routing.metrics import UpstreamMetrics
from cloud.routing.settings import RoutingSettings
from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import Target
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.clock import Clock

__all__ = ["Board", "End"]

_logger = logging.getLogger("leeward.cloud.upstreams")
_RATE_REST_S: Final = 1.0
"""How long a target rests that limits our rate without saying for how long."""
_MISSING_REST_S: Final = 30.0
"""How long a target rests whose provider knows no such model."""
_BROKEN: Final = frozenset(
    {Fault.UNREACHABLE, Fault.STATUS, Fault.SILENT, Fault.CUT, Fault.GARBAGE, Fault.KEY}
)
"""Faults that say something about the provider as a whole."""


@dataclass(frozen=True, slots=True)
class _Rest:
    until_s: float
    why: Fault


class End(Enum):
    """How an attempt ended, other than by a fault; the value is the metric's label."""

    WHOLE = "ok"
    CANCELLED = "cancelled"
    """The caller went away, or another attempt was faster."""


class Board:
    """The live state of every provider and target."""

    def __init__(
        self,
        upstreams: Mapping[str, OpenAIUpstream],
        settings: RoutingSettings,
        metrics: UpstreamMetrics,
        *,
        clock: Clock,
        random: Random,
    ) -> None:
        self.upstreams = upstreams
        self._metrics = metrics
        self._clock = clock
        self.breakers = {name: Breaker(settings.breaker, clock, random) for name in upstreams}
        self.ejections = Ejections(upstreams, settings.ejection, clock)
        self._latencies: defaultdict[Target, LatencyWindow] = defaultdict(LatencyWindow)
        self._rests: dict[Target, _Rest] = {}
        for name in upstreams:
            metrics.show_breaker(name, BreakerState.CLOSED)

    def admits(self, target: Target) -> bool:
        """Whether a call may go to ``target`` now."""
        return self.breakers[target.upstream].admits and not self.rest_s(target)

    def is_ejected(self, target: Target) -> bool:
        """Whether its provider fails far more often than its peers."""
        return self.ejections.is_out(target.upstream)

    def is_full(self, target: Target) -> bool:
        """Whether a call would have to wait for a place."""
        return self.upstreams[target.upstream].slots.is_full

    def rest_s(self, target: Target) -> float:
        """How long the provider asked to be left alone, seconds from now."""
        rest = self._rests.get(target)
        if rest is None:
            return 0.0
        left_s = rest.until_s - self._clock.monotonic_s()
        if left_s <= 0:
            del self._rests[target]
            return 0.0
        return left_s

    def is_limited(self, target: Target) -> bool:
        """Whether ``target`` rests because its provider limits our rate."""
        return self.rest_s(target) > 0 and self._rests[target].why is Fault.RATE

    def slow_s(self, target: Target) -> float | None:
        """After how long without a token ``target`` is slow; ``None`` until enough is known."""
        return self._latencies[target].slow_s

    def enter(self, target: Target) -> Permit | None:
        """Ask the provider's breaker for leave to make a call."""
        permit = self.breakers[target.upstream].enter()
        self._show(target.upstream)
        return permit

    def answered(self, target: Target, permit: Permit, first_token_s: float) -> None:
        """The first token of an attempt came."""
        self._latencies[target].note(first_token_s)
        self._metrics.observe_first_token(target.upstream, first_token_s)
        self.breakers[target.upstream].answered(permit)
        self._show(target.upstream)

    def ended(self, target: Target, permit: Permit, end: End) -> None:
        """An attempt ended by no fault."""
        name = target.upstream
        self._metrics.count_attempt(name, end.value)
        if end is End.WHOLE:
            self.breakers[name].succeeded(permit)
            self._record(name, has_failed=False)
        else:
            self.breakers[name].forgotten(permit)
        self._show(name)

    def failed(
        self, target: Target, permit: Permit, failure: UpstreamFailed, *, says_much: bool = False
    ) -> None:
        """An attempt failed.

        Args:
            target: Where.
            permit: What the breaker gave for it.
            failure: How.
            says_much: Whether a ``DEADLINE`` is the provider's fault: it was given a fair time.
        """
        name, fault = target.upstream, failure.fault
        self._metrics.count_attempt(name, fault.value)
        self._rest(target, failure)
        breaker = self.breakers[name]
        is_broken = fault in _BROKEN or (fault is Fault.DEADLINE and says_much)
        if fault is Fault.KEY:
            _logger.error("upstream_refuses_key", extra={"upstream": name})
            breaker.trip(permit)
        elif is_broken:
            breaker.failed(permit)
        else:
            breaker.forgotten(permit)
        if is_broken:
            self._record(name, has_failed=True)
        self._show(name)
        extra = {"upstream": name, "reason": fault.value, "state": breaker.state.value}
        _logger.warning("upstream_failed", extra=extra)

    def _rest(self, target: Target, failure: UpstreamFailed) -> None:
        rest_s = failure.retry_after_s
        if rest_s is None and failure.fault is Fault.RATE:
            rest_s = _RATE_REST_S
        if failure.fault is Fault.MISSING:
            extra = {"upstream": target.upstream, "model": target.upstream_model}
            _logger.error("upstream_has_no_model", extra=extra)
            rest_s = _MISSING_REST_S
        if rest_s:
            self._rests[target] = _Rest(self._clock.monotonic_s() + rest_s, failure.fault)

    def _record(self, name: str, *, has_failed: bool) -> None:
        for outlier in self.ejections.record(name, has_failed=has_failed):
            self._metrics.count_ejection(outlier)
            _logger.warning("upstream_ejected", extra={"upstream": outlier})

    def _show(self, name: str) -> None:
        self._metrics.show_breaker(name, self.breakers[name].state)
        self._metrics.show_in_flight(name, self.upstreams[name].slots.in_flight)
