"""How the searcher's probabilities moved: one row per option, one column per round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from optimizer.report.svg import Frame, figure
from optimizer.search.model import Decision, DecisionKind
from optimizer.study.events import Event, Learned

__all__ = ["heat_map", "probabilities_of"]

_CELL = 16
_LEFT = 250
_MOST_COLUMNS = 60
_MOST_ROWS = 80

Rounds = list[tuple[int, dict[str, float]]]
"""After which trial, and the probability of each row."""


def probabilities_of(events: Sequence[Event], decisions: Sequence[Decision]) -> Rounds:
    """Return the probabilities that the searcher showed: edges present, other options each."""
    rounds: Rounds = []
    for event in events:
        if not isinstance(event, Learned):
            continue
        shown = event.state.get("probabilities")
        if isinstance(shown, Mapping):
            rounds.append((event.after, dict(_rows(shown, decisions))))
    return rounds


def heat_map(rounds: Rounds) -> str:
    """Draw the rounds; darker is more probable."""
    if not rounds:
        return '<p class="none">This searcher keeps no probabilities.</p>'
    step = -(-len(rounds) // _MOST_COLUMNS)
    shown = rounds[::step]
    rows = sorted({name for _, values in shown for name in values}, key=_row_order)[:_MOST_ROWS]
    frame = Frame(
        width=max(_LEFT + _CELL * len(shown) + 20, 320), height=_CELL * len(rows) + 40, left=_LEFT
    )
    marks: list[str] = []
    for line, name in enumerate(rows):
        top = _CELL * line + 4
        marks.append(
            f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end">{escape(name[:36])}</text>'
        )
        for column, (after, values) in enumerate(shown):
            value = values.get(name, 0.0)
            marks.append(
                f'<rect x="{_LEFT + _CELL * column}" y="{top}" width="{_CELL - 1}"'
                f' height="{_CELL - 1}" class="heat" fill-opacity="{0.04 + 0.96 * value:.3f}">'
                f"<title>{escape(name)}: {value:.2f} after trial {after + 1}</title></rect>"
            )
    bottom = _CELL * len(rows) + 20
    marks.extend(
        f'<text x="{_LEFT + _CELL * column + _CELL / 2}" y="{bottom}" text-anchor="middle">'
        f"{shown[column][0] + 1}</text>"
        for column in range(0, len(shown), max(2, len(shown) // 8))
    )
    marks.append(f'<text x="{_LEFT}" y="{bottom + 15}" class="name">after this many trials</text>')
    drawing = figure(frame, marks, title="Probabilities by round")
    return f'<div class="scroll" style="--wide:{frame.width}px">{drawing}</div>'


def _rows(shown: Mapping[object, object], decisions: Sequence[Decision]) -> list[tuple[str, float]]:
    """Return one value per edge, and one per option of every other decision."""
    found: list[tuple[str, float]] = []
    for decision in decisions:
        values = shown.get(decision.name)
        if not isinstance(values, Mapping):
            continue
        numbers = [(option, float(values.get(option, 0.0))) for option in decision.options]
        if decision.kind is DecisionKind.EDGE:
            found.append((decision.name, numbers[-1][1]))
        else:
            found.extend((f"{decision.name} = {option}", value) for option, value in numbers)
    return found


def _row_order(name: str) -> tuple[bool, str]:
    return (" = " in name, name)
