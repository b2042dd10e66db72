"""Which graph the rule agent tries next: the best of the graphs close to a good one.

Knows what "close" is and that a result must be allowed and new; ``rule_score`` what is good.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from optimizer.agents.labels import Labels
from optimizer.agents.model import Ground, RevisionBrief, edge_present
from optimizer.agents.replies import Checks, count_models, why_not
from optimizer.agents.rule_score import Scene, changed_decisions, move_terms
from optimizer.agents.rule_verdict import edge_ends, is_idle
from optimizer.search.model import DecisionKind

__all__ = ["Move", "best_move", "dealt"]

_MOST_MOVES: Final = 2_000
"""Changes that are looked at; in a large space the ones with the lowest positions."""


@dataclass(frozen=True, slots=True)
class Move:
    """A graph to try, and why."""

    choices: tuple[int, ...]
    reason: str


def best_move(
    brief: RevisionBrief,
    base: tuple[int, ...],
    *,
    checks: Checks,
    table: tuple[tuple[float, ...], ...],
    exploring: bool,
) -> Move | None:
    """Return the best allowed graph that is one change away from ``base`` and not tried lately.

    Args:
        brief: What is known.
        base: Choices to start from; they need not be allowed themselves.
        checks: Space and predictor that the result must pass.
        table: Probabilities, already changed by the last graph's verdict.
        exploring: Whether the seldom tried counts more than the well believed.
    """
    scored = (*brief.history, brief.last, *((brief.best,) if brief.best else ()))
    scored = tuple({item.choices: item for item in scored}.values())
    measured = next((item for item in scored if item.choices == base), None)
    broken = measured.broken_caps(brief.ground.caps) if measured else ()
    scene = Scene(brief, checks, Labels(brief.ground), base, table, broken, exploring, scored)
    tried = {checks.space.candidate(item.choices).key for item in scored}
    terms = move_terms(scene)
    best: tuple[float, tuple[int, ...], str] | None = None
    for choices in islice(_neighbours(scene), _MOST_MOVES):
        if why_not(choices, brief, checks=checks, labels=scene.labels) is not None:
            continue
        key = checks.space.candidate(choices).key
        if key in tried:
            continue
        tried.add(key)
        graph = scene.graph(choices)
        values = {name: term(choices, graph) for name, term in terms.items()}
        total = sum(values.values())
        if best is None or total > best[0]:
            best = total, choices, max(values, key=lambda name: values[name])
    if best is None:
        return None
    _total, choices, why = best
    return Move(choices, f"{_change(scene, choices)}: {why}")


def dealt(choices: tuple[int, ...], brief: RevisionBrief, checks: Checks) -> tuple[int, ...]:
    """Return the choices with models exchanged, as few as possible, to fit the fixed counts."""
    wanted = brief.counts
    if wanted is None:
        return choices

    def missing(candidate: tuple[int, ...]) -> float:
        if checks.space.refusal(candidate) is not None:
            return math.inf
        counts = count_models(candidate, brief.ground, checks.space)
        return sum(abs(count - goal) for count, goal in zip(counts, wanted, strict=True))

    for index, decision in enumerate(brief.ground.decisions):
        if decision.kind is DecisionKind.MODEL:
            options = [choices[index], *brief.ground.allowed(index)]
            choices = min((_with(choices, {index: option}) for option in options), key=missing)
    return choices


def _neighbours(scene: Scene) -> Iterator[tuple[int, ...]]:
    """Yield single changes, new steps, exchanges of models, inserted steps, a cross of the best."""
    ground, base = scene.brief.ground, scene.base
    yield base
    for index, option in _options(ground, base):
        yield _with(base, {index: option})
    yield from _additions(scene)
    yield from _exchanges(ground, base)
    yield from _insertions(ground, base)
    if scene.exploring and len(scene.scored) > 1:
        yield _crossed(scene)


def _options(ground: Ground, base: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield every decision with every allowed option that it does not have yet."""
    for index in range(len(base)):
        for option in ground.allowed(index):
            if option != base[index]:
                yield index, option


def _additions(scene: Scene) -> Iterator[tuple[int, ...]]:
    """Yield graphs with a new step: an edge, and a model for a step that was idle without it."""
    ground, base, space = scene.brief.ground, scene.base, scene.checks.space
    idle = [
        (index, option)
        for index, option in _options(ground, base)
        if ground.decisions[index].kind is DecisionKind.MODEL
        and is_idle(space, base, index, option)
    ]
    for edge, option in _options(ground, base):
        if option == edge_present(ground.decisions[edge]):
            for index, model in idle:
                yield _with(base, {edge: option, index: model})


def _insertions(ground: Ground, base: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield graphs with a step put between two: the way to grow deeper without growing wider."""
    at = {ends: index for index, ends in edge_ends(ground).items()}
    for (source, target), index in at.items():
        if not _is_present(ground, base, index):
            continue
        for (first, step), before in at.items():
            behind = at.get((step, target))
            if first == source and behind is not None and behind != index:
                absent = 1 - base[index]
                yield _with(base, {index: absent, before: base[index], behind: base[index]})


def _is_present(ground: Ground, choices: tuple[int, ...], index: int) -> bool:
    return choices[index] == edge_present(ground.decisions[index])


def _crossed(scene: Scene) -> tuple[int, ...]:
    """Return the two best graphs in one: of each decision the option that is believed more."""
    first, second = sorted(scene.scored, key=lambda item: -item.accuracy.value)[:2]
    return tuple(
        other if row[other] > row[one] else one
        for one, other, row in zip(first.choices, second.choices, scene.table, strict=True)
    )


def _exchanges(ground: Ground, base: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    models = [
        index
        for index, decision in enumerate(ground.decisions)
        if decision.kind is DecisionKind.MODEL
    ]
    for place, one in enumerate(models):
        for other in models[place + 1 :]:
            if ground.decisions[one].options != ground.decisions[other].options:
                continue
            if base[one] != base[other]:
                yield _with(base, {one: base[other], other: base[one]})


def _with(choices: tuple[int, ...], changes: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(changes.get(index, option) for index, option in enumerate(choices))


def _change(scene: Scene, choices: tuple[int, ...]) -> str:
    """Say what a move does."""
    labels, parts = scene.labels, list[str]()
    for index in changed_decisions(scene.base, choices):
        present = edge_present(scene.brief.ground.decisions[index])
        name = labels.decisions[index]
        if present is None:
            parts.append(f"{name} becomes {labels.options[index][choices[index]]}")
        else:
            parts.append(f"{'adds' if choices[index] == present else 'drops'} {name}")
    return ", ".join(parts) or "the same graph again"
