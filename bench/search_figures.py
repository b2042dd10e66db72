"""From runs to the figures of the benchmark: regrets, speed-ups, intervals, violations.

Knows runs and seeds; knows no searcher. Regrets are reported in percentage points.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.search_runs import Accounting, AnySetting, Run
from optimizer.search.resampling import Resampled, mean_interval

__all__ = ["BUDGETS", "Cell", "auc_pp", "holm", "mean_regret", "paired", "speedup", "to_within"]

BUDGETS: Final = (10, 30, 100, 300)
"""Evaluations' worth of question executions."""
_WITHIN: Final = 0.01
_WORTH_COMPARING_PP: Final = 0.2
_LEAST_SEEDS: Final = 5
"""With fewer an interval over seeds says nothing, however narrow."""
_AXES: Final[Mapping[Accounting, str]] = {"A": "executions", "B": "calls"}


@dataclass(frozen=True)
class Cell:
    """All runs of one setting, by method; every method has the same seeds."""

    name: str
    setting: AnySetting
    runs: Mapping[str, Sequence[Run]]
    """Accounting A for peers (their trials are the same under B)."""
    virtual_runs: Mapping[str, Sequence[Run]]
    """Accounting B, for methods that make use of it."""
    evaluations: int

    def of(self, method: str, accounting: Accounting) -> Sequence[Run]:
        """Return a method's runs under an accounting."""
        if accounting == "B" and method in self.virtual_runs:
            return self.virtual_runs[method]
        return self.runs[method]

    def most_calls(self) -> int:
        """Return the budget of accounting B: every call there is."""
        return self.setting.most_calls


def mean_regret(cell: Cell, method: str, evaluations: float, *, plain: bool = False) -> float:
    """Return the mean regret at a budget, accounting A, in points."""
    return float(np.mean(_regrets(cell, method, evaluations, plain=plain)))


def _regrets(
    cell: Cell, method: str, evaluations: float, *, plain: bool = False
) -> npt.NDArray[np.float64]:
    optimum = cell.setting.plain_optimum if plain else cell.setting.optimum
    values = []
    for run in cell.runs[method]:
        point = run.at(evaluations * run.questions, axis="executions")
        if point is None:
            values.append(optimum)
        else:
            values.append(point.plain_regret if plain else point.regret)
    return 100.0 * np.array(values)


def to_within(
    cells: Sequence[Cell], method: str, accounting: Accounting, *, plain: bool = False
) -> tuple[float, int]:
    """Return the median amount after which regret stays within a point, and how many never do.

    Executions under A, fresh calls under B; over the seeds of all cells given, one or the caps of a
    space. A run that never gets there counts as the budget.
    """
    axis = _AXES[accounting]
    amounts, misses = [], 0
    for cell in cells:
        for run in cell.of(method, accounting):
            budget = float(cell.evaluations * run.questions)
            if accounting == "B":
                budget = float(cell.most_calls())
            first = run.first_within(_WITHIN, axis=axis, budget=budget, plain=plain)
            misses += first is None
            amounts.append(budget if first is None else first)
    return statistics.median(amounts), misses


def speedup(
    cells: Sequence[Cell],
    ours: str,
    others: Sequence[str],
    accounting: Accounting,
    *,
    plain: bool = False,
) -> tuple[float, str]:
    """Return the best other's amount to a point over ours, and who that is."""
    amounts = {one: to_within(cells, one, accounting, plain=plain)[0] for one in others}
    best = min(amounts, key=lambda one: (amounts[one], one))
    own, _ = to_within(cells, ours, accounting, plain=plain)
    return amounts[best] / max(own, 1.0), best


def auc_pp(cell: Cell, method: str) -> float:
    """Return the mean regret over budgets that are even in the logarithm, from 1 on."""
    grid = np.geomspace(1.0, cell.evaluations, 25)
    return float(np.mean([np.minimum(_regrets(cell, method, one), 20.0).mean() for one in grid]))


def paired(
    cell: Cell, ours: str, others: Sequence[str], budgets: Sequence[int]
) -> list[dict[str, object]]:
    """Compare by seed where the best other still has 0.2 points of regret or more.

    A positive difference is the other's regret above ours. Intervals are bootstrapped over
    seeds; p-values are corrected by Holm over the methods.
    """
    rows: list[dict[str, object]] = []
    for budget in budgets:
        means = {one: mean_regret(cell, one, budget) for one in others}
        best = min(means, key=lambda one: (means[one], one))
        if means[best] < _WORTH_COMPARING_PP:
            continue
        own = _regrets(cell, ours, budget)
        tests = {one: mean_interval(_regrets(cell, one, budget) - own) for one in others}
        corrected = holm({one: test.p for one, test in tests.items()})
        test = tests[best]
        rows.append(
            {
                "cell": cell.name,
                "evaluations": budget,
                "best_other": best,
                "best_other_regret_pp": round(means[best], 3),
                "own_regret_pp": round(float(own.mean()), 3),
                "difference_pp": round(test.mean, 3),
                "interval_95_pp": [round(test.low, 3), round(test.high, 3)],
                "p_holm": round(corrected[best], 4),
                "verdict": _verdict(test, corrected[best], seeds=len(own)),
            }
        )
    return rows


def _verdict(test: Resampled, p_holm: float, *, seeds: int) -> str:
    if seeds < _LEAST_SEEDS or p_holm >= 0.05 or not test.is_clear:
        return "no claim"
    return "better" if test.mean > 0 else "worse"


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for their number."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for position, name in enumerate(sorted(p_values, key=lambda one: (p_values[one], one))):
        largest = max(largest, (len(p_values) - position) * p_values[name])
        corrected[name] = min(1.0, largest)
    return corrected
