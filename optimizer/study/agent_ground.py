"""What an agent may know of a study before anything was measured: the space, the models, the caps.

Names and numbers; questions, answers and labels are not looked at.
"""

from __future__ import annotations

from optimizer.agents.model import Ground, PoolModel
from optimizer.evaluation.rules import flops_of_call
from optimizer.search.model import DecisionKind, Space
from optimizer.search.problem import Problem
from optimizer.study.model import LiveSource, Study
from runtime.catalog.model import Catalog
from runtime.ids import ModelName

__all__ = ["ground_of"]

_PROMPT_TOKENS = 200
"""At which models' costs are compared; only their ratio counts."""


def ground_of(study: Study, problem: Problem, *, task: str) -> Ground:
    """Return what the briefs of a study rest on."""
    source = study.source
    catalog = source.catalog if isinstance(source, LiveSource) else None
    names = _models(problem.space)
    written = source.limits.max_tokens if isinstance(source, LiveSource) else _PROMPT_TOKENS
    return Ground(
        decisions=problem.space.decisions,
        pool=_pool(names, catalog, written),
        caps=study.constraints,
        forbidden=_never(problem),
        task=task,
    )


def _models(space: Space) -> list[str]:
    """Name the models that any graph of the space can use."""
    listed = space.candidates()
    if listed is None:
        options = [one.options for one in space.decisions if one.kind is DecisionKind.MODEL]
        return list(dict.fromkeys(name for names in options for name in names))
    found: dict[str, None] = {}
    for candidate in listed:
        for step in space.graph(candidate).steps:
            if step.model is not None:
                found[str(step.model)] = None
    return list(found)


def _pool(names: list[str], catalog: Catalog | None, written: int) -> tuple[PoolModel, ...]:
    if catalog is None:
        return tuple(PoolModel(name, 1.0) for name in names)
    models = [catalog.model_by_name[ModelName(name)] for name in names]
    flops = [flops_of_call(model, _PROMPT_TOKENS, written) for model in models]
    least = min(flops)
    return tuple(
        PoolModel(name, cost / least if least else 1.0, catalog.node_of(model).zone)
        for name, model, cost in zip(names, models, flops, strict=True)
    )


def _never(problem: Problem) -> frozenset[tuple[int, int]]:
    """Return the options that no allowed graph has, where all graphs can be listed."""
    if problem.pool is None:
        return frozenset()
    seen = [set(column) for column in problem.pool.choices.T.tolist()]
    return frozenset(
        (position, option)
        for position, decision in enumerate(problem.space.decisions)
        for option in range(len(decision.options))
        if option not in seen[position]
    )
