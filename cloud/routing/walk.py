"""One call's way through its targets: which is next, when, and when there is none left.

Targets of equal priority share calls by weight; a later priority is asked when all before it
failed, are resting, or are kept out by their breaker. When each was tried, one may be repeated,
after a pause, if the retry budget has room. Knows no transport and makes no call.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from random import Random
from typing import Final

from cloud.routing.parts import RoutingParts
from cloud.routing.settings import RoutingSettings
from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import Target
from runtime.errors import CapacityExhausted, LeewardError, UpstreamUnavailable

__all__ = ["Walk", "backoff_s"]

_FINAL: Final = frozenset({Fault.REQUEST, Fault.DEADLINE})
"""Faults that the next target would show too."""
_REPEATABLE: Final = frozenset(
    {Fault.UNREACHABLE, Fault.STATUS, Fault.SILENT, Fault.CUT, Fault.RATE, Fault.BUSY}
)
"""Faults that may be gone a moment later at the same target."""
_LEAST_USEFUL_S: Final = 0.01
"""With less time left than this, no further attempt is begun."""


def backoff_s(settings: RoutingSettings, repeats: int, random: Random) -> float:
    """Return a pause before repeat ``repeats`` (from 0): full jitter, so that callers part."""
    longest_s = min(settings.backoff_s * 2 ** min(repeats, 30), settings.longest_backoff_s)
    return random.uniform(0.0, longest_s)


class Walk:
    """One call's parts.

    Args:
        targets: Those that can serve the call, in configured order; at least one.
        parts: What all calls share.
        deadline_s: When the caller's time is over, by the monotonic clock.
        model: What the caller asked for; for the error's text.
    """

    def __init__(
        self, targets: Sequence[Target], parts: RoutingParts, *, deadline_s: float, model: str
    ) -> None:
        self._targets = targets
        self._parts = parts
        self._deadline_s = deadline_s
        self._model = model
        self._tried: Counter[Target] = Counter()
        self._faults: dict[Target, Fault] = {}
        self._repeats = 0
        self._failure: UpstreamFailed | None = None

    @property
    def attempts(self) -> int:
        """How many were begun."""
        return self._tried.total()

    @property
    def left_s(self) -> float:
        """Time left of the caller's deadline, seconds."""
        return self._deadline_s - self._parts.clock.monotonic_s()

    def begun(self, target: Target) -> None:
        """An attempt at ``target`` begins."""
        self._tried[target] += 1

    def failed(self, target: Target, failure: UpstreamFailed) -> None:
        """An attempt failed; raise its error if no other attempt can do better."""
        self._failure = failure
        self._faults[target] = failure.fault
        if failure.fault in _FINAL:
            raise failure.error

    async def next(self, among: Sequence[Target] | None = None) -> Target:
        """Return where to go next, after a pause if it was tried before.

        Args:
            among: Only these, when not all can go on with what was begun.

        Raises:
            LeewardError: There is nowhere; the error of the last failure.
        """
        usable = self._targets if among is None else among
        if self.attempts >= self._parts.settings.max_attempts or self.left_s < _LEAST_USEFUL_S:
            raise self._nowhere()
        target = self.another(usable)
        if target is not None:
            return target
        return await self._repeated(usable)

    def another(self, usable: Sequence[Target] | None = None) -> Target | None:
        """Return the best target that was not tried yet and may be asked now, if there is one."""
        board = self._parts.board
        among = self._targets if usable is None else usable
        fresh = [t for t in among if not self._tried[t] and board.admits(t)]
        welcome = [t for t in fresh if not board.is_ejected(t)]
        return self._drawn(welcome) or self._drawn(fresh)

    async def _repeated(self, usable: Sequence[Target]) -> Target:
        parts = self._parts
        waits = {t: max(parts.board.rest_s(t), 0.0) for t in usable if self._may_repeat(t)}
        if not waits:
            raise self._nowhere()
        pause_s = max(min(waits.values()), backoff_s(parts.settings, self._repeats, parts.random))
        if pause_s > parts.settings.longest_backoff_s or pause_s + _LEAST_USEFUL_S > self.left_s:
            raise self._nowhere()
        if not parts.retries.take():
            raise self._nowhere()
        self._repeats += 1
        await asyncio.sleep(pause_s)
        found = self._drawn([t for t in waits if parts.board.admits(t)])
        if found is None:
            raise self._nowhere()
        return found

    def _may_repeat(self, target: Target) -> bool:
        if not self._parts.board.breakers[target.upstream].admits:
            return False
        # One that was never tried is here because it rests.
        return not self._tried[target] or self._faults.get(target) in _REPEATABLE

    def _drawn(self, targets: Sequence[Target]) -> Target | None:
        """Draw one of the best priority, by weight; one that is full only if all of them are."""
        for _, tier in groupby(sorted(targets, key=_priority), key=_priority):
            equals = list(tier)
            free = [t for t in equals if not self._parts.board.is_full(t)] or equals
            if len(free) == 1:
                return free[0]
            return self._parts.random.choices(free, [t.weight for t in free])[0]
        return None

    def _nowhere(self) -> LeewardError:
        """Return what the caller is told: when to come back if that is known, else what failed."""
        board = self._parts.board
        if all(board.is_limited(target) for target in self._targets):
            reason = f"every upstream of model {self._model} limits our rate"
            rests = [board.rest_s(target) for target in self._targets]
            return CapacityExhausted(reason, retry_after_s=min(rests))
        if self._failure is not None:
            return self._failure.error
        return UpstreamUnavailable(f"no upstream of model {self._model} can be asked now")


def _priority(target: Target) -> int:
    return target.priority
