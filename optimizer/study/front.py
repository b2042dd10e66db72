"""The constrained Pareto front of a study, its hypervolume, and the best graph of it.

Only graphs whose constraints hold at the study's confidence are on it, unless one asks for more,
and only those that were asked enough questions to be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.study.archive import Measured
from optimizer.study.model import ACCURACY, Objective

__all__ = ["Front", "ahead_of", "front_of", "hypervolume"]

_ENOUGH = 0.5
"""Share of the most questions asked of any graph that a graph must have been asked."""


@dataclass(frozen=True, slots=True)
class Front:
    """Graphs that no other graph beats in every objective."""

    objectives: tuple[Objective, ...]
    members: tuple[Measured, ...]
    """Most accurate first."""
    hypervolume: float
    """Share of the box between the worst and the best seen of each objective."""
    unproven: int
    """Graphs left out because their constraints hold so far but are not proven."""
    broken: int
    """Graphs left out because they broke a constraint."""
    too_few: int
    """Graphs left out because they were asked too few questions."""


def front_of(
    measured: Sequence[Measured],
    objectives: Sequence[Objective],
    *,
    with_unproven: bool = False,
) -> Front:
    """Return the front over ``objectives``.

    Args:
        measured: Every graph of the study.
        objectives: What is compared; accuracy is raised, all else lowered.
        with_unproven: Let in graphs whose constraints held so far.
    """
    most = max((len(one.outcomes.questions) for one in measured), default=0)
    asked = [one for one in measured if len(one.outcomes.questions) >= _ENOUGH * most]
    possible = [one for one in asked if one.is_possible]
    feasible = [one for one in possible if with_unproven or one.is_proven]
    points = {id(one): _point(one, objectives) for one in feasible}
    members = [
        one
        for one in feasible
        if not any(_beats(points[id(other)], points[id(one)]) for other in feasible)
    ]
    members.sort(key=lambda one: (-one.accuracy, points[id(one)], one.number))
    return Front(
        objectives=tuple(objectives),
        members=tuple(members),
        hypervolume=_normalised(members, asked, objectives),
        unproven=0 if with_unproven else sum(not one.is_proven for one in possible),
        broken=len(asked) - len(possible),
        too_few=len(measured) - len(asked),
    )


def ahead_of(one: Measured, front: Front) -> Measured | None:
    """Return a member that is better than ``one`` in an objective and worse in none, if one is."""
    point = _point(one, front.objectives)
    return next((m for m in front.members if _beats(_point(m, front.objectives), point)), None)


def hypervolume(points: Sequence[Sequence[float]], reference: Sequence[float]) -> float:
    """Return the volume that ``points`` dominate up to ``reference``; all are to be lowered.

    Slices along the first objective; exact, and quick for the fronts that people look at.
    """
    inside = [tuple(p) for p in points if all(a < b for a, b in zip(p, reference, strict=True))]
    if not inside:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(point[0] for point in inside)
    cuts = sorted({point[0] for point in inside})
    volume = 0.0
    for place, cut in enumerate(cuts):
        end = cuts[place + 1] if place + 1 < len(cuts) else reference[0]
        rest = [point[1:] for point in inside if point[0] <= cut]
        volume += (end - cut) * hypervolume(rest, reference[1:])
    return volume


def _point(one: Measured, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """Return the objectives as numbers to be lowered."""
    return tuple(
        -one.values[objective] if objective == ACCURACY else one.values[objective]
        for objective in objectives
    )


def _beats(other: Sequence[float], point: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(other, point, strict=True)) and other != point


def _normalised(
    members: Sequence[Measured], asked: Sequence[Measured], objectives: Sequence[Objective]
) -> float:
    if not members:
        return 0.0
    every = [_point(one, objectives) for one in asked]
    lows = [min(column) for column in zip(*every, strict=True)]
    highs = [max(column) for column in zip(*every, strict=True)]
    # An objective in which all graphs are equal says nothing: it counts as fully reached.
    scaled = [
        [
            (value - low) / (high - low) if high > low else 0.0
            for value, low, high in zip(_point(one, objectives), lows, highs, strict=True)
        ]
        for one in members
    ]
    return hypervolume(scaled, [1.0] * len(objectives))
