"""Build the receipt of a run from what really happened in it. Content-free.

Knows outcomes and prices; decides nothing.
"""

from collections.abc import Sequence
from datetime import date

from runtime.catalog.model import Catalog
from runtime.executor.call import Drawn
from runtime.executor.events import Receipt, ReceiptStep
from runtime.executor.step import StepJob, StepOutcome
from runtime.executor.usage import total_usage
from runtime.ids import ModelName
from runtime.planner.model import Plan
from runtime.ports import FinishReason, Provenance, ReleaseRecord, Usage

__all__ = ["finish_reason_of", "receipt_of", "receipt_step_of"]


def receipt_step_of(
    job: StepJob, outcome: StepOutcome, *, catalog: Catalog, today: date
) -> ReceiptStep:
    """Write one step's line."""
    usages = (_priced(one, outcome.seat.model, catalog, today=today) for one in outcome.draws)
    progress = outcome.progress
    first_at_s = progress.first_token_at_s
    started_at_s = outcome.started_at_s
    answered_by = outcome.winners[0].completion.model if outcome.winners else None
    return ReceiptStep(
        step=job.step.id,
        role=job.step.role.value,
        node=outcome.seat.node,
        zone=outcome.seat.zone,
        model=answered_by or outcome.seat.model,
        form=job.planned.form,
        label=job.label,
        releases=job.provenance.releases,
        usage=total_usage(usages),
        first_token_s=0.0 if first_at_s is None else first_at_s - started_at_s,
        latency_s=outcome.finished_at_s - started_at_s,
        finish_reason=finish_reason_of(outcome.winners),
        calls=progress.calls,
        ledger_positions=tuple(sorted(progress.positions)),
        left_bytes=progress.left_bytes,
        fell_back_from=outcome.fell_back_from,
        person=outcome.person,
        drafted=next((one.drafted for one in outcome.draws if one.drafted is not None), None),
    )


def receipt_of(
    plan: Plan,
    provenance: Provenance,
    *,
    steps: Sequence[ReceiptStep],
    releases: Sequence[ReleaseRecord],
    left_the_edge: bool,
    latency_s: float,
) -> Receipt:
    """Write the receipt of a run.

    Args:
        plan: The plan that was run.
        provenance: Request and session.
        steps: Lines of the steps that ran, in the order in which they finished.
        releases: All releases that were applied.
        left_the_edge: Whether any content was, or may have been, sent to a cloud node.
        latency_s: From the start of the run to the end of its answer, seconds.
    """
    usage = total_usage(step.usage for step in steps)
    return Receipt(
        request_id=provenance.request_id,
        session_id=provenance.session_id,
        plan_id=plan.plan_id,
        graph=plan.graph.name,
        graph_hash=plan.graph_hash,
        label=plan.label,
        steps=tuple(steps),
        releases=tuple(releases),
        left_the_edge=left_the_edge,
        latency_s=latency_s,
        cost_usd=usage.cost_usd,
        usage=usage,
    )


def finish_reason_of(winners: Sequence[Drawn]) -> FinishReason:
    """Return why the answers ended: the first reason that is not a regular stop, if any."""
    reasons = (one.completion.finish_reason for one in winners)
    return next(
        (reason for reason in reasons if reason is not FinishReason.STOP), FinishReason.STOP
    )


def _priced(drawn: Drawn, model_name: ModelName, catalog: Catalog, *, today: date) -> Usage:
    """Return a call's usage with its cost: as reported, else from the catalog's prices."""
    usage = drawn.completion.usage
    model = catalog.model_by_name.get(model_name)
    if usage.cost_usd or model is None:
        return usage
    cost_usd = model.cost_usd(
        today,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
    )
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        cost_usd,
        usage.estimated,
    )
