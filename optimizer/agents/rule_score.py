"""What a move of the rule agent is worth: a sum of terms, one for each insight and one for belief.

A term's name is the sentence that the record shows when it decided.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from optimizer.agents.briefing import shape_of
from optimizer.agents.labels import Labels
from optimizer.agents.model import RevisionBrief, Scored, Shape, edge_present
from optimizer.agents.replies import Checks
from optimizer.agents.rule_verdict import distances_from_sink
from optimizer.search.model import Constraint, Measure
from runtime.graph.model import Graph

__all__ = ["Scene", "Term", "changed_decisions", "move_terms"]

_LOG_ODDS_LIMIT: Final = 3.0
_SHAPE_WEIGHT: Final = 0.8
_BOTH_GROW: Final = 1.0
_CAP_WEIGHT: Final = 20.0
_NOVELTY: Final = 0.2
_NOVELTY_EXPLORING: Final = 4.0
_DISTANCE_WEIGHT: Final = 0.1
_STRENGTH_WEIGHT: Final = 8.0

Term = Callable[[tuple[int, ...], Graph], float]
"""Worth of a move, from its choices and the graph that they make."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What every move of one brief is scored against."""

    brief: RevisionBrief
    checks: Checks
    labels: Labels
    base: tuple[int, ...]
    table: tuple[tuple[float, ...], ...]
    broken: tuple[Constraint, ...]
    exploring: bool
    scored: tuple[Scored, ...]

    def graph(self, choices: tuple[int, ...]) -> Graph:
        """Return what is run for choices that the space allows."""
        return self.checks.space.graph(self.checks.space.candidate(choices))

    def base_graph(self) -> Graph | None:
        """Return the graph that moves start from, if the space allows it."""
        allowed = self.checks.space.refusal(self.base) is None
        return self.graph(self.base) if allowed else None


def move_terms(scene: Scene) -> dict[str, Term]:
    """Return the terms of a move's score by the reason that they are."""
    width, depth = _aim(scene.scored, "width"), _aim(scene.scored, "depth")
    terms = {
        f"nearer the best width ({width}) and depth ({depth}) for this task": _shape_term(
            scene, width=width, depth=depth
        ),
        "believed to help by the probabilities": lambda choices, _: _belief(scene, choices),
        "stronger models where answers come together": _strength_term(scene),
        "seldom tried"
        + (", and the recent scores hardly differ" if scene.exploring else ""): _novelty_term(
            scene
        ),
    }
    if scene.broken:
        names = " and ".join(cap.measure.value for cap in scene.broken)
        terms[f"less of {names}, whose cap was broken"] = _relief_term(scene)
    return terms


def _shape_term(scene: Scene, *, width: int, depth: int) -> Term:
    """Insights 2 and 3: nearer the best width and depth, and not growing on both sides at once."""
    base = scene.base_graph()
    before = None if base is None else shape_of(base)

    def away(shape: Shape) -> int:
        return abs(shape.width - width) + abs(shape.depth - depth)

    def term(_choices: tuple[int, ...], graph: Graph) -> float:
        shape = shape_of(graph)
        if before is None:
            return -_SHAPE_WEIGHT * away(shape)
        both = shape.width > before.width and shape.depth > before.depth
        nearer = away(before) - away(shape)
        return _SHAPE_WEIGHT * nearer - (_BOTH_GROW if both else 0.0)

    return term


def _novelty_term(scene: Scene) -> Term:
    seen: dict[tuple[int, int], int] = defaultdict(int)
    for item in scene.scored:
        for index, option in enumerate(item.choices):
            seen[index, option] += 1
    most = _NOVELTY_EXPLORING if scene.exploring else _NOVELTY

    def term(choices: tuple[int, ...], _graph: Graph) -> float:
        changed = changed_decisions(scene.base, choices)
        return most / (1 + min((seen[index, choices[index]] for index in changed), default=0))

    return term


def _aim(scored: Sequence[Scored], side: str) -> int:
    """Return the width or depth to aim at: the best seen, one more while the most is the best.

    Insight 2: each has an optimum of its own; growing stops as soon as more was seen to be no
    better.
    """
    right: dict[int, float] = defaultdict(float)
    asked: dict[int, int] = defaultdict(int)
    for item in scored:
        if item.shape is not None:
            size = int(getattr(item.shape, side))
            right[size] += item.accuracy.value * item.questions
            asked[size] += item.questions
    if not asked:
        return 1
    best = max(sorted(asked), key=lambda size: right[size] / asked[size])
    return best + 1 if best == max(asked) else best


