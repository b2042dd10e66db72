"""What is recorded of a call when it has ended; content-free."""

from datetime import datetime

from cloud.calls import Call
from cloud.stages import Outcome, micros
from cloud.stores.usage import UsageRecord

__all__ = ["usage_record"]


def usage_record(call: Call, outcome: Outcome, *, at: datetime) -> UsageRecord:
    """Return the record of a call that ended ``at`` a moment."""
    where, used = call.request.provenance, outcome.usage
    return UsageRecord(
        at=at,
        tenant=call.caller.tenant,
        caller_kind=call.caller.kind,
        caller=call.caller.id,
        model=call.request.model,
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
