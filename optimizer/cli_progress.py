"""A progress bar with money and time left, fed by the events of a run. Knows the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from optimizer.cli_views import spend_line
from optimizer.study.advised import Advised
from optimizer.study.budget import Budget
from optimizer.study.events import Asked, Done, Event, Failed, Outcome, Recommended

__all__ = ["RunWatcher", "watching"]


class RunWatcher:
    """Counts the events of a run and shows them as they come."""

    def __init__(self, progress: Progress, *, executions: int) -> None:
        self._progress = progress
        self._bar = progress.add_task("starting", total=max(executions, 1), spend="", best="")
        self.budget: Budget | None = None
        self.trials = 0
        self.answered = 0
        self.failed = 0
        self.advised: list[Advised] = []

    def phase(self, name: str) -> None:
        """Name what is being started."""
        self._progress.update(self._bar, description=f"starting: {name}")

    def __call__(self, event: Event, budget: Budget) -> None:
        """Take one event."""
        self.budget = budget
        match event:
            case Asked(trial):
                self._progress.update(self._bar, description=f"trial {trial.number + 1}")
            case Outcome():
                self.answered += 1
                self._progress.update(self._bar, advance=1)
            case Failed():
                self.failed += 1
            case Advised():
                self.advised.append(event)
            case Done():
                self.trials += 1
                line = spend_line(budget.spent, budget.caps)
                self._progress.update(self._bar, spend=line)
            case Recommended(_, found):
                best = f"best {found.accuracy:.1%}" if found else "none keeps the constraints"
                self._progress.update(self._bar, best=best)
            case _:
                pass


@contextmanager
def watching(*, executions: int, is_quiet: bool) -> Iterator[RunWatcher]:
    """Show a run on stderr while the block runs; silent for scripts."""
    console = Console(stderr=True)
    console.quiet = is_quiet or not console.is_terminal
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[spend]}", markup=False),
        TextColumn("{task.fields[best]}", markup=False),
    )
    with Progress(*columns, console=console, transient=False) as progress:
        yield RunWatcher(progress, executions=executions)
