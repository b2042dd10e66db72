"""What this device tells its gateway: what is new since the last report that was answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from edge.engine.process import ModelState, ModelStatus
from runtime.fleet.report import (
    ModelHealth,
    ModelReport,
    StateReport,
    SyncReport,
    UsageReport,
)
from runtime.ids import ModelName
from runtime.ledger.entry import Head

__all__ = ["Reporter"]

_SPEED_CHANGE: Final = 0.2
"""A speed is told again when it has changed by more than this share."""


class Reporter:
    """Makes reports, and remembers what the gateway knows.

    Args:
        models: How the models stand.
        state: How the device stands with its desired state.
        labels: Of the device's own configuration.
        version: Of this software.
        head: Returns the newest entry of the ledger, which the gateway is to have seen.
    """

    def __init__(
        self,
        *,
        models: Callable[[], tuple[ModelStatus, ...]],
        state: Callable[[], StateReport],
        labels: Mapping[str, str],
        version: str,
        head: Callable[[], Head | None] = lambda: None,
    ) -> None:
        self._models = models
        self._state = state
        self._labels = labels
        self._version = version
        self._head = head
        self._is_known = False
        self._told_models: dict[ModelName, ModelReport] = {}
        self._told_usage: dict[ModelName, UsageReport] = {}
        self._pending: tuple[dict[ModelName, ModelReport], dict[ModelName, UsageReport]] = ({}, {})

    def next(self) -> SyncReport:
        """Return the next report; an earlier one that was not answered is in it."""
        statuses = self._models()
        models = {status.name: _model(status) for status in statuses}
        totals = {status.name: _total(status) for status in statuses}
        self._pending = (models, totals)
        usage = (_since(total, self._told_usage.get(name)) for name, total in totals.items())
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
            usage=tuple(one for one in usage if one.calls or one.prompt_tokens),
            head=self._head(),
        )

    def answered(self, *, wants_complete: bool) -> None:
        """Note that the newest report has arrived, or that the gateway kept nothing of it."""
        self._is_known = not wants_complete
        if wants_complete:
            return
        models, totals = self._pending
        self._told_usage.update(totals)
        for name, model in models.items():
            if _differs(model, self._told_models.get(name)):
                self._told_models[name] = model


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


def _total(status: ModelStatus) -> UsageReport:
    traffic = status.traffic
    return UsageReport(
        status.name,
        calls=traffic.answered + traffic.failed,
        failures=traffic.failed,
        prompt_tokens=traffic.prompt_tokens,
        completion_tokens=traffic.completion_tokens,
    )


def _since(total: UsageReport, told: UsageReport | None) -> UsageReport:
    if told is None:
        return total
    return UsageReport(
        total.model,
        calls=max(total.calls - told.calls, 0),
        failures=max(total.failures - told.failures, 0),
        prompt_tokens=max(total.prompt_tokens - told.prompt_tokens, 0),
        completion_tokens=max(total.completion_tokens - told.completion_tokens, 0),
    )
