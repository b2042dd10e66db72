"""Anytime curves of the search benchmark as a picture: regret by what was spent until then.

One standalone SVG per space; means over its caps and all seeds. Knows cells; runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from bench.search_figures import Cell, mean_regret, to_within
from optimizer.report.svg import Frame, axes, figure
from optimizer.search.registry import AGENT_REINFORCE

__all__ = ["anytime_curves"]

_FIRST: Final = 0.3
"""Evaluations' worth of executions at which the picture begins."""
_STEPS: Final = 60
_MOST_PP: Final = 8.0
"""Regrets above are drawn at the upper edge: nobody would deploy such a graph."""
_FRAME: Final = Frame(width=760, height=380, right=190)
_COLOURS: Final = ("#b5651d", "#3b7dd8", "#2e8b57", "#8e44ad", "#7f8c8d", "#c0392b", "#b59f00")
_DASHES: Final = ("none", "7 3", "2 3")
"""For the first methods of a colour, the second, and so on."""
_OURS: Final = "#111111"
_PART: Final = f"{AGENT_REINFORCE}_without_"
_STYLE: Final = (
    "<style>text{font:12px sans-serif;fill:#444}.name{font-weight:bold}"
    ".grid{stroke:#ddd}.axis{stroke:#444}path{fill:none}</style>"
)


def anytime_curves(cells: Sequence[Cell]) -> str:
    """Draw every method's mean regret on the caps of one space, over executions."""
    evaluations = cells[0].evaluations
    x = _FRAME.x(_FIRST, evaluations, is_log=True)
    y = _FRAME.y(0.0, _MOST_PP)
    marks = [
        f'<rect width="{_FRAME.width}" height="{_FRAME.height}" fill="#fff"/>',
        *axes(
            _FRAME,
            x,
            y,
            x_name="question executions, in evaluations of one graph on all questions",
            y_name="mean regret, points",
        ),
    ]
    methods = sorted(cells[0].runs, key=lambda one: (to_within(cells, one, "A")[0], one))
    others = [one for one in methods if one != AGENT_REINFORCE]
    colours = {one: _COLOURS[place % len(_COLOURS)] for place, one in enumerate(others)}
    dashes = {one: _DASHES[place // len(_COLOURS) % 3] for place, one in enumerate(others)}
    for place, method in enumerate(methods):
        colour = colours.get(method, _OURS)
        points = [
            f"{x(spent):.1f} {y(min(_regret(cells, method, float(spent)), _MOST_PP)):.1f}"
            for spent in np.geomspace(_FIRST, evaluations, _STEPS)
        ]
        width = 3 if method == AGENT_REINFORCE else 1.5
        look = (
            f'stroke="{colour}" stroke-width="{width}" '
            f'stroke-dasharray="{dashes.get(method, "none")}"'
        )
        at, left = _FRAME.top + 14 + 18 * place, x.end + 10
        label = escape(method.replace(_PART, "without ", 1))
        marks += [
            f'<path d="M{"L".join(points)}" {look}/>',
            f'<line x1="{left:.0f}" x2="{left + 18:.0f}" y1="{at - 4}" y2="{at - 4}" {look}/>',
            f'<text x="{left + 24:.0f}" y="{at}" style="fill:{colour}">{label}</text>',
        ]
    name = cells[0].setting.space_name
    drawn = figure(_FRAME, marks, title=f"Mean regret by executions on {name}")
    # Shown by itself, a picture has no page that says what it is and how it looks.
    head, body = drawn.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg">{_STYLE}{body}\n'


def _regret(cells: Sequence[Cell], method: str, evaluations: float) -> float:
    return float(np.mean([mean_regret(cell, method, evaluations) for cell in cells]))
