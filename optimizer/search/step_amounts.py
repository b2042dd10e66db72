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
class _Amount:
    """What a graph that was run cost under one cap."""

    count: int
    """Questions that it was run on."""
    values: _Floats
    """By question, 0 where it was not run."""
    bound: float


class MeasuredAmounts:
    """What graphs that were run cost, and the bounds on that, worked out once per outcome.

    Args:
        rule: The caps; those on the cloud share are not looked at.
        questions: How many a graph can be run on.
    """

    def __init__(self, rule: CapRule, questions: int) -> None:
        self.rule, self.questions = rule, questions
        self._known: dict[Measure, dict[CandidateKey, _Amount]] = {}

    def of(self, one: Constraint, rows: Sequence[Row]) -> list[_Amount]:
        """Return what a cap on an amount is about, by graph."""
        known = self._known.setdefault(one.measure, {})
        for row in rows:
            amount = known.get(row.candidate.key)
            if amount is None or amount.count != row.count:  # outcomes only grow in number
                known[row.candidate.key] = self._worked_out(one, row)
        return [known[row.candidate.key] for row in rows]

    def _worked_out(self, one: Constraint, row: Row) -> _Amount:
        told = self.rule.amount(one, row)
        values = np.zeros(self.questions)
        values[row.seen] = told
        return _Amount(row.count, values, self.rule.bound(one, told))


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
    means, size = _fair(
        np.stack([one.values for one in told]), np.stack([row.seen for _, row in rows])
    )
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
    bounds = np.array([one.bound for one in told])
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
