"""A brief as the JSON data of a prompt: numbers, constants and labels, nothing else.

Every string in the result is a key of ours, the value of an enumeration, or comes from ``Labels``.
A property test walks the result and holds it to that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final

from optimizer.agents.labels import Labels
from optimizer.agents.model import (
    Estimate,
    Ground,
    InitBrief,
    RevisionBrief,
    Scored,
    Shape,
    edge_present,
)

__all__ = ["HISTORY", "init_facts", "revision_facts", "vector_ids"]

Json = dict[str, object]

HISTORY: Final = 6
"""How many earlier graphs a prompt shows: enough to see a trend, short enough to pay for."""


def init_facts(brief: InitBrief, labels: Labels) -> Json:
    """Return what the agent may know when it picks model-count vectors."""
    ids = vector_ids(brief)
    return {
        **_ground(brief.ground, labels),
        "candidates": {
            name: _counts(counts, labels) for name, counts in zip(ids, brief.vectors, strict=True)
        },
        "mixes": [
            {"counts": _counts(mix.counts, labels), "accuracy": _estimate(mix.accuracy)}
            for mix in brief.mixes
        ],
        "pick_exactly": min(brief.picks, len(brief.vectors)),
    }


def revision_facts(brief: RevisionBrief, labels: Labels) -> Json:
    """Return what the agent may know when it revises graph and probabilities."""
    facts: Json = {
        **_ground(brief.ground, labels),
        **_decisions(brief.ground, labels),
        "last": _scored(brief.last, brief.ground, labels),
        "best": None if brief.best is None else _scored(brief.best, brief.ground, labels),
        "earlier": [_scored(item, brief.ground, labels) for item in brief.history[-HISTORY:]],
        "probabilities": _table(brief, labels),
    }
    if brief.counts is not None:
        facts["model_counts"] = _counts(brief.counts, labels)
    return facts


def vector_ids(brief: InitBrief) -> tuple[str, ...]:
    """Return what each model-count vector is called in the prompt."""
    return tuple(f"v{number}" for number in range(len(brief.vectors)))


def _ground(ground: Ground, labels: Labels) -> Json:
    pool = [
        {
            "model": name,
            "unit_cost": _short(model.unit_cost),
            **({} if model.zone is None else {"zone": model.zone}),
            **({} if model.alone is None else {"accuracy_alone": _estimate(model.alone)}),
        }
        for name, model in zip(labels.models, ground.pool, strict=True)
    ]
    caps = [{"measure": cap.measure.value, "at_most": _short(cap.limit)} for cap in ground.caps]
    return {"task": labels.task, "pool": pool, "caps": caps}


def _decisions(ground: Ground, labels: Labels) -> Json:
    edges, required, choices = list[str](), list[str](), dict[str, list[str]]()
    for index, decision in enumerate(ground.decisions):
        name, allowed = labels.decisions[index], ground.allowed(index)
        present = edge_present(decision)
        if present is None:
            choices[name] = [labels.options[index][option] for option in allowed]
        elif present in allowed:
            edges.append(name)
            if len(allowed) == 1:
                required.append(name)
    return {"edges": edges, "required_edges": required, "choices": choices}


def _scored(scored: Scored, ground: Ground, labels: Labels) -> Json:
    edges, choices = list[str](), dict[str, str]()
    for index, (decision, option) in enumerate(zip(ground.decisions, scored.choices, strict=True)):
        present = edge_present(decision)
        if present is None:
            choices[labels.decisions[index]] = labels.options[index][option]
        elif option == present:
            edges.append(labels.decisions[index])
    return {
        "edges": edges,
        "choices": choices,
        "questions": scored.questions,
        "accuracy": _estimate(scored.accuracy),
        "measures": {item.value: _estimate(found) for item, found in scored.measures},
        "shape": _shape(scored.shape),
    }


def _table(brief: RevisionBrief, labels: Labels) -> Json:
    table: dict[str, object] = {}
    for index, (decision, row) in enumerate(zip(brief.ground.decisions, brief.table, strict=True)):
        present = edge_present(decision)
        name = labels.decisions[index]
        if present is not None:
            table[name] = _short(row[present])
        else:
            table[name] = dict(zip(labels.options[index], map(_short, row), strict=True))
    return table


def _counts(counts: Sequence[int], labels: Labels) -> Mapping[str, int]:
    return {name: count for name, count in zip(labels.models, counts, strict=True) if count}


def _shape(shape: Shape | None) -> Json | None:
    return None if shape is None else {one.name: getattr(shape, one.name) for one in fields(shape)}


def _estimate(estimate: Estimate) -> list[float]:
    return [_short(estimate.value), _short(estimate.low), _short(estimate.high)]


def _short(number: float) -> float:
    """Return the number with four digits: more would be paid for and tell nothing."""
    return float(f"{number:.4g}")
