"""How many executions and calls a search needs, Agent-REINFORCE beside its peers.

``python -m bench.search --json [--quick] [--data MATRIX.json.gz --space SPACE.yaml]...``
replays recorded answers: every graph's outcome is known, so regret is exact. Without ``--data`` it
runs space S1 on the answers that the bench ships, and the tabulated reference world (``--table``)
where its table is there. Progress and a table go to standard error; the
last line of standard output is one JSON object. ``bench/README.md`` explains the keys.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.machine import describe_machine
from bench.search_figures import Cell
from bench.search_journal import RunJournal
from bench.search_reference import reference_pairs
from bench.search_report import HEADLINES, figures_of, print_table
from bench.search_results import write_results
from bench.search_runs import CONFIDENCE
from bench.search_tasks import AnyPair, Pair, Plan, cells_of, latencies, whole_seeds
from optimizer.replay.space_document import S1, HashClass, load_space
from optimizer.replay.table_file import TableUnusable
from optimizer.search.registry import ABLATIONS, AGENT_REINFORCE, SEARCHERS
from reference.tabulated.table import TABLE_PATH
from runtime.errors import LeewardError

__all__ = ["main"]

_SHIPPED: Final = Path(__file__).parent / "data" / "zeroeval_gsm8k.json.gz"
_SENSITIVE: Final = HashClass(5)
_OPTUNA: Final = ("tpe", "gp", "nsga2")
_QUICK_LEFT_OUT: Final = frozenset(
    {
        *ABLATIONS,
        *_OPTUNA,
        # Small batches make many trials; none of these comes near the best other.
        *("agent_reinforce_paper", "reinforce", "reinforce_baseline"),
        *("maas_penalty", "maas_penalty_tuned"),
    }
)
_QUICK_CAPS: Final = (0.05, 0.2)
_QUICK_SEEDS: Final = 3
"""A quick run is so much work, whatever the machine."""
_SEEDS: Final = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    options = _parser().parse_args(arguments)
    try:
        pairs = _all_pairs(options)
        methods = _methods(options.methods, is_quick=options.quick)
        plan = Plan(
            pairs=pairs,
            methods=methods,
            seeds=options.seeds or (_QUICK_SEEDS if options.quick else _SEEDS),
            evaluations=100 if options.quick else options.evaluations,
            confidence=None if options.plain_caps else CONFIDENCE,
        )
        journal = RunJournal(options.runs) if options.runs else None
        cells = cells_of(plan, whole_seeds(plan, journal, workers=options.workers))
    except (LeewardError, TableUnusable) as failure:
        print(f"bench.search: {failure}", file=sys.stderr)
        return 2
    figures = figures_of(cells, plan.evaluations)
    figures["spaces"] = _by_space(cells, plan.evaluations)
    figures.update(_latency(plan))
    figures["machine"] = describe_machine(("leeward", "numpy"))
    figures["is_quick"] = bool(options.quick)
    print_table(cells, figures, Console(stderr=True))
    if options.results:
        write_results(options.results, cells, figures)
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.search", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument(
        "--quick", action="store_true", help="few seeds and methods, a smaller budget"
    )
    parser.add_argument("--data", action="append", type=Path, default=[], help="matrix file")
    parser.add_argument("--space", action="append", type=Path, default=[], help="space/v1 file")
    parser.add_argument("--table", type=Path, help="another table of the reference world")
    parser.add_argument("--seeds", type=int, help="seeds per method")
    parser.add_argument("--methods", help="searchers, separated by commas; default: all there are")
    parser.add_argument("--evaluations", type=int, default=300, help="budget, full evaluations")
    parser.add_argument("--runs", type=Path, help="journal of runs: an ended benchmark goes on")
    parser.add_argument("--results", type=Path, help="write the figures as a page, in Markdown")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument(
        "--plain-caps", action="store_true", help="caps as they stand, without confidence bound"
    )
    return parser


def _all_pairs(options: argparse.Namespace) -> list[AnyPair]:
    """Return what is searched: the spaces of the matrices, and of a table where there is one.

    Matrices that are named are all that is wanted; so is a table that is named.
    """
    table = options.table
    if table is None and not options.data and TABLE_PATH.is_file():
        table = TABLE_PATH
    tabulated: list[AnyPair] = []
    if table is not None:
        tabulated += reference_pairs(table, is_quick=options.quick)
    if options.table is not None and not options.data:
        return tabulated
    return [*_pairs(options.data, options.space, is_quick=options.quick), *tabulated]


def _pairs(data: Sequence[Path], spaces: Sequence[Path], *, is_quick: bool) -> list[Pair]:
    """Pair files in order; data alone means S1, which comes with privacy too unless in a hurry."""
    if spaces and len(spaces) != len(data):
        raise LeewardError("give one --space per --data, in the same order")
    if spaces:
        return [Pair(one, load_space(space)) for one, space in zip(data, spaces, strict=True)]
    private = dataclasses.replace(S1, name="S1-private", sensitive=_SENSITIVE)
    specs = (dataclasses.replace(S1, caps=_QUICK_CAPS),) if is_quick else (S1, private)
    return [Pair(one, spec) for one in (data or [_SHIPPED]) for spec in specs]


def _methods(wanted: str | None, *, is_quick: bool) -> list[str]:
    """Return the searchers to run, ours first; those that lack a package are left out, and said."""
    if wanted:
        named = [AGENT_REINFORCE, *wanted.split(",")]
        return list(dict.fromkeys(named))
    left_out = _QUICK_LEFT_OUT if is_quick else frozenset[str]()
    names = [one for one in SEARCHERS if one != "exhaustive" and one not in left_out]
    return [one for one in names if one not in _OPTUNA or _has_optuna(one)]


def _has_optuna(sampler: str) -> bool:
    needed = ("optuna", "torch") if sampler == "gp" else ("optuna",)
    try:
        for name in needed:
            __import__(name)
    except ImportError:
        print(f"{sampler} is left out: it needs {' and '.join(needed)}", file=sys.stderr)
        return False
    return True


def _latency(plan: Plan) -> dict[str, object]:
    """Return how long suggestions take, by space at its middle cap; the slowest space counts."""
    found = latencies(plan)
    return {
        "suggest_ms_at_10000": max(one.suggest_ms for one in found.values()),
        "first_reading_ms_at_10000": max(one.reading_ms for one in found.values()),
        "suggest_ms_at_10000_by_space": {name: one.suggest_ms for name, one in found.items()},
    }


def _by_space(cells: Sequence[Cell], evaluations: int) -> dict[str, dict[str, object]]:
    """Return the headline figures of each space."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.setting.space_name, []).append(cell)
    return {
        name: {key: figures[key] for key in HEADLINES}
        for name, mine in found.items()
        for figures in (figures_of(mine, evaluations),)
    }


if __name__ == "__main__":
    sys.exit(main())
