"""``leeward optimizer watch``: is the deployed graph still the right one?"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from optimizer.cli_options import (
    CacheOption,
    DirectoryOption,
    GraphArgument,
    StudyArgument,
    opened,
    place_of,
)
from optimizer.cli_progress import RunWatcher, watching
from optimizer.cli_views import measured_data, measured_table
from optimizer.evaluation.tasks import load_tasks
from optimizer.study.archive import Archive, Measured
from optimizer.study.model import LiveSource
from optimizer.study.opening import OpenStudy
from optimizer.study.parts import live_parts
from optimizer.study.running import CACHE_FILE, RunPlace, run_study
from optimizer.study.scorers import check_scorers
from optimizer.study.tabulated import report_study
from optimizer.study.watch import OneGraph, fresh_study, verdict_of
from runtime.cli.exit_codes import FINDINGS
from runtime.cli.output import JsonOption, run_command, show
from runtime.clock import SystemClock
from runtime.errors import BackendUnavailable, RequestInvalid

__all__ = ["watch"]


def watch(
    study: StudyArgument,
    graph: GraphArgument = "recommended",
    *,
    tasks: Annotated[
        Path | None,
        typer.Option(help="Fresh labelled questions (JSON lines); a table has its own."),
    ] = None,
    directory: DirectoryOption = None,
    cache: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a graph again on fresh questions, under the study's caps on spending.

    Exit code 3 when it is time to search again: the graph is right less often than in the study,
    and not by chance, or it broke a constraint.
    """

    def work() -> None:
        one = opened(study)
        if one.replay is not None:
            raise RequestInvalid("a replay has no edge on which fresh questions could be asked")
        if (tasks is None) != (one.tabulated is not None):
            raise RequestInvalid(
                "a table is watched on its report half; leave it out"
                if tasks is not None
                else "is needed: where are the fresh questions?",
                field="--tasks",
            )
        place = place_of(one, directory, cache)
        before = one.archive(place).find(graph)
        fresh, there = _fresh(one, place, tasks)
        with watching(executions=fresh.questions, is_quiet=as_json) as watcher:
            reason = asyncio.run(_score(fresh, there, before, watcher))
        archive: Archive = fresh.archive(there)
        if not archive.measured:
            raise BackendUnavailable(f"no fresh question was answered: {reason}")
        now = archive.measured[0]
        verdict = verdict_of(before, now, confidence=one.study.confidence)
        data = {
            "study": one.study.name,
            "graph": before.name,
            "ended": reason,
            "before": measured_data(before),
            "now": measured_data(now),
            "accuracy_difference": asdict(verdict.accuracy),
            "search_again": bool(verdict.reasons),
            "reasons": list(verdict.reasons),
        }
        both = [before, now]
        table = measured_table(both, names=(before.name, "now"))
        told = "\n".join(verdict.reasons) or "nothing speaks against it"
        head = "search again:" if verdict.reasons else "still fits:"
        show(data, table, f"{head} {told}", as_json=as_json)
        if verdict.reasons:
            raise typer.Exit(FINDINGS)

    run_command(work, as_json=as_json)


def _fresh(one: OpenStudy, place: RunPlace, tasks: Path | None) -> tuple[OpenStudy, RunPlace]:
    """Return the study of the fresh questions and where it is kept: typed again, it goes on."""
    fresh = _on_tasks(one, tasks) if tasks is not None else _on_report_half(one)
    study = fresh.study
    there = replace(
        place,
        directory=place.directory / "watch" / study.hash[:16],
        cache=place.cache or place.directory / CACHE_FILE,
    )
    return fresh, there


def _on_tasks(one: OpenStudy, tasks: Path) -> OpenStudy:
    assert one.live is not None  # noqa: S101 - the command asked
    loaded = load_tasks(tasks)
    check_scorers(loaded, one.live.source, tasks_file=str(tasks))
    study = fresh_study(one.study, one.live.source, loaded)
    source = study.source
    assert isinstance(source, LiveSource)  # noqa: S101 - made from one
    parts = live_parts(study, source, today=SystemClock().now().date())
    return OpenStudy(study, parts.space, len(source.tasks), live=parts)


def _on_report_half(one: OpenStudy) -> OpenStudy:
    assert one.tabulated is not None  # noqa: S101 - the command asked
    parts = one.tabulated.on_report_half()
    study = report_study(one.study)
    return OpenStudy(study, parts.space, len(parts.columns), tabulated=parts)


async def _score(fresh: OpenStudy, place: RunPlace, graph: Measured, watcher: RunWatcher) -> str:
    searcher = OneGraph(graph.candidate, questions=fresh.questions)
    async with fresh.evaluator(place, progress=watcher.phase) as evaluator:
        result = await run_study(
            fresh.study, searcher, evaluator, place, clock=SystemClock(), observer=watcher
        )
    return result.reason
