"""Estimate what a plan costs and how long it takes, before it runs.

Costs are upper bounds: every answer is taken as long as its step allows, every list as full,
every branch as taken. Latencies ignore that calls contend for one accelerator, and count what a
catalog has not measured as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from runtime.catalog.model import Catalog, Model
from runtime.graph.model import Draft, Graph, Step
from runtime.ids import StepId

__all__ = ["StepEstimate", "critical_path_s", "estimate_steps"]

_CHARACTERS_PER_TOKEN = 4
"""Rule of thumb for English under byte-pair vocabularies; instructions are short."""


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """What all calls of one step cost together, and how long they take side by side."""

    cost_usd: float
    latency_s: float


def estimate_steps(
    graph: Graph,
    models: Mapping[StepId, Model],
    catalog: Catalog,
    *,
    today: date,
    prompt_tokens: int,
) -> dict[StepId, StepEstimate]:
    """Estimate each step.

    Args:
        graph: The graph.
        models: Which model plays each step.
        catalog: Round trips of the models' nodes.
        today: The day whose prices count.
        prompt_tokens: Size of the request.

    Returns:
        One estimate per step. Samples and mapped items multiply the cost and not the time.
    """
    return {
        step.id: _estimate(
            step,
            models[step.id],
            round_trip_s=catalog.node_of(models[step.id]).round_trip_s,
            today=today,
            prompt_tokens=prompt_tokens + _answers_read(graph, step),
        )
        for step in graph.steps
    }


def critical_path_s(graph: Graph, latency_s: Mapping[StepId, float]) -> float:
    """Return the longest sum of latencies along any way from a source to the sink, seconds.

    Args:
        graph: The graph.
        latency_s: What each step takes by itself, estimated or measured.
    """
    finished_s: dict[StepId, float] = {}
    for step in graph.topological:
        started_s = max((finished_s[edge.source] for edge in graph.incoming[step.id]), default=0.0)
        finished_s[step.id] = started_s + latency_s[step.id]
    return max(finished_s.values(), default=0.0)


def _estimate(
    step: Step, model: Model, *, round_trip_s: float, today: date, prompt_tokens: int
) -> StepEstimate:
    prompt = prompt_tokens + -(-len(step.instruction) // _CHARACTERS_PER_TOKEN)
    completion = step.sampling.max_tokens
    per_call_usd = model.cost_usd(today, prompt_tokens=prompt, completion_tokens=completion)
    if step.draft is not None:
        per_call_usd = _drafted_usd(step.draft, model, today, prompt=prompt, completion=completion)
    return StepEstimate(
        cost_usd=per_call_usd * step.samples * _items(step),
        latency_s=round_trip_s
        + _seconds(prompt, model.prefill_tokens_per_s)
        + _seconds(completion, model.decode_tokens_per_s),
    )


def _drafted_usd(draft: Draft, model: Model, today: date, *, prompt: int, completion: int) -> float:
    """Return the most that a drafted answer costs: each call reads prompt and answer again.

    A draft that was wrong may be read twice, and its check writes one token in vain.
    """
    readings = draft.at_most * (2 if draft.keep_above is None else 1) + 1
    return model.cost_usd(
        today,
        prompt_tokens=readings * (prompt + completion),
        completion_tokens=completion + draft.at_most,
    )


def _answers_read(graph: Graph, step: Step) -> int:
    """Return the tokens of all predecessors' answers; the majority of samples is one answer."""
    sources = {edge.source for edge in graph.incoming[step.id]}
    return sum(
        graph.by_id[source].sampling.max_tokens * _items(graph.by_id[source]) for source in sources
    )


def _items(step: Step) -> int:
    return step.map_over.max_items if step.map_over else 1


def _seconds(tokens: int, tokens_per_s: float) -> float:
    return tokens / tokens_per_s if tokens_per_s > 0 else 0.0
