"""What graphs will cost, in FLOPs, money and seconds, from what a few of them did.

A step costs what its model costs per call, more with every answer that it reads; cost and FLOPs
add up over the steps, latency along the heaviest way. Before anything was run, a model's size
stands for its price. Caps are on bounds, so what a bound adds to a mean is learned too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Row
from optimizer.search.caps import CapRule
from optimizer.search.composition import Composition
from optimizer.search.model import CandidateKey, Constraint, Measure

__all__ = ["Excess", "MeasuredAmounts", "expected_excess"]

_PER_READ: Final = 0.4
"""Of a step's price, what one more answer to read adds until something was learned."""
_RIDGE: Final = 0.05
_LEAST: Final = 0.05
"""Of the dearest graph: errors of cheaper ones weigh no more than one of so much does."""
_MARGIN_WEIGHT: Final = 1.0
"""Graphs that no luck counts for."""
_MEAN_ERRORS: Final = (0.06, 0.12)
"""Relative errors: of an amount that is expected from other graphs, and of a graph's own on one
question once the question's size is taken out. Half of this is luck that a bound adds."""
_LATENCY_ERRORS: Final = (0.2, 0.25)
_FIRST_ROOM: Final = 64
_FAIR_STEPS: Final = 3
_FAIR_WEIGHT: Final = 0.1
"""Graphs that a question's usual size, 1, counts for."""

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Excess:
    """By graph, how far the worst cap is expected to be exceeded, relative; at most 0 is kept."""

    value: _Floats
    doubt: _Floats
    """Standard deviation; 0 where the graph was run on every question."""


@dataclass(frozen=True, slots=True)
class _Amounts:
    """What graphs that were run cost under one cap."""

    values: _Floats
    """By graph and question, 0 where it was not run."""
    seen: npt.NDArray[np.bool_]
    bounds: _Floats


class _Known:
    """What is known under one cap, row by row; a graph keeps its row."""

    def __init__(self, questions: int) -> None:
        self.place: dict[CandidateKey, int] = {}
        self.counts: list[int] = []
        self.values = np.zeros((_FIRST_ROOM, questions))
        self.seen = np.zeros((_FIRST_ROOM, questions), np.bool_)
        self.bounds = np.zeros(_FIRST_ROOM)

    def add(self, key: CandidateKey) -> int:
        """Return the row of a new graph; it was seen on nothing."""
        place = self.place[key] = len(self.counts)
        self.counts.append(0)
        if place == len(self.bounds):
            self.values = np.concatenate([self.values, np.zeros_like(self.values)])
            self.seen = np.concatenate([self.seen, np.zeros_like(self.seen)])
            self.bounds = np.concatenate([self.bounds, np.zeros_like(self.bounds)])
        return place


class MeasuredAmounts:
    """What graphs that were run cost, and the bounds on that, worked out once per outcome.

    Args:
        rule: The caps; those on the cloud share are not looked at.
        questions: How many a graph can be run on.
    """

    def __init__(self, rule: CapRule, questions: int) -> None:
        self.rule, self.questions = rule, questions
        self._known: dict[Measure, _Known] = {}

    def of(self, one: Constraint, rows: Sequence[Row]) -> _Amounts:
        """Return what a cap on an amount is about, by graph."""
        known = self._known.get(one.measure)
        if known is None:
            known = self._known[one.measure] = _Known(self.questions)
        places = []
        for row in rows:
            place = known.place.get(row.candidate.key)
            if place is None:
                place = known.add(row.candidate.key)
            places.append(place)
            if known.counts[place] != row.count:  # outcomes only grow in number
                told = self.rule.amount(one, row)
                known.counts[place] = row.count
                known.seen[place] = row.seen
                known.values[place, row.seen] = told
                known.bounds[place] = self.rule.bound(one, told)
        return _Amounts(known.values[places], known.seen[places], known.bounds[places])


def expected_excess(
    parts: Composition, rows: list[tuple[int, Row]], amounts: MeasuredAmounts
) -> Excess:
    """Return what is to be expected of every graph under the caps on amounts.

    Args:
        parts: The graphs.
        rows: Graphs that were run, by number, with what they did.
        amounts: What these cost.
    """
    count = len(parts.sinks)
    value, doubt = np.full(count, -1.0), np.zeros(count)
    for constraint in amounts.rule.amounts:
        if not rows:
            continue
        bound, error = _expected_bounds(parts, rows, amounts, constraint)
        limit = max(constraint.limit, 1e-12)
        over = bound / limit - 1.0
        is_worse = over > value
        value = np.where(is_worse, over, value)
        doubt = np.where(is_worse, error * bound / limit, doubt)
    return Excess(value, doubt)


