"""One configured model, in memory or not: how it is loaded, when it was used, why it is not there.

Plain data that ``edge.residency.resident`` changes; decides nothing.
"""

import asyncio
import copy
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.engine.options import EngineOptions
from edge.engine.process import ModelStatus
from edge.engine.traffic import Traffic
from runtime.clock import Clock
from runtime.errors import CapacityExhausted, LeewardError
from runtime.ids import ModelName

__all__ = ["ModelPlan", "Place"]

_FAILURE_KEPT_S: Final = 15.0
"""How long a model whose file cannot be used is not tried again unasked."""


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """How one model is loaded, and how long it stays."""

    file: Path
    options: EngineOptions
    sha256: str = ""
    keep_alive_s: float | None = None
    """Unloaded after so long without a call; ``None`` keeps it until the memory is needed."""
    is_loaded_at_start: bool = True


@dataclass(slots=True, eq=False)
class Place:
    """One model of the node."""

    name: ModelName
    plan: ModelPlan
    is_loaded: bool = False
    memory_bytes: int = 0
    """Its part of the budget; set aside before it is loaded."""
    open_calls: int = 0
    """Calls that need it, also those that still wait for it to be loaded."""
    last_used_s: float = 0.0
    last_used_at: datetime | None = None
    loading: asyncio.Task[None] | None = None
    last: ModelStatus | None = None
    """How it stood when it was unloaded."""
    _failure: LeewardError | None = None
    _failed_s: float = 0.0

    @property
    def takes_tensors(self) -> bool:
        """Whether it computes tensors, and writes no text."""
        return self.plan.options.takes_tensors

    @property
    def is_idle(self) -> bool:
        """Whether it is in memory and nobody needs it now."""
        return self.is_loaded and not self.open_calls

    @property
    def has_failed(self) -> bool:
        """Whether it could not be loaded for a reason of its own."""
        return self._failure is not None and not isinstance(self._failure, CapacityExhausted)

    def touch(self, clock: Clock) -> None:
        """Note that it is used."""
        self.last_used_s, self.last_used_at = clock.monotonic_s(), clock.now()

    def is_over(self, clock: Clock) -> bool:
        """Whether it has been idle for as long as it is kept."""
        keep_alive_s = self.plan.keep_alive_s
        if keep_alive_s is None or not self.is_idle:
            return False
        return clock.monotonic_s() - self.last_used_s >= keep_alive_s

    def fail(self, error: LeewardError, clock: Clock) -> None:
        """Note why it could not be loaded."""
        self._failure, self._failed_s = error, clock.monotonic_s()

    def replan(self, plan: ModelPlan) -> None:
        """Load it in another way from the next time on."""
        self.plan = plan
        self.forgive()

    def forgive(self) -> None:
        """Forget that it could not be loaded."""
        self._failure = None

    def refuse_retry(self, clock: Clock) -> None:
        """Refuse to try again so soon what a second attempt would not mend.

        Raises:
            LeewardError: The failure, if it is a lasting one and fresh.
        """
        failure = self._failure
        if failure is None or failure.retryable:
            return
        if clock.monotonic_s() - self._failed_s < _FAILURE_KEPT_S:
            self.require_loaded()

    def require_loaded(self) -> None:
        """Refuse unless the model is there.

        Raises:
            LeewardError: Why it is not.
        """
        if self.is_loaded:
            return
        if self._failure is None:
            raise CapacityExhausted(f"model {self.name} was unloaded before it could answer")
        # Each caller raises an error of its own: an exception gathers a traceback.
        raise copy.copy(self._failure)

    def status(self, running: ModelStatus | None) -> ModelStatus:
        """Return how it stands.

        Args:
            running: How its process stands, if it has one.
        """
        found = self._absent() if running is None else running
        return replace(found, memory_bytes=self.memory_bytes, last_used_at=self.last_used_at)

    def _absent(self) -> ModelStatus:
        last = self.last
        return ModelStatus(
            name=self.name,
            path=self.plan.file,
            state="failed" if self.has_failed else "unloaded",
            facts=last.facts if last else None,
            pid=None,
            open_calls=0,
            traffic=replace(last.traffic, running=0, waiting=0) if last else Traffic(),
            restarts=last.restarts if last else 0,
            last_failure=str(self._failure or (last.last_failure if last else "")),
        )
