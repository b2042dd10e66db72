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
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from bench.machine import describe_machine
from bench.search_figures import Cell
from bench.search_latency import latency_at_ten_thousand
from bench.search_reference import ReferencePair, reference_pairs, reference_setting
from bench.search_report import HEADLINES, figures_of, print_table
from bench.search_runs import CONFIDENCE, Accounting, AnySetting, Run, Setting, World, run_once
from optimizer.replay.matrix import load_matrix
from optimizer.replay.space_document import S1, HashClass, TeamSpec, load_space
from optimizer.replay.table_file import TableUnusable
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import build_table
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
_QUICK_S: Final = 38.0
"""After so long, a quick run begins no further seed."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A matrix file and the space to search on it."""

    data: Path
    spec: TeamSpec

    @property
    def name(self) -> str:
        """What reports call the space."""
        return self.spec.name

    @property
    def caps(self) -> tuple[float, ...]:
        """What the cloud share is capped at, one after the other."""
        return self.spec.caps


_AnyPair = _Pair | ReferencePair


@dataclass(frozen=True, slots=True)
class _Task:
    pair: _AnyPair
    cap: float | str
    method: str
    accounting: Accounting
    seed: int
    evaluations: int
    confidence: float | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    options = _parser().parse_args(arguments)
    try:
        pairs = _all_pairs(options)
        methods = _methods(options.methods, is_quick=options.quick)
        evaluations = 100 if options.quick else options.evaluations
        cells = _run_all(options, pairs, methods, evaluations)
    except (LeewardError, TableUnusable) as failure:
        print(f"bench.search: {failure}", file=sys.stderr)
        return 2
    figures = figures_of(cells, evaluations)
    figures["spaces"] = _by_space(cells, evaluations)
    latency = latency_at_ten_thousand(cells[0].setting)
    figures["suggest_ms_at_10000"] = latency.suggest_ms
    figures["first_reading_ms_at_10000"] = latency.reading_ms
    figures["machine"] = describe_machine(("leeward", "numpy"))
    figures["is_quick"] = bool(options.quick)
    print_table(cells, figures, Console(stderr=True))
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.search", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="under 50 seconds, few seeds")
    parser.add_argument("--data", action="append", type=Path, default=[], help="matrix file")
    parser.add_argument("--space", action="append", type=Path, default=[], help="space/v1 file")
    parser.add_argument("--table", type=Path, help="another table of the reference world")
    parser.add_argument("--seeds", type=int, help="seeds per method")
    parser.add_argument("--methods", help="searchers, separated by commas; default: all there are")
    parser.add_argument("--evaluations", type=int, default=300, help="budget, full evaluations")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument(
        "--plain-caps", action="store_true", help="caps as they stand, without confidence bound"
    )
    return parser


def _all_pairs(options: argparse.Namespace) -> list[_AnyPair]:
    """Return what is searched: the spaces of the matrices, and of a table where there is one.

    Matrices that are named are all that is wanted; so is a table that is named.
    """
    table = options.table
    if table is None and not options.data and TABLE_PATH.is_file():
        table = TABLE_PATH
    tabulated: list[_AnyPair] = []
    if table is not None:
        tabulated += reference_pairs(table, is_quick=options.quick)
    if options.table is not None and not options.data:
        return tabulated
    return [*_pairs(options.data, options.space, is_quick=options.quick), *tabulated]


def _pairs(data: Sequence[Path], spaces: Sequence[Path], *, is_quick: bool) -> list[_Pair]:
    """Pair files in order; data alone means S1, which comes with privacy too unless in a hurry."""
    if spaces and len(spaces) != len(data):
        raise LeewardError("give one --space per --data, in the same order")
    if spaces:
        return [_Pair(one, load_space(space)) for one, space in zip(data, spaces, strict=True)]
    private = dataclasses.replace(S1, name="S1-private", sensitive=_SENSITIVE)
    specs = (S1,) if is_quick else (S1, private)
    return [_Pair(one, spec) for one in (data or [_SHIPPED]) for spec in specs]


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


