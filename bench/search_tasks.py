"""The runs of the search benchmark: which there are, on which settings, made by which process.

Knows pairs of data and space, methods and seeds, and the journal that runs are kept in; knows no
figures.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bench.search_figures import Cell
from bench.search_journal import RunJournal, RunKey, sources_hash
from bench.search_latency import Latency, latency_at_ten_thousand
from bench.search_reference import ReferencePair, reference_setting
from bench.search_runs import Accounting, AnySetting, Run, Setting, World, run_once
from optimizer.replay.matrix import load_matrix
from optimizer.replay.space_document import TeamSpec
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import build_table
from optimizer.search.registry import AGENT_REINFORCE, strategy_module

__all__ = ["AnyPair", "Pair", "Plan", "cells_of", "latencies", "whole_seeds"]


@dataclass(frozen=True, slots=True)
class Pair:
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


AnyPair = Pair | ReferencePair


@dataclass(frozen=True, slots=True)
class _Task:
    pair: AnyPair
    cap: float | str
    method: str
    accounting: Accounting
    seed: int
    evaluations: int
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: every method on every setting with the same seeds.

    Args:
        pairs: Spaces.
        methods: Searchers; Agent-REINFORCE is run under accounting B too.
        seeds: How many, from 0 on.
        evaluations: Budget of a run, in evaluations of a graph on all questions.
        confidence: Of the caps' bounds, ``None`` for plain caps.
    """

    pairs: Sequence[AnyPair]
    methods: Sequence[str]
    seeds: int
    evaluations: int
    confidence: float | None

    @property
    def settings(self) -> list[tuple[AnyPair, float | str]]:
        """Every space under every of its caps."""
        return [(pair, cap) for pair in self.pairs for cap in pair.caps]

    def tasks(self, seed: int) -> list[_Task]:
        """Return the runs of a seed, the slow ones first: no process waits alone at last."""
        accounted: list[tuple[str, Accounting]] = [(AGENT_REINFORCE, "B")]
        accounted += [(method, "A") for method in self.methods]
        return [
            _Task(pair, cap, method, accounting, seed, self.evaluations, self.confidence)
            for pair, cap in self.settings
            for method, accounting in accounted
        ]


def whole_seeds(plan: Plan, journal: RunJournal | None, *, workers: int) -> list[tuple[_Task, Run]]:
    """Make all runs, seed after seed, and return them; those that the journal has are not made.

    Interrupted, it keeps what was made: the journal goes on from there.
    """
    found: list[tuple[_Task, Run]] = []
    console = Console(stderr=True)
    with (
        _processes(workers) as executor,
        Progress(console=console, transient=True) as progress,
    ):
        bar = progress.add_task("runs", total=plan.seeds * len(plan.tasks(0)))
        for seed in range(plan.seeds):
            for task, run in _run_seed(executor, plan.tasks(seed), journal):
                found.append((task, run))
                progress.advance(bar)
    return found


def latencies(plan: Plan) -> dict[str, Latency]:
    """Measure a suggestion among ten thousand trials, by space at its middle cap."""
    with _processes(1) as executor:
        asked = {
            pair.name: executor.submit(
                _latency, pair, pair.caps[len(pair.caps) // 2], plan.confidence
            )
            for pair in plan.pairs
        }
        return {name: one.result() for name, one in asked.items()}


def _latency(pair: AnyPair, cap: float | str, confidence: float | None) -> Latency:
    return latency_at_ten_thousand(_setting(pair, cap, confidence))


def _processes(count: int) -> ProcessPoolExecutor:
    """Start worker processes of one thread each, however many cores there are.

    BLAS would take them all, and count what its threads wait for each other as processor time.
    """
    # BLAS reads it when a process loads numpy, which these have not done yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251
    # A fork would copy a process whose threads (gRPC's, BLAS's) are in the middle of something.
    return ProcessPoolExecutor(max(1, count), mp_context=multiprocessing.get_context("spawn"))


def _run_seed(
    executor: ProcessPoolExecutor, tasks: Sequence[_Task], journal: RunJournal | None
) -> Iterator[tuple[_Task, Run]]:
    futures: dict[Future[Run], _Task] = {}
    keys: dict[_Task, RunKey] = {}
    for task in tasks:
        if journal is not None:
            keys[task] = _key(task)
            made = journal.get(keys[task])
            if made is not None:
                yield task, made
                continue
        futures[executor.submit(_run, task)] = task
    for future in as_completed(futures):
        task, run = futures[future], future.result()
        if journal is not None:
            journal.add(keys[task], run)
        yield task, run


def _run(task: _Task) -> Run:
    """Run one task; runs in a worker process, which keeps what it has loaded."""
    return run_once(
        _setting(task.pair, task.cap, task.confidence),
        task.method,
        accounting=task.accounting,
        seed=task.seed,
        evaluations=task.evaluations,
    )


def _key(task: _Task) -> RunKey:
    module = _module(task.method, task.pair, task.cap, task.confidence)
    return RunKey(
        space=task.pair.name,
        cap=str(task.cap),
        method=task.method,
        accounting=task.accounting,
        seed=task.seed,
        evaluations=task.evaluations,
        confidence=task.confidence,
        made_with=sources_hash(module, task.pair.data),
    )


@cache
def _module(method: str, pair: AnyPair, cap: float | str, confidence: float | None) -> str:
    return strategy_module(method, _setting(pair, cap, confidence).problem)


def _setting(pair: AnyPair, cap: float | str, confidence: float | None) -> AnySetting:
    if isinstance(pair, ReferencePair):
        return reference_setting(pair, str(cap), confidence)
    return _team_setting(pair, float(cap), confidence)


@cache
def _team_setting(pair: Pair, cap: float, confidence: float | None) -> Setting:
    return Setting(_world(pair), cap, confidence)


@cache
def _world(pair: Pair) -> World:
    matrix = load_matrix(pair.data)
    table = build_table(matrix, pair.spec)
    return World(TeamSpace(pair.spec, table.may_leave[table.search]), table)


def cells_of(plan: Plan, runs: Sequence[tuple[_Task, Run]]) -> list[Cell]:
    """Gather the runs by setting, method and seed."""
    return [_cell(plan, pair, cap, runs) for pair, cap in plan.settings]


def _cell(plan: Plan, pair: AnyPair, cap: float | str, runs: Sequence[tuple[_Task, Run]]) -> Cell:
    plain: dict[str, list[Run]] = {}
    virtual: dict[str, list[Run]] = {}
    mine = (one for one in runs if one[0].pair == pair and one[0].cap == cap)
    for task, run in sorted(mine, key=lambda one: one[0].seed):
        (virtual if task.accounting == "B" else plain).setdefault(task.method, []).append(run)
    name = f"{pair.name} cap {cap if isinstance(cap, str) else format(cap, 'g')}"
    by_method: Mapping[str, list[Run]] = {one: plain[one] for one in plan.methods}
    setting = _setting(pair, cap, plan.confidence)
    return Cell(name, setting, by_method, virtual, plan.evaluations)
