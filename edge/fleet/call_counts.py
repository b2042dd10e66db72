"""Counts what the calls of this device's models came to, for its gateway. Content-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from edge.engine.traffic import ANSWERED, CallAccount
from runtime.fleet.telemetry import CACHED, bucket, failed
from runtime.ids import ModelName

__all__ = ["CallCounts"]


class CallCounts:
    """Sums since the daemon started, by model."""

    def __init__(self) -> None:
        self._sums: dict[ModelName, Counter[str]] = {}

    def call_ended(self, model: ModelName, account: CallAccount) -> None:
        """Count a call, whoever made it."""
        sums = self._sums.setdefault(model, Counter())
        if account.cached_tokens:
            sums[CACHED] += account.cached_tokens
        if account.outcome != ANSWERED:
            sums[failed(account.outcome)] += 1
        if account.queued_s is not None:
            sums[bucket("queued_s", account.queued_s)] += 1
        if account.first_token_s is not None:
            sums[bucket("first_token_s", account.first_token_s)] += 1
        sums[bucket("total_s", account.total_s)] += 1

    def of(self, model: ModelName) -> Mapping[str, int]:
        """Return the sums of one model; a copy."""
        return dict(self._sums.get(model, {}))
