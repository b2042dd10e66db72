"""The gate before a model or adapter comes into use: both answer labelled examples.

For commands; how examples are judged is ``edge.capture.gate``'s.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from edge.capture.gate import GateResult, compared
from edge.capture.labelled import read_labelled
from edge.capture.store import Example
from edge.capture.trial import OnTrial, on_trial
from edge.engine.options import EngineOptions
from runtime.cli.exit_codes import FINDINGS
from runtime.cli.output import run_command
from runtime.errors import RequestInvalid
from runtime.ids import ModelName

__all__ = [
    "CONFIDENCE",
    "MARGIN",
    "ConfidenceOption",
    "Gate",
    "GateOption",
    "Judged",
    "MarginOption",
    "UngatedOption",
    "run_gated",
]

GateOption = Annotated[
    Path | None,
    typer.Option(help="Labelled examples, as `leeward edge capture export` writes them."),
]
MarginOption = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Accuracy that may be lost at most.")
]
ConfidenceOption = Annotated[
    float, typer.Option(min=0.5, max=0.9999, help="With which that is to be shown.")
]
UngatedOption = Annotated[
    bool, typer.Option("--ungated", help="Take it into use without comparing anything.")
]
MARGIN: Final = 0.02
CONFIDENCE: Final = 0.95
_NEW, _OLD = ModelName("candidate"), ModelName("current")


@dataclass(frozen=True, slots=True)
class Judged:
    """What a gate says."""

    has_passed: bool
    line: str
    """For people, and for the record."""
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a candidate has to show."""

    file: Path | None
    margin: float
    confidence: float
    is_ungated: bool

    def judge(self, candidate: OnTrial, current: OnTrial, options: EngineOptions) -> Judged:
        """Ask both every example.

        Args:
            candidate: What is to come into use.
            current: What it replaces.
            options: How that is loaded.

        Raises:
            RequestInvalid: There is neither a file of examples nor the word to do without.
            DocumentInvalid: The file holds no examples.
            ModelInvalid: One of both cannot be loaded.
        """
        if (self.file is None) != self.is_ungated:
            raise RequestInvalid("give --gate FILE, or say --ungated", field="gate")
        if self.file is None:
            return Judged(True, "ungated", {"gate": None})
        examples = read_labelled(self.file)
        result = asyncio.run(_compared(examples, candidate, current, options))
        most = result.most_loss(self.confidence)
        has_passed = most <= self.margin
        line = (
            f"{'passed' if has_passed else 'refused'}: right in {result.candidate_kept} of"
            f" {result.examples}, the one in use in {result.current_kept}; with"
            f" {self.confidence:.0%} confidence at most {most:.1%} are lost, and {self.margin:.1%}"
            " may be"
        )
        return Judged(has_passed, line, {"gate": self._data(result, has_passed=has_passed)})

    def _data(self, result: GateResult, *, has_passed: bool) -> dict[str, Any]:
        return {
            "passed": has_passed,
            "examples": result.examples,
            "candidate_right": result.candidate_kept,
            "current_right": result.current_kept,
            "lost": list(result.lost),
            "most_loss": round(result.most_loss(self.confidence), 4),
            "margin": self.margin,
            "confidence": self.confidence,
        }


def run_gated(work: Callable[[], bool], *, as_json: bool) -> None:
    """Run a command; exit code 3 where it says that a gate refused."""
    passed: list[bool] = []
    run_command(lambda: passed.append(work()), as_json=as_json)
    if not passed[0]:
        raise typer.Exit(FINDINGS)


async def _compared(
    examples: tuple[Example, ...], candidate: OnTrial, current: OnTrial, options: EngineOptions
) -> GateResult:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("examples", total=len(examples))
        async with on_trial({_NEW: candidate, _OLD: current}, options) as ask:
            return await compared(examples, _NEW, _OLD, ask=ask, tick=lambda: progress.advance(bar))
