"""The search benchmark as a page in Markdown: wins, ties and losses, space by space.

Knows cells and the figures made of them; every number on the page is one of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.search_curves import anytime_curves
from bench.search_figures import BUDGETS, Cell, mean_regret, to_within
from optimizer.search.registry import AGENT_REINFORCE, SEARCHERS

__all__ = ["results_page", "write_results"]

_ENOUGH: Final = 100
"""Seeds that the protocol asks for."""
_VERDICTS: Final = ("better", "no claim", "worse")
_HEADLINES: Final = {
    "speedup_vs_best_other": "executions of the best other over ours (A), worst space",
    "call_speedup_vs_best_other": "fresh calls of the best other over ours (B), worst space",
    "speedup_worst_cap": "the same (A), worst single cap",
    "call_speedup_worst_cap": "the same (B), worst single cap",
    "violation_rate": "recommendations that break their cap on new questions",
    "suggest_ms_at_10000": "processor time per suggestion with 10,000 trials known, ms",
}


def write_results(page: Path, cells: Sequence[Cell], figures: Mapping[str, Any]) -> None:
    """Write the page, and beside it the curves of each space as a picture that it shows."""
    pictures: dict[str, str] = {}
    for name in figures["spaces"]:
        mine = [cell for cell in cells if cell.setting.space_name == name]
        picture = page.with_name(f"{page.stem}-{name.lower()}.svg")
        picture.write_text(anytime_curves(mine), "utf-8")
        pictures[name] = picture.name
    page.write_text(results_page(cells, figures, pictures), "utf-8")


def results_page(
    cells: Sequence[Cell], figures: Mapping[str, Any], pictures: Mapping[str, str]
) -> str:
    """Return the page; it ends with a line break.

    Args:
        cells: All runs.
        figures: What the benchmark reports of them.
        pictures: By space, the name of a file beside the page with its curves.
    """
    parts = (*_head(figures), *_spaces(cells, figures, pictures), *_pairs(figures))
    return "\n".join(parts) + "\n"


def _head(figures: Mapping[str, Any]) -> Iterator[str]:
    protocol, machine = figures["protocol"], figures["machine"]
    yield "# Searching: Agent-REINFORCE beside its peers"
    yield ""
    yield (
        f"Written by `python -m bench.search --results`; seeds per method: {protocol['seeds']}, "
        f"budgets of {protocol['evaluations']} evaluations on all questions, caps bounded with "
        f"confidence {protocol['confidence']} for every method alike. Outcomes are replayed from "
        f"recorded answers; the agent is the {protocol['agent']}. "
        "[`bench/README.md`](../bench/README.md) explains the measures."
    )
    yield ""
    if protocol["seeds"] < _ENOUGH:
        yield (
            f"**Too few seeds** ({protocol['seeds']}): medians and means still move; the protocol "
            f"asks for {_ENOUGH}. With `--seeds {_ENOUGH}` and the same `--runs` it goes on."
        )
        yield ""
    if left_out := sorted(set(SEARCHERS) - set(figures["regret_pp"]) - {"exhaustive"}):
        yield f"Not run for this page: {', '.join(left_out)}."
        yield ""
    yield f"Machine: {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}."
    yield ""
    yield "| figure | value |"
    yield "|---|---|"
    for key, meaning in _HEADLINES.items():
        yield f"| {meaning} (`{key}`) | {figures[key]} |"
    yield ""


def _spaces(
    cells: Sequence[Cell], figures: Mapping[str, Any], pictures: Mapping[str, str]
) -> Iterator[str]:
    for name in figures["spaces"]:
        mine = [cell for cell in cells if cell.setting.space_name == name]
        budgets = [one for one in BUDGETS if one <= mine[0].evaluations]
        speed, calls = figures["speedup_by_space"][name], figures["call_speedup_by_space"][name]
        yield f"## {name}"
        yield ""
        yield f"![Mean regret by executions, over all caps and seeds]({pictures[name]})"
        yield ""
        yield (
            f"The best other's amounts over ours: {speed['speedup']} in executions "
            f"(A, {speed['best_other']}), {calls['speedup']} in calls (B, {calls['best_other']}); "
            f"over {len(mine)} caps."
        )
        yield ""
        regrets = " | ".join(f"regret at {one}" for one in budgets)
        yield f"| method | {regrets} | executions to 1 point | calls to 1 point | never there |"
        yield "|---|" + "---:|" * (len(budgets) + 3)
        for method in sorted(mine[0].runs, key=lambda one: to_within(mine, one, "A")[0]):
            yield _row(mine, method, budgets)
        yield ""


def _row(cells: Sequence[Cell], method: str, budgets: Sequence[int]) -> str:
    regrets = [
        float(np.mean([mean_regret(cell, method, budget) for cell in cells])) for budget in budgets
    ]
    executions, misses = to_within(cells, method, "A")
    runs = sum(len(cell.runs[method]) for cell in cells)
    name = f"**{method}**" if method == AGENT_REINFORCE else method
    shown = " | ".join(f"{one:.2f}" for one in regrets)
    calls = to_within(cells, method, "B")[0]
    return f"| {name} | {shown} | {executions:,.0f} | {calls:,.0f} | {misses} of {runs} |"


def _pairs(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the comparisons by seed, the losses like the wins."""
    rows = figures["paired"]
    counts = {one: sum(row["verdict"] == one for row in rows) for one in _VERDICTS}
    yield "## Seed by seed"
    yield ""
    yield (
        "Mean regret against the best other, wherever that still has 0.2 points or more; a "
        "difference above 0 is ours to the good. Intervals of 95 % over seeds, p-values by Holm "
        "over the methods; no claim from fewer than five seeds. "
        f"Better {counts['better']}, no claim {counts['no claim']}, worse {counts['worse']}."
    )
    yield ""
    yield "| space and cap | budget | best other | its regret | ours | difference | verdict |"
    yield "|---|---:|---|---:|---:|---|---|"
    for row in rows:
        low, high = row["interval_95_pp"]
        cells = (
            row["cell"],
            str(row["evaluations"]),
            row["best_other"],
            f"{row['best_other_regret_pp']:.2f}",
            f"{row['own_regret_pp']:.2f}",
            f"{row['difference_pp']:+.2f} ({low:+.2f} to {high:+.2f})",
            row["verdict"],
        )
        yield f"| {' | '.join(cells)} |"
