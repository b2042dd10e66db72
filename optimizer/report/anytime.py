"""The anytime curve: how good the recommended graph was, by what had been spent until then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.evaluation.model import Source
from optimizer.report.svg import Frame, Scale, axes, figure
from optimizer.search.model import CandidateKey
from optimizer.study.archive import Archive
from optimizer.study.events import Asked, Done, Event, Outcome, Recommended

__all__ = ["Progress", "anytime_chart", "progress_of"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One point of a study: after how many executions, at what cost."""

    executions: int
    usd: float
    accuracy: float
    """Of the recommended graph, or of the trial, on all questions it was ever asked."""
    name: str


def progress_of(events: Sequence[Event], archive: Archive) -> tuple[list[Progress], list[Progress]]:
    """Return the recommendations and the trials as points over executions."""
    by_key = {one.candidate.key: one for one in archive.measured}
    asked: dict[int, CandidateKey] = {}
    executions, usd = 0, 0.0
    recommended: list[Progress] = []
    trials: list[Progress] = []
    for event in events:
        match event:
            case Asked(trial):
                asked[trial.number] = trial.candidate.key
            case Outcome(_, one) if one.source is Source.FRESH:
                executions += 1
                usd += one.spent.usd
            case Done(number) if asked.get(number) in by_key:
                graph = by_key[asked[number]]
                trials.append(Progress(executions, usd, graph.accuracy, graph.name))
            case Recommended(_, found) if found and found.candidate.key in by_key:
                graph = by_key[found.candidate.key]
                recommended.append(Progress(executions, usd, graph.accuracy, graph.name))
            case _:
                pass
    return recommended, trials


def anytime_chart(recommended: Sequence[Progress], trials: Sequence[Progress]) -> str:
    """Draw the curve; grey marks are the trials."""
    points = [*recommended, *trials]
    if not points:
        return '<p class="none">Nothing was measured yet.</p>'
    frame = Frame()
    most = max(max(one.executions for one in points), 1)
    values = [one.accuracy for one in points]
    low, high = max(0.0, min(values) - 0.05), min(1.0, max(values) + 0.05)
    x, y = frame.x(0, most), frame.y(low, high)
    marks = list(axes(frame, x, y, x_name="question executions", y_name="share right"))
    marks.extend(
        f'<circle cx="{x(one.executions):.1f}" cy="{y(one.accuracy):.1f}" r="2.5" class="trial">'
        f"<title>{one.name}: {one.accuracy:.1%} after {one.executions} executions</title></circle>"
        for one in trials
    )
    marks.append(_steps(recommended, x, y, most))
    marks.extend(
        f'<circle cx="{x(one.executions):.1f}" cy="{y(one.accuracy):.1f}" r="4" class="chosen">'
        f"<title>recommended {one.name}: {one.accuracy:.1%} after {one.executions} executions,"
        f" ${one.usd:.4g}</title></circle>"
        for one in recommended
    )
    return figure(frame, marks, title="Accuracy of the recommended graph by executions")


def _steps(recommended: Sequence[Progress], x: Scale, y: Scale, most: int) -> str:
    if not recommended:
        return ""
    path = [f"M{x(recommended[0].executions):.1f} {y(recommended[0].accuracy):.1f}"]
    path.extend(f"H{x(one.executions):.1f}V{y(one.accuracy):.1f}" for one in recommended[1:])
    path.append(f"H{x(most):.1f}")
    return f'<path d="{"".join(path)}" class="line"/>'
