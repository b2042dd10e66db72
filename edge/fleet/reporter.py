"""What this device tells its gateway: what is new since the last report that was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Final

from edge.engine.process import ModelState, ModelStatus
from edge.fleet.usage_journal import UsageJournal
from runtime.fleet.report import (
    HostReport,
    ModelHealth,
    ModelReport,
    StateReport,
    SyncReport,
    UsageReport,
)
from runtime.fleet.telemetry import RESTARTS
from runtime.ids import ModelName
from runtime.ledger.entry import Head

__all__ = ["Reporter"]

_ROOM_CHANGE: Final = 0.1
_LEAST_MIB: Final = 16
"""Room is told again when it has changed by more than that share, and by more than that."""
_SPEED_CHANGE: Final = 0.2
"""A speed is told again when it has changed by more than this share."""


class Reporter:
    """Makes reports, and remembers what the gateway knows.

    Args:
        models: How the models stand.
        state: How the device stands with its desired state.
        labels: Of the device's own configuration.
        version: Of this software.
        journal: Keeps the calls that were not told yet.
        head: Returns the newest entry of the ledger, which the gateway is to have seen.
        counts: Returns what the calls of a model came to since this process started.
        host: Returns how much room the device has, given what its models take, bytes.
    """

    def __init__(
        self,
        *,
        models: Callable[[], tuple[ModelStatus, ...]],
        state: Callable[[], StateReport],
        labels: Mapping[str, str],
        version: str,
        journal: UsageJournal,
        head: Callable[[], Head | None] = lambda: None,
        counts: Callable[[ModelName], Mapping[str, int]] = lambda _: {},
        host: Callable[[int], HostReport] | None = None,
    ) -> None:
        self._models = models
        self._state = state
        self._labels = labels
        self._version = version
        self._journal = journal
        self._head = head
        self._counts = counts
        self._host = host
        self._told_host: HostReport | None = None
        self._pending_host: HostReport | None = None
        self._is_known = False
        self._told_models: dict[ModelName, ModelReport] = {}
        self._pending: dict[ModelName, ModelReport] = {}

    async def note(self) -> None:
        """Write down what was called since the last time, for a report that may be far away.

        Raises:
            OSError: It cannot be written.
        """
        await asyncio.to_thread(self._journal.note, self._totals(self._models()))

    async def next(self) -> SyncReport:
        """Return the next report; an earlier one that was not answered is in it.

        Raises:
            OSError: What is to be told cannot be written down first.
        """
        statuses = self._models()
        models = {status.name: _model(status) for status in statuses}
        self._pending = models
        await asyncio.to_thread(self._journal.note, self._totals(statuses))
        batch = await asyncio.to_thread(self._journal.next)
        return SyncReport(
            state=self._state(),
            is_complete=not self._is_known,
            software_version="" if self._is_known else self._version,
            labels={} if self._is_known else self._labels,
            models=tuple(
                model
                for name, model in models.items()
                if not self._is_known or _differs(model, self._told_models.get(name))
            ),
            batch=batch,
            usage_dropped=self._journal.dropped,
            host=await self._changed_host(statuses),
            head=self._head(),
        )

    async def answered(self, *, wants_complete: bool) -> None:
        """Note that the newest report has arrived, or that the gateway kept nothing of it.

        Raises:
            OSError: That cannot be written down.
        """
        self._is_known = not wants_complete
        if wants_complete:
            return
        await asyncio.to_thread(self._journal.answered)
        if self._pending_host is not None:
            self._told_host = self._pending_host
        for name, model in self._pending.items():
            if _differs(model, self._told_models.get(name)):
                self._told_models[name] = model

    def _totals(self, statuses: tuple[ModelStatus, ...]) -> list[UsageReport]:
        return [_total(status, self._counts(status.name)) for status in statuses]

    async def _changed_host(self, statuses: tuple[ModelStatus, ...]) -> HostReport | None:
        """Return how much room there is, where the gateway does not know it well enough."""
        self._pending_host = None
        if self._host is None:
            return None
        taken = sum(status.memory_bytes for status in statuses)
        found = await asyncio.to_thread(self._host, taken)
        if not self._is_known or self._told_host is None or _is_other(found, self._told_host):
            self._pending_host = found
        return self._pending_host


def _is_other(found: HostReport, told: HostReport) -> bool:
    pairs = zip(astuple(found), astuple(told), strict=True)
    return any(abs(now - then) > max(_ROOM_CHANGE * then, _LEAST_MIB) for now, then in pairs)


def _model(status: ModelStatus) -> ModelReport:
    traffic = status.traffic
    speed = 0.0
    if traffic.answered and traffic.slot_s > 0:
        speed = traffic.completion_tokens / traffic.answered / traffic.slot_s
    return ModelReport(status.name, _HEALTHS.get(status.state, ModelHealth.FAILED), speed)


_HEALTHS: Final[Mapping[ModelState, ModelHealth]] = {
    "ready": ModelHealth.SERVING,
    "unloaded": ModelHealth.UNLOADED,
    "loading": ModelHealth.UNLOADED,
    "unloading": ModelHealth.UNLOADED,
}


def _differs(model: ModelReport, told: ModelReport | None) -> bool:
    if told is None or told.health is not model.health:
        return True
    known = told.decode_tokens_per_s
    return abs(model.decode_tokens_per_s - known) > _SPEED_CHANGE * known


def _total(status: ModelStatus, counts: Mapping[str, int]) -> UsageReport:
    traffic = status.traffic
    return UsageReport(
        status.name,
        calls=traffic.answered + traffic.failed,
        failures=traffic.failed,
        prompt_tokens=traffic.prompt_tokens,
        completion_tokens=traffic.completion_tokens,
        counts={**counts, RESTARTS: status.restarts},
    )
