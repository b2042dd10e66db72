"""The benchmark's JSON object and its table for the eye.

Knows cells; what they mean is in ``search_figures``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.search_figures import (
    BUDGETS,
    Cell,
    auc_pp,
    mean_regret,
    paired,
    speedup,
    to_within,
)
from bench.search_runs import CONFIDENCE
from optimizer.search.registry import AGENT_REINFORCE

__all__ = ["HEADLINES", "figures_of", "print_table"]

HEADLINES: Final = (
    *("speedup_vs_best_other", "call_speedup_vs_best_other", "violation_rate", "regret_pp"),
    *("speedup_worst_cap", "call_speedup_worst_cap"),
    *("executions_to_1pp", "calls_to_1pp", "auc_pp", "privacy_violations", "suggest_ms"),
)
"""Figures that are also told of each space alone."""
_VIOLATIONS_AT: Final = 100
_FAMILY: Final = AGENT_REINFORCE


def figures_of(cells: Sequence[Cell], evaluations: int) -> dict[str, object]:
    """Return all figures of the benchmark."""
    methods = list(cells[0].runs)
    others = [one for one in methods if not one.startswith(_FAMILY)]
    budgets = [one for one in BUDGETS if one <= evaluations]
    by_cell = {cell.name: _cell_figures(cell, methods, others, budgets) for cell in cells}
    comparisons = [row for cell in cells for row in paired(cell, _FAMILY, others, budgets)]
    speedups = {cell.name: speedup([cell], _FAMILY, others, "A") for cell in cells}
    call_speedups = {cell.name: speedup([cell], _FAMILY, others, "B") for cell in cells}
    plain = {cell.name: speedup([cell], _FAMILY, others, "A", plain=True) for cell in cells}
    spaces = {cell.setting.space_name: cell.setting for cell in cells}
    by_space = _by_space(cells)
    space_speedups = {name: speedup(mine, _FAMILY, others, "A") for name, mine in by_space.items()}
    space_calls = {name: speedup(mine, _FAMILY, others, "B") for name, mine in by_space.items()}
    return {
        "speedup_vs_best_other": _worst(space_speedups),
        "call_speedup_vs_best_other": _worst(space_calls),
        "speedup_worst_cap": _worst(speedups),
        "call_speedup_worst_cap": _worst(call_speedups),
        "violation_rate": _violation_rate(cells, _FAMILY),
        "regret_pp": {one: _mean_over(cells, one, budgets) for one in methods},
        "executions_to_1pp": {one: round(to_within(cells, one, "A")[0]) for one in methods},
        "calls_to_1pp": {one: round(to_within(cells, one, "B")[0]) for one in methods},
        "auc_pp": {
            one: round(float(np.mean([auc_pp(cell, one) for cell in cells])), 3) for one in methods
        },
        "violation_rates": {one: _violation_rate(cells, one) for one in methods},
        "privacy_violations": sum(
            run.violations for cell in cells for runs in cell.runs.values() for run in runs
        ),
        "speedup_by_space": _named(space_speedups),
        "call_speedup_by_space": _named(space_calls),
        "speedup_by_cell": _named(speedups),
        "call_speedup_by_cell": _named(call_speedups),
        "plain_optimum_speedup_by_cell": _named(plain),
        "paired": comparisons,
        "losses": [row for row in comparisons if row["verdict"] == "worse"],
        "suggest_ms": _suggest_ms(cells),
        "cells": by_cell,
        "truth": {name: setting.truth() for name, setting in spaces.items()},
        "protocol": {
            "confidence": cells[0].setting.confidence,
            "seeds": len(next(iter(cells[0].runs.values()))),
            "evaluations": evaluations,
            "agent": "built-in rule agent, no LLM",
            "data": "replayed from recorded answers",
        },
    }


def _by_space(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.setting.space_name, []).append(cell)
    return found


def _worst(speedups: Mapping[str, tuple[float, str]]) -> float:
    return round(min(value for value, _ in speedups.values()), 3)


def _named(speedups: Mapping[str, tuple[float, str]]) -> dict[str, dict[str, object]]:
    return {
        name: {"speedup": round(value, 3), "best_other": best}
        for name, (value, best) in speedups.items()
    }


def _mean_over(cells: Sequence[Cell], method: str, budgets: Sequence[int]) -> dict[str, float]:
    return {
        str(budget): round(float(np.mean([mean_regret(one, method, budget) for one in cells])), 3)
        for budget in budgets
    }


def _violation_rate(cells: Sequence[Cell], method: str) -> float:
    """Return the share of recommendations that break their cap on the report half."""
    broken = []
    for cell in cells:
        for run in cell.runs[method]:
            point = run.at(_VIOLATIONS_AT * run.questions, axis="executions")
            broken.append(point is not None and cell.setting.breaks(point.row))
    return round(float(np.mean(broken)), 4)


def _suggest_ms(cells: Sequence[Cell]) -> float:
    """Return the mean time of asking and recommending per trial, Agent-REINFORCE."""
    runs = [run for cell in cells for run in cell.runs[_FAMILY]]
    return round(1000 * sum(run.ask_s for run in runs) / sum(run.trials for run in runs), 3)


def _cell_figures(
    cell: Cell, methods: Sequence[str], others: Sequence[str], budgets: Sequence[int]
) -> dict[str, object]:
    setting = cell.setting
    return {
        **setting.facts(),
        "optimum": round(setting.optimum, 5),
        "plain_optimum": round(setting.plain_optimum, 5),
        "methods": {
            one: {
                "regret_pp": {
                    str(budget): round(mean_regret(cell, one, budget), 3) for budget in budgets
                },
                "plain_regret_pp": {
                    str(budget): round(mean_regret(cell, one, budget, plain=True), 3)
                    for budget in budgets
                },
                "executions_to_1pp": round(to_within([cell], one, "A")[0]),
                "never_within_1pp": to_within([cell], one, "A")[1],
                "calls_to_1pp": round(to_within([cell], one, "B")[0]),
                "violation_rate": _violation_rate([cell], one),
                "report_accuracy": _report_accuracy(cell, one),
            }
            for one in methods
        },
        "best_other_executions_to_1pp": round(min(to_within([cell], one, "A")[0] for one in others))
        if others
        else None,
    }


def _report_accuracy(cell: Cell, method: str) -> float | None:
    """Return the mean accuracy of the last recommendations on the report half."""
    rows = [run.points[-1].row for run in cell.runs[method] if run.points]
    scores = [cell.setting.report_accuracy(row) for row in rows if row >= 0]
    return round(float(np.mean(scores)), 5) if scores else None


def print_table(cells: Sequence[Cell], figures: Mapping[str, object], console: Console) -> None:
    """Print regrets and costs by cell and method."""
    for cell in cells:
        budgets = [one for one in BUDGETS if one <= cell.evaluations]
        table = Table(title=f"{cell.name}: regret in points", title_justify="left")
        table.add_column("method")
        for budget in budgets:
            table.add_column(str(budget), justify="right")
        for heading in ("executions to 1 pp", "calls to 1 pp", "breaks cap"):
            table.add_column(heading, justify="right")
        for method in sorted(cell.runs, key=lambda one: to_within([cell], one, "A")[0]):
            table.add_row(
                method,
                *(f"{mean_regret(cell, method, budget):.2f}" for budget in budgets),
                f"{to_within([cell], method, 'A')[0]:.0f}",
                f"{to_within([cell], method, 'B')[0]:.0f}",
                f"{_violation_rate([cell], method):.2f}",
            )
        console.print(table)
    for key in (
        *("speedup_vs_best_other", "speedup_worst_cap"),
        *("call_speedup_vs_best_other", "call_speedup_worst_cap", "violation_rate"),
    ):
        console.print(f"{key}: {figures[key]}")
    console.print(f"caps hold with confidence {CONFIDENCE} for every method alike, unless told")
