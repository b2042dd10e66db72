"""The front as a picture: every measured graph by accuracy and one thing that it costs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from optimizer.report.svg import Frame, axes, figure
from optimizer.study.archive import Measured
from optimizer.study.front import Front
from optimizer.study.model import ACCURACY, Objective

__all__ = ["front_chart"]

_NAMES: dict[Objective, str] = {
    "latency_p95_s": "95th percentile of latency, seconds",
    "cost_usd": "mean cost of a question, US dollars",
    "cloud_share": "share of questions that leave the edge",
    "flops": "mean FLOPs of a question",
    "egress_bytes": "mean bytes of a question that leave the edge",
}
_LABELLED = 12


def front_chart(measured: Sequence[Measured], front: Front, *, recommended: str | None) -> str:
    """Draw graphs by accuracy and the first other objective; the front is joined by a line."""
    if not measured:
        return '<p class="none">Nothing was measured yet.</p>'
    others = [one for one in front.objectives if one != ACCURACY]
    objective = others[0] if others else "cost_usd"
    frame = Frame()
    values = [one.values[objective] for one in measured]
    positive = [value for value in values if value > 0]
    is_log = len(positive) == len(values) and max(values) > 50 * min(values)
    top = max(values) or 1.0
    x = frame.x(min(positive) if is_log else 0.0, top * 1.03, is_log=is_log)
    highest = max(one.accuracy for one in measured)
    lowest = min(one.accuracy for one in measured)
    y = frame.y(max(0.0, lowest - 0.05), min(1.0, highest + 0.05))
    marks = list(axes(frame, x, y, x_name=_NAMES[objective], y_name="share right"))
    on_front = {one.number for one in front.members}
    line = sorted(front.members, key=lambda one: one.values[objective])
    if len(line) > 1:
        points = " ".join(f"{x(o.values[objective]):.1f},{y(o.accuracy):.1f}" for o in line)
        marks.append(f'<polyline points="{points}" class="frontline"/>')
    for one in measured:
        kind = "member" if one.number in on_front else "trial" if one.is_possible else "broken"
        if one.name == recommended:
            kind += " recommended"
        at_x, at_y = x(one.values[objective]), y(one.accuracy)
        radius = 6 if one.name == recommended else 5 if one.number in on_front else 3
        title = f"{one.name}: {one.accuracy:.1%}, {objective} {one.values[objective]:.4g}"
        marks.append(
            f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="{radius}" class="{kind}">'
            f"<title>{escape(title)}; {escape(str(one.candidate.key))}</title></circle>"
        )
    marks.extend(
        f'<text class="tag" x="{x(one.values[objective]) + 9:.1f}" '
        f'y="{y(one.accuracy) + (-7 if place % 2 == 0 else 15):.1f}">{one.name}</text>'
        for place, one in enumerate(front.members[:_LABELLED])
    )
    return figure(frame, marks, title="Measured graphs and the front")
