"""The arms of the patterns' benchmark as a picture: accuracy by cost, all-cloud as the cross.

One standalone SVG over the single questions; knows the figures, runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from optimizer.report.svg import Frame, axes, figure

__all__ = ["accuracy_by_cost"]

_FRAME: Final = Frame(width=760, height=420, left=60, right=30)
_STYLE: Final = (
    "<style>text{font:12px sans-serif;fill:#444;paint-order:stroke;stroke:#fff;stroke-width:3px}"
    ".name{font-weight:bold}.grid{stroke:#e4e4e4}"
    ".axis{stroke:#444}.cloud{stroke:#b33;stroke-dasharray:4 4}.half{fill:#2e8b57;opacity:.08}"
    ".bar{stroke:#9bb}.dot{fill:#2266aa}.base{fill:#b33}</style>"
)
_LETTER_PX: Final = 6.2
_ROW_PX: Final = 13


def accuracy_by_cost(arms: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw every arm that answers single questions, with the interval of its accuracy.

    Args:
        arms: The figures of each arm by name, ``all-cloud`` among them.
    """
    cloud = arms["all-cloud"]
    shown = {name: arm for name, arm in arms.items() if arm["tasks"] == arm["questions"]}
    costs = {
        name: arm["usd_per_thousand"] / cloud["usd_per_thousand"] for name, arm in shown.items()
    }
    low = min(arm["accuracy_interval"][0] for arm in shown.values())
    x = _FRAME.x(0.0, max(1.3, *costs.values()) * 1.05)
    y = _FRAME.y(low - 0.02, 1.0)
    left, half = x(0.0), x(0.5)
    top, line = y(1.0), y(cloud["accuracy"])
    wanted = (
        f'<rect class="half" x="{left:.1f}" y="{top:.1f}" width="{half - left:.1f}" '
        f'height="{line - top:.1f}"><title>better than all-cloud at half its cost</title></rect>'
    )
    marks = [
        _STYLE,
        f'<rect width="{_FRAME.width}" height="{_FRAME.height}" fill="#fff"/>',
        wanted,
        *axes(_FRAME, x, y, x_name="cost, in that of all-cloud", y_name="share answered right"),
        f'<line class="cloud" x1="{left:.1f}" x2="{x.end:.1f}" y1="{line:.1f}" y2="{line:.1f}"/>',
    ]
    taken: list[tuple[float, float, float]] = []
    for name, arm in sorted(shown.items(), key=lambda one: -one[1]["accuracy"]):
        at, high = x(costs[name]), y(arm["accuracy"])
        bounds = [y(bound) for bound in arm["accuracy_interval"]]
        kind = "base" if name in ("all-edge", "all-cloud") else "dot"
        marks.append(
            f'<line class="bar" x1="{at:.1f}" x2="{at:.1f}" y1="{bounds[0]:.1f}" '
            f'y2="{bounds[1]:.1f}"/><circle class="{kind}" cx="{at:.1f}" cy="{high:.1f}" r="4"/>'
        )
        marks.append(_label(name, at, high, taken))
    drawing = figure(_FRAME, marks, title="Accuracy of every pattern by its cost")
    return drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _label(name: str, at: float, high: float, taken: list[tuple[float, float, float]]) -> str:
    """Write a name beside its point, below the names that stand there already."""
    width = len(name) * _LETTER_PX
    is_right = at + 8 + width < _FRAME.width
    start = at + 8 if is_right else at - 8 - width
    row = high + 4
    while any(abs(row - r) < _ROW_PX and start < e and s < start + width for r, s, e in taken):
        row += _ROW_PX
    taken.append((row, start, start + width))
    return f'<text x="{start:.1f}" y="{row:.1f}">{escape(name)}</text>'
