"""A progress bar with money and time left, fed by the events of a run. Knows the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from optimizer.cli_views import spend_line
from optimizer.study.advised import Advised
from optimizer.study.budget import Budget
from optimizer.study.events import Asked, Done, Event, Failed, Outcome, Recommended
from optimizer.study.virtual import Virtual

__all__ = ["RunWatcher", "two_lines", "watching"]


class _TwoLines(Progress):
    """How far a run is, and below it what it has spent and found: both fit 80 characters."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar, then the words."""
        yield from super().get_renderables()
        for task in self.tasks:
            words = (task.fields["spend"], task.fields["best"])
            yield Text("; ".join(word for word in words if word))


class RunWatcher:
    """Counts the events of a run and shows them as they come."""

    def __init__(self, progress: Progress, *, executions: int) -> None:
        self._progress = progress
        self._bar = progress.add_task("starting", total=max(executions, 1), spend="", best="")
        self.budget: Budget | None = None
        self.trials = 0
        self.answered = 0
        self.failed = 0
        self.virtual = 0
        """Graphs scored from others' calls, for nothing."""
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
            case Virtual():
                self.virtual += len(event.graphs)
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


def two_lines(console: Console) -> Progress:
    """Return a bar with time left; what was spent and found is on the line below it."""
    return _TwoLines(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=False,
    )


@contextmanager
def watching(*, executions: int, is_quiet: bool) -> Iterator[RunWatcher]:
    """Show a run on stderr while the block runs; silent for scripts."""
    console = Console(stderr=True)
    console.quiet = is_quiet or not console.is_terminal
    with two_lines(console) as progress:
        yield RunWatcher(progress, executions=executions)