def _run_all(
    options: argparse.Namespace, pairs: Sequence[_AnyPair], methods: Sequence[str], evaluations: int
) -> list[Cell]:
    """Run seed after seed, so that a run that ends early has whole seeds."""
    seeds = options.seeds or (10 if options.quick else 100)
    confidence = None if options.plain_caps else CONFIDENCE
    settings = [(pair, cap) for pair in pairs for cap in pair.caps]
    started = time.monotonic()
    runs: list[tuple[_Task, Run]] = []
    console = Console(stderr=True)
    with (
        # A fork would copy a process whose threads (gRPC's, BLAS's) are in the middle of something.
        ProcessPoolExecutor(
            max(1, options.workers), mp_context=multiprocessing.get_context("spawn")
        ) as executor,
        Progress(console=console, transient=True) as progress,
    ):
        bar = progress.add_task("seeds", total=seeds * len(settings) * (len(methods) + 1))
        for seed in range(seeds):
            tasks = [
                _Task(pair, cap, method, accounting, seed, evaluations, confidence)
                for pair, cap in settings
                for method, accounting in _accounted(methods)
            ]
            for task, run in _run_seed(executor, tasks):
                runs.append((task, run))
                progress.advance(bar)
            elapsed = time.monotonic() - started
            is_late = elapsed + elapsed / (seed + 1) > _QUICK_S
            if options.quick and options.seeds is None and is_late:
                break
    return [_cell(pair, cap, confidence, evaluations, runs) for pair, cap in settings]


def _accounted(methods: Sequence[str]) -> Iterator[tuple[str, Accounting]]:
    """Yield the slow ones first, so that the last process does not wait alone."""
    yield AGENT_REINFORCE, "B"
    for method in methods:
        yield method, "A"


def _run_seed(executor: ProcessPoolExecutor, tasks: Sequence[_Task]) -> Iterator[tuple[_Task, Run]]:
    futures: dict[Future[Run], _Task] = {executor.submit(_run, task): task for task in tasks}
    for future in as_completed(futures):
        yield futures[future], future.result()


def _run(task: _Task) -> Run:
    """Run one task; runs in a worker process, which keeps what it has loaded."""
    setting = _setting(task.pair, task.cap, task.confidence)
    return run_once(
        setting,
        task.method,
        accounting=task.accounting,
        seed=task.seed,
        evaluations=task.evaluations,
    )


def _setting(pair: _AnyPair, cap: float | str, confidence: float | None) -> AnySetting:
    if isinstance(pair, ReferencePair):
        return reference_setting(pair, str(cap), confidence)
    return _team_setting(pair, float(cap), confidence)


@cache
def _team_setting(pair: _Pair, cap: float, confidence: float | None) -> Setting:
    return Setting(_world(pair), cap, confidence)


@cache
def _world(pair: _Pair) -> World:
    matrix = load_matrix(pair.data)
    table = build_table(matrix, pair.spec)
    return World(TeamSpace(pair.spec, table.may_leave[table.search]), table)


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


def _cell(
    pair: _AnyPair,
    cap: float | str,
    confidence: float | None,
    evaluations: int,
    runs: Sequence[tuple[_Task, Run]],
) -> Cell:
    """Gather the runs of one setting, by method and seed."""
    plain: dict[str, list[Run]] = {}
    virtual: dict[str, list[Run]] = {}
    mine = (one for one in runs if one[0].pair == pair and one[0].cap == cap)
    for task, run in sorted(mine, key=lambda one: one[0].seed):
        (virtual if task.accounting == "B" else plain).setdefault(task.method, []).append(run)
    name = f"{pair.name} cap {cap if isinstance(cap, str) else format(cap, 'g')}"
    return Cell(name, _setting(pair, cap, confidence), plain, virtual, evaluations)


if __name__ == "__main__":
    sys.exit(main())