def _expected_bounds(
    parts: Composition,
    rows: list[tuple[int, Row]],
    amounts: MeasuredAmounts,
    constraint: Constraint,
) -> tuple[_Floats, _Floats]:
    """Return by graph the bound that the cap is on, and its relative error."""
    is_latency = constraint.measure is Measure.LATENCY_P95_S
    loads = parts.path_loads if is_latency else parts.loads
    graphs = np.array([graph for graph, _ in rows])
    counts = np.array([row.count for _, row in rows], np.float64)
    told = amounts.of(constraint, [row for _, row in rows])
    means, size = _fair(told.values, told.seen)
    if not means.any():  # nothing that was run cost anything, which says nothing of the others
        return np.zeros(len(loads)), np.zeros(len(loads))
    expected = loads @ _prices(
        loads[graphs], means, counts, _first_guess(parts, loads, graphs, means)
    )
    expected = np.maximum(expected, 0.0)
    # What was run is believed more, the more of it was.
    model, own = _LATENCY_ERRORS if is_latency else _MEAN_ERRORS
    trust = counts / (counts + (own / model) ** 2)
    error = np.full(len(loads), model)
    expected[graphs] += trust * (means - expected[graphs])
    left = (0.5 * own) ** 2 * (1.0 - counts / amounts.questions)
    error[graphs] = np.sqrt(model**2 * (1.0 - trust) + left)
    bounds = told.bounds
    steps = loads[:, : len(parts.models)].sum(axis=1)
    is_whole = counts >= amounts.questions
    ratio = np.divide(bounds, means, out=np.ones_like(means), where=means > 0) - 1.0
    margin = _margin(
        amounts.rule.bound(constraint, size) - 1.0, steps, graphs[is_whole], ratio[is_whole]
    )
    bound = expected * (1.0 + margin)
    if is_latency:  # more questions can only be slower
        bound[graphs] = np.maximum(bound[graphs], bounds * (counts / amounts.questions))
    bound[graphs[is_whole]], error[graphs[is_whole]] = bounds[is_whole], 0.0
    return bound, error


def _fair(amounts: _Floats, seen: npt.NDArray[np.bool_]) -> tuple[_Floats, _Floats]:
    """Return means as they would be on all questions, and every question's relative size.

    Some questions cost more, whoever answers them. Both are by graph and question.
    """
    means: _Floats = amounts.sum(axis=1) / seen.sum(axis=1)
    size = np.ones(seen.shape[1])
    costs = means > 0  # what is free tells nothing of a question's size
    for _ in range(_FAIR_STEPS if costs.any() else 0):
        relative = (amounts[costs] / means[costs, None]).sum(axis=0)
        size = (relative + _FAIR_WEIGHT) / (seen[costs].sum(axis=0) + _FAIR_WEIGHT)
        size /= size.mean()
        means = amounts.sum(axis=1) / np.maximum(seen @ size, 1e-9)
    return means, size


def _first_guess(
    parts: Composition, loads: _Floats, graphs: npt.NDArray[np.int64], means: _Floats
) -> _Floats:
    """Return prices by size, scaled so that they fit what was run on the whole."""
    price = np.concatenate([parts.sizes, _PER_READ * parts.sizes])
    scale = float(means.sum() / max(float((loads[graphs] @ price).sum()), 1e-12))
    guess: _Floats = scale * price
    return guess


def _prices(loads: _Floats, means: _Floats, counts: _Floats, guess: _Floats) -> _Floats:
    """Fit the price of a call and of an answer read, by model, near the guess."""
    scale = np.maximum(guess, 1e-12 + 1e-3 * guess.max())
    weight = np.sqrt(counts) / np.maximum(means, _LEAST * means.max() + 1e-300)
    relative = loads * scale * weight[:, None]
    off = (means - loads @ guess) * weight
    normal = relative.T @ relative + _RIDGE * np.eye(len(guess))
    prices: _Floats = guess + scale * np.linalg.solve(normal, relative.T @ off)
    return np.maximum(prices, 0.0)


def _margin(usual: float, steps: _Floats, graphs: npt.NDArray[np.int64], ratio: _Floats) -> _Floats:
    """Return by how much a bound exceeds a mean, relative, by graph.

    Questions' sizes say most of it. The rest is luck that graphs of more steps even out, as far
    as graphs that were run on every question tell.
    """
    luck = (ratio - usual) * np.sqrt(steps[graphs])
    told = float(luck.sum()) / (len(luck) + _MARGIN_WEIGHT)
    margin: _Floats = np.maximum(usual + told / np.sqrt(steps), 0.0)
    return margin