def _belief(scene: Scene, choices: tuple[int, ...]) -> float:
    """Return how much likelier the changed options are than those they replace.

    An edge is compared with the usual edge: all start improbable, which speaks against none. One
    that is new counts the less, the farther from the sink it acts.
    """
    ground, total = scene.brief.ground, 0.0
    distances = distances_from_sink(ground, choices)
    usual = _usual_edge(scene)
    for index in changed_decisions(scene.base, choices):
        row, present = scene.table[index], edge_present(ground.decisions[index])
        if present is None:
            total += _log_odds(row[choices[index]]) - _log_odds(row[scene.base[index]])
        else:
            gain = _log_odds(row[present]) - usual
            total += gain if choices[index] == present else -gain
        total -= _DISTANCE_WEIGHT * (distances[index] or 0)
    return total


def _usual_edge(scene: Scene) -> float:
    odds = [
        _log_odds(row[present])
        for decision, row in zip(scene.brief.ground.decisions, scene.table, strict=True)
        if (present := edge_present(decision)) is not None
    ]
    return sum(odds) / len(odds) if odds else 0.0


def _strength_term(scene: Scene) -> Term:
    """Insight 1: how much stronger the models are, those that read several answers counting more.

    A model is as strong as its accuracy alone; where that was not measured, size stands in for it.
    """
    pool = scene.brief.ground.pool
    dearest = max((model.unit_cost for model in pool), default=1.0)
    strength = {
        model.name: (
            math.log1p(model.unit_cost) / (math.log1p(dearest) or 1.0) / 2
            if model.alone is None
            else model.alone.value
        )
        for model in pool
    }

    def mean(graph: Graph) -> float:
        reads = {step.id: 1 + len(graph.incoming[step.id]) for step in graph.steps}
        known = [step for step in graph.steps if step.model in strength]
        weight = sum(reads[step.id] for step in known)
        total = sum(reads[step.id] * strength[str(step.model)] for step in known)
        return total / weight if weight else 0.0

    base = scene.base_graph()
    before = 0.0 if base is None else mean(base)
    return lambda _choices, graph: _STRENGTH_WEIGHT * (mean(graph) - before)


def _relief_term(scene: Scene) -> Term:
    """By how much of its value a move lowers each measure whose cap was broken."""
    base = scene.base_graph()
    before = {
        cap.measure: 0.0 if base is None else _burden(cap.measure, scene, scene.base, base)
        for cap in scene.broken
    }

    def term(choices: tuple[int, ...], graph: Graph) -> float:
        return _CAP_WEIGHT * sum(
            (load - _burden(measure, scene, choices, graph)) / load
            for measure, load in before.items()
            if load
        )

    return term


def _burden(measure: Measure, scene: Scene, choices: tuple[int, ...], graph: Graph) -> float:
    """Return the predicted measure, or a stand-in of the same direction."""
    checks, ground = scene.checks, scene.brief.ground
    if checks.predictor is not None:
        predicted = checks.predictor.predict(checks.space.candidate(choices)).get(measure)
        if predicted is not None:
            return predicted
    if measure is Measure.LATENCY_P95_S:
        shape = shape_of(graph)
        return shape.depth + 0.5 * shape.in_degree
    models = {model.name: model for model in ground.pool}
    used = [models[str(step.model)] for step in graph.steps if str(step.model) in models]
    if measure in (Measure.CLOUD_SHARE, Measure.EGRESS_BYTES):
        return float(sum(model.zone == "cloud" for model in used))
    return len(graph.steps) + sum(model.unit_cost for model in used)


def changed_decisions(base: tuple[int, ...], choices: tuple[int, ...]) -> list[int]:
    """Return the decisions in which two graphs differ."""
    return [
        index
        for index, (before, after) in enumerate(zip(base, choices, strict=True))
        if before != after
    ]


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    odds = math.log(bounded / (1 - bounded))
    return min(max(odds, -_LOG_ODDS_LIMIT), _LOG_ODDS_LIMIT)
