"""Admission without limits: every call passes, and is recorded when it has ended."""

from cloud.calls import Call
from cloud.stages import Outcome, WorstCase, micros
from cloud.stores.usage import UsageRecord, UsageStore
from runtime.clock import Clock

__all__ = ["Metering"]


class Metering:
    """Writes one usage record for each call."""

    def __init__(self, usage: UsageStore, clock: Clock) -> None:
        self._usage = usage
        self._clock = clock

    async def reserve(self, call: Call, worst: WorstCase) -> "MeteredCall":
        """Let the call pass."""
        return MeteredCall(call, self._usage, self._clock)


class MeteredCall:
    """A call that will be recorded once."""

    def __init__(self, call: Call, usage: UsageStore, clock: Clock) -> None:
        self._call = call
        self._usage = usage
        self._clock = clock
        self._is_settled = False

    async def settle(self, outcome: Outcome) -> None:
        """Write the record durably; a second time does nothing."""
        if self._is_settled:
            return
        self._is_settled = True
        where, used = self._call.request.provenance, outcome.usage
        await self._usage.record(
            UsageRecord(
                at=self._clock.now(),
                tenant=self._call.caller.tenant,
                caller_kind=self._call.caller.kind,
                caller=self._call.caller.id,
                model=self._call.request.model,
                graph=where.graph if where else "",
                request_id=where.request_id if where else "",
                plan_id=where.plan_id if where else "",
                step_id=where.step_id if where else "",
                status=outcome.status,
                prompt_tokens=used.prompt_tokens,
                completion_tokens=used.completion_tokens,
                cost_micros=micros(used.cost_usd),
                estimated=used.estimated,
                cache_hit=outcome.cache_hit,
                latency_s=outcome.latency_s,
            )
        )
