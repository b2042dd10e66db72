"""What graphs will cost, in FLOPs, money and seconds, from what a few of them did.

A step costs what its model costs per call, more with every answer that it reads; cost and FLOPs
add up over the steps, latency along the heaviest way. Before anything was run, a model's size
stands for its price. Caps are on bounds, so what a bound adds to a mean is learned too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Row
from optimizer.search.caps import CapRule
from optimizer.search.composition import Composition
from optimizer.search.model import Constraint, Measure

__all__ = ["Excess", "expected_excess"]

_PER_READ: Final = 0.4
"""Of a step's price, what one more answer to read adds until something was learned."""
_RIDGE: Final = 0.05
_LEAST: Final = 0.05
"""Of the dearest graph: errors of cheaper ones weigh no more than one of so much does."""
_SLOWEST_MARGIN: Final = 0.5
"""What a bound on a percentile adds to a mean, relative, until something was learned."""
_MEAN_MARGIN: Final = 0.08
"""The same of a bound on a mean over new questions."""
_MARGIN_WEIGHT: Final = 40.0
"""Questions that this counts for."""
_MODEL_ERROR: Final = 0.12
"""Relative error of an amount that is expected from other graphs."""
_OWN_ERROR: Final = 0.5
"""Relative spread of an amount over questions: how far a mean of few of them is off."""

_FAIR_STEPS: Final = 2
_FAIR_WEIGHT: Final = 0.5
"""Graphs that a question's usual size, 1, counts for."""

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Excess:
    """By graph, how far the worst cap is expected to be exceeded, relative; at most 0 is kept."""

    value: _Floats
    doubt: _Floats
    """Standard deviation; 0 where the graph was run on every question."""


def expected_excess(
    parts: Composition, rows: list[tuple[int, Row]], rule: CapRule, questions: int
) -> Excess:
    """Return what is to be expected of every graph under the caps on amounts.

    Args:
        parts: The graphs.
        rows: Graphs that were run, by number, with what they did.
        rule: The caps; those on the cloud share are not looked at.
        questions: How many a graph can be run on.
    """
    count = len(parts.sinks)
    value, doubt = np.full(count, -1.0), np.zeros(count)
    for constraint in rule.amounts:
        if not rows:
            continue
        bound, error = _expected_bounds(parts, rows, rule, constraint, questions)
        limit = max(constraint.limit, 1e-12)
        over = bound / limit - 1.0
        is_worse = over > value
        value = np.where(is_worse, over, value)
        doubt = np.where(is_worse, error * bound / limit, doubt)
    return Excess(value, doubt)


def _expected_bounds(
    parts: Composition,
    rows: list[tuple[int, Row]],
    rule: CapRule,
    constraint: Constraint,
    questions: int,
) -> tuple[_Floats, _Floats]:
    """Return by graph the bound that the cap is on, and its relative error."""
    loads = parts.path_loads if constraint.measure is Measure.LATENCY_P95_S else parts.loads
    graphs = np.array([graph for graph, _ in rows])
    counts = np.array([row.count for _, row in rows], np.float64)
    means = _fair_means([(row, rule.amount(constraint, row)) for _, row in rows], questions)
    if not means.any():  # nothing that was run cost anything, which says nothing of the others
        return np.zeros(len(loads)), np.zeros(len(loads))
    expected = loads @ _prices(
        loads[graphs], means, counts, _first_guess(parts, loads, graphs, means)
    )
    expected = np.maximum(expected, 0.0)
    # What was run is believed more, the more of it was.
    trust = counts / (counts + (_OWN_ERROR / _MODEL_ERROR) ** 2)
    error = np.full(len(loads), _MODEL_ERROR)
    expected[graphs] += trust * (means - expected[graphs])
    error[graphs] = _MODEL_ERROR * np.sqrt(1.0 - trust)
    bounds = np.array([rule.bounded(constraint, row) for _, row in rows])
    usual = _usual_margin(constraint, rule)
    margin = _margin(usual, means, bounds, counts, questions)
    bound = expected * (1.0 + margin)
    is_whole = counts >= questions
    bound[graphs[is_whole]], error[graphs[is_whole]] = bounds[is_whole], 0.0
    if constraint.measure is Measure.LATENCY_P95_S:
        # The slowest question so far is a lower bound where the bound is the slowest of all.
        bound[graphs] = np.maximum(bound[graphs], bounds) if margin > 0.3 else bound[graphs]
    return bound, error


def _fair_means(rows: list[tuple[Row, _Floats]], questions: int) -> _Floats:
    """Return means as they would be on all questions: some questions cost more, whoever answers."""
    amounts, seen = np.zeros((len(rows), questions)), np.zeros((len(rows), questions), np.bool_)
    for place, (row, values) in enumerate(rows):
        amounts[place, row.seen], seen[place] = values, row.seen
    means: _Floats = amounts.sum(axis=1) / seen.sum(axis=1)
    costs = means > 0  # what is free tells nothing of a question's size
    for _ in range(_FAIR_STEPS if costs.any() else 0):
        relative = (amounts[costs] / means[costs, None]).sum(axis=0)
        size = (relative + _FAIR_WEIGHT) / (seen[costs].sum(axis=0) + _FAIR_WEIGHT)
        size /= size.mean()
        means = amounts.sum(axis=1) / np.maximum(seen @ size, 1e-9)
    return means


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


def _usual_margin(constraint: Constraint, rule: CapRule) -> float:
    if constraint.measure is Measure.LATENCY_P95_S:
        return _SLOWEST_MARGIN
    return 0.0 if rule.confidence is None else _MEAN_MARGIN


def _margin(
    usual: float, means: _Floats, bounds: _Floats, counts: _Floats, questions: int
) -> float:
    """Return by how much a bound exceeds a mean once all questions were asked, relative."""
    may_tell = (counts >= 0.5 * questions) & (means > 0)
    weight = counts[may_tell]
    ratio = bounds[may_tell] / means[may_tell] - 1.0
    told = float((ratio * weight).sum()) + _MARGIN_WEIGHT * usual
    return told / (float(weight.sum()) + _MARGIN_WEIGHT)
