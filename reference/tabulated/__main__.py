"""``python -m reference.tabulated``: plan, build and describe the table, and tell its effects."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

from optimizer.replay.table_file import TableUnusable
from reference.models import UnknownModel, spec_of
from reference.tabulated.build import BuildFailed, Built, Job, build_table
from reference.tabulated.effects import find_effects
from reference.tabulated.pilot import Pilot, run_pilot
from reference.tabulated.plots import frontier_svg, shapes_svg
from reference.tabulated.questions import draw_questions
from reference.tabulated.report import (
    README,
    effects_text,
    facts_text,
    truth_text,
    with_section,
)
from reference.tabulated.space import FAMILIES, enumerate_space
from reference.tabulated.table import TABLE_PATH, load_table
from reference.weights import WeightsUnusable, published_models
from runtime.clock import SystemClock
from runtime.errors import LeewardError

__all__ = ["app"]

_WORK: Final = Path("var/tabulated")
_QUESTIONS: Final = 256

T = TypeVar("T")

app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=True)

Models = Annotated[str, typer.Option(help="Comma-separated pool; all reference models if empty.")]
Families = Annotated[str, typer.Option(help="Comma-separated families; the default ones if empty.")]
Questions = Annotated[int, typer.Option(min=32, help="A multiple of 32; half of them report.")]
Work = Annotated[Path, typer.Option(help="Cache and state; kept, so that a build can go on.")]

Weights = Annotated[
    Path | None, typer.Option(help="Folder of other weights; the committed ones by default.")
]


@app.command()
def plan(
    models: Models = "",
    families: Families = "",
    questions: Questions = _QUESTIONS,
    pilot: Annotated[int, typer.Option(min=1, help="Questions to answer for it.")] = 16,
    work: Work = _WORK,
    weights: Weights = None,
) -> None:
    """Answer a few questions by every graph, and tell what a build would take."""
    console = Console(stderr=True)
    job = _job(models, families, questions, work, weights)
    # Not a divisor of the draw's cells, so that all tasks, levels and both halves come in turn.
    some = job.questions[:: max(1, questions // pilot - 1)][:pilot]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        measured = _run(
            run_pilot(
                replace(job, questions=some),
                bar,
                environment=_environment(),
                clock=SystemClock(),
            )
        )
    _show_pilot(measured, questions)


@app.command()
def build(
    models: Models = "",
    families: Families = "",
    questions: Questions = _QUESTIONS,
    work: Work = _WORK,
    weights: Weights = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = TABLE_PATH,
    checked: Annotated[int, typer.Option(min=1, help="Pairs to run through the executor.")] = 3000,
) -> None:
    """Build the table; the same command again goes on where a stopped build was."""
    job = replace(_job(models, families, questions, work, weights), checked_pairs=checked)
    built = _run(
        build_table(
            job,
            out,
            environment=_environment(),
            clock=SystemClock(),
            console=Console(stderr=True),
        )
    )
    _show_built(job, built, out)


@app.command()
def describe(models: Models = "", families: Families = "") -> None:
    """Count the graphs of a space by family."""
    console = Console()
    for name, count in enumerate_space(_pool(models), _families(families)).describe().items():
        console.print(f"{name:<20}{count:>8,}")


@app.command()
def effects(
    table: Annotated[Path, typer.Option(help="The table to tell about.")] = TABLE_PATH,
    *,
    write: Annotated[bool, typer.Option(help="Write README.md and the plots.")] = False,
) -> None:
    """Tell what the table says about collaboration."""
    try:
        loaded = load_table(table)
    except TableUnusable as failure:
        raise _told(failure) from failure
    found = find_effects(loaded)
    if not write:
        typer.echo(effects_text(found))
        return
    readme = README.read_text()
    for name, text in (
        ("facts", facts_text(loaded)),
        ("truth", truth_text(loaded)),
        ("effects", effects_text(found)),
    ):
        readme = with_section(readme, name, text)
    README.write_text(readme)
    plots = README.parent / "plots"
    plots.mkdir(exist_ok=True)
    (plots / "frontier.svg").write_text(frontier_svg(loaded))
    (plots / "shapes.svg").write_text(shapes_svg(found.shapes))


def _job(models: str, families: str, questions: int, work: Path, weights: Path | None) -> Job:
    space = enumerate_space(_pool(models), _families(families))
    try:
        drawn = draw_questions(questions)
    except ValueError as failure:
        raise typer.BadParameter(str(failure)) from failure
    return Job(space, drawn, work, weights)


def _pool(models: str) -> list[str]:
    pool = _listed(models) or published_models()
    try:
        return [spec_of(model).name for model in pool]
    except UnknownModel as failure:
        raise typer.BadParameter(str(failure)) from failure


def _families(families: str) -> list[str]:
    chosen = _listed(families)
    unknown = sorted(set(chosen) - set(FAMILIES))
    if unknown:
        raise typer.BadParameter(f"no family {unknown[0]!r}; known: {', '.join(FAMILIES)}")
    return chosen


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _environment() -> dict[str, str]:
    return dict(os.environ)  # noqa: TID251 - the command line is a root


def _show_pilot(measured: Pilot, questions: int) -> None:
    grid = Grid("family", "graphs", "calls per question", "calls in all", "minutes in all")
    total = graphs = 0.0
    for cost in measured.costs:
        graphs += cost.graphs
        total += cost.calls_per_question * questions
        minutes = f"{total / measured.calls_per_s / 60:,.0f}" if measured.calls_per_s else "-"
        grid.add_row(
            cost.family,
            f"{cost.graphs:,}",
            f"{cost.calls_per_question:,.0f}",
            f"{total:,.0f}",
            minutes,
        )
    console = Console()
    console.print(grid)
    console.print(
        f"{graphs:,.0f} graphs; {measured.calls_per_s:.0f} fresh calls per second on "
        f"{measured.questions} questions; the last columns add up from the top"
    )


def _show_built(job: Job, built: Built, out: Path) -> None:
    Console().print(
        f"{out}: {out.stat().st_size:,} bytes, SHA-256 {built.sha256[:16]}...\n"
        f"{len(job.space.graphs):,} graphs on {len(job.questions)} questions, "
        f"{built.calls:,} calls ({built.fresh_calls:,} of them fresh); the executor agrees on "
        f"{built.checked.same_text:,} of {built.checked.compared:,}"
    )


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what a person can act on is told in one line."""
    try:
        return asyncio.run(work)
    except (BuildFailed, WeightsUnusable, LeewardError) as failure:
        raise _told(failure) from failure


def _told(failure: Exception) -> typer.Exit:
    Console(stderr=True).print(f"[bold red]{type(failure).__name__}:[/] {failure}")
    return typer.Exit(1)


if __name__ == "__main__":
    app()
