"""Two plots of the table as plain SVG: accuracy against FLOPs, and one model wider and deeper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

import numpy as np

from optimizer.replay.graph_table import GraphTable
from reference.tabulated.shapes import Shape
from reference.tabulated.truth import halves

__all__ = ["frontier_svg", "shapes_svg"]

_COLOURS: Final = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
_INK: Final = "#222222"
_PALE: Final = "#b8c4d0"
_FONT: Final = "font-family='sans-serif' font-size='12'"


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a plot lies, and what its axes span."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        low, high = self.x
        bottom, top = self.y
        return (
            round(self.left + self.width * (x - low) / (high - low), 1),
            round(self.top + self.height * (1 - (y - bottom) / (top - bottom)), 1),
        )


def frontier_svg(table: GraphTable) -> str:
    """Draw every graph of the report half: accuracy over mean units of FLOPs (logarithmic).

    Single models are marked and named; the line joins the graphs that no cheaper one beats.
    """
    measured = halves(table)["report"]
    units, accuracy = np.log10(measured.units), measured.accuracy
    x_range = (float(units.min()) - 0.05, float(units.max()) + 0.05)
    frame = _Frame(60, 20, 660, 360, x_range, _padded(accuracy))
    places = {frame.at(x, y) for x, y in zip(units.tolist(), accuracy.tolist(), strict=True)}
    parts = [f"<circle cx='{x}' cy='{y}' r='1.6' fill='{_PALE}'/>" for x, y in sorted(places)]
    best: list[tuple[float, float]] = []
    for graph in np.argsort(units, kind="stable"):
        if not best or accuracy[graph] > best[-1][1]:
            best.append((float(units[graph]), float(accuracy[graph])))
    parts.append(_line([frame.at(x, y) for x, y in best], _COLOURS[0]))
    for number, model in enumerate(table.pool):
        graph = table.index[f"assistant@{model}#0"]
        x, y = frame.at(float(units[graph]), float(accuracy[graph]))
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f"<circle cx='{x}' cy='{y}' r='5' fill='{colour}'/>")
        parts.append(_text(x + 7, y + 14, model))
    ticks = [power for power in _powers(*x_range) if x_range[0] <= log10(power) <= x_range[1]]
    parts += _axes(
        frame,
        x_ticks=[(log10(tick), f"{tick:g}") for tick in ticks],
        titles=("mean FLOPs, in calls of the smallest model", "right, report half"),
    )
    return _svg(750, 430, parts)


def shapes_svg(shapes: Sequence[Shape]) -> str:
    """Draw accuracy over width (left) and over depth with one answer (right), by model."""
    kept = [one for one in shapes if one.task == "all"]
    models = list(dict.fromkeys(one.model for one in kept))
    bounds = np.array([bound for one in kept for bound in (one.accuracy.low, one.accuracy.high)])
    parts: list[str] = []
    for place, axis in enumerate(("width", "depth")):
        frame = _Frame(60 + place * 370, 20, 300, 300, (0.7, 4.3), _padded(bounds))
        for number, model in enumerate(models):
            colour = _COLOURS[number % len(_COLOURS)]
            line = [one for one in kept if one.model == model and _is_on(one, axis)]
            shift = (number - (len(models) - 1) / 2) * 0.06  # so that intervals stay apart
            sizes = [(one.width if axis == "width" else one.depth) + shift for one in line]
            parts += _intervals(frame, sizes, line, colour)
            if place == 0:
                parts.append(_text(70 + number * 110, 395, model, colour))
        ticks = [(float(size), str(size)) for size in range(1, 5)]
        parts += _axes(frame, x_ticks=ticks, titles=(_AXIS_TITLES[axis], "right, report half"))
    return _svg(770, 410, parts)


_AXIS_TITLES: Final = {
    "width": "answers of one model, merged once",
    "depth": "steps: one answer, then refined",
}


def _is_on(one: Shape, axis: str) -> bool:
    if axis == "width":
        return one.depth == min(one.width, 2)
    return one.width == 1


def _intervals(
    frame: _Frame, sizes: Sequence[float], line: Sequence[Shape], colour: str
) -> list[str]:
    points = [frame.at(x, one.accuracy.mean) for x, one in zip(sizes, line, strict=True)]
    parts = [_line(points, colour)]
    for size, one, (x, y) in zip(sizes, line, points, strict=True):
        (_, low), (_, high) = frame.at(size, one.accuracy.low), frame.at(size, one.accuracy.high)
        parts.append(f"<path d='M{x} {low}V{high}' stroke='{colour}' fill='none'/>")
        parts.append(f"<circle cx='{x}' cy='{y}' r='3.5' fill='{colour}'/>")
    return parts


def _axes(
    frame: _Frame, *, x_ticks: Sequence[tuple[float, str]], titles: tuple[str, str]
) -> list[str]:
    bottom, top = frame.y
    step = next(one for one in (0.02, 0.05, 0.1, 0.2) if (top - bottom) / one <= 8)
    first = ceil(bottom / step)
    box = f"x='{frame.left}' y='{frame.top}' width='{frame.width}' height='{frame.height}'"
    parts = [f"<rect {box} fill='none' stroke='{_INK}'/>"]
    for number in range(first, floor(top / step) + 1):
        x, y = frame.at(frame.x[0], number * step)
        parts.append(f"<path d='M{x} {y}h-5' stroke='{_INK}'/>")
        parts.append(_text(x - 8, y + 4, f"{number * step:.0%}", anchor="end"))
    for value, name in x_ticks:
        x, y = frame.at(value, bottom)
        parts.append(f"<path d='M{x} {y}v5' stroke='{_INK}'/>")
        parts.append(_text(x, y + 18, name, anchor="middle"))
    middle = frame.left + frame.width / 2
    parts.append(_text(middle, frame.top + frame.height + 36, titles[0], anchor="middle"))
    x, y = frame.left - 45, frame.top + frame.height / 2
    parts.append(
        f"<text x='{x}' y='{y}' {_FONT} fill='{_INK}' text-anchor='middle' "
        f"transform='rotate(-90 {x} {y})'>{titles[1]}</text>"
    )
    return parts


def _powers(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times every power of ten around a logarithmic range."""
    powers = range(floor(low), floor(high) + 1)
    return [digit * 10.0**power for power in powers for digit in (1, 2, 5)]


def _padded(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = max(0.02, (high - low) * 0.05)
    return max(-0.01, low - room), min(1.01, high + room)


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    return f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='1.5'/>"


def _text(x: float, y: float, text: str, colour: str = _INK, *, anchor: str = "start") -> str:
    return f"<text x='{x}' y='{y}' {_FONT} fill='{colour}' text-anchor='{anchor}'>{text}</text>"


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"width='{width}' height='{height}'>"
    )
    ground = f"<rect width='{width}' height='{height}' fill='#ffffff'/>"
    return "\n".join([head, ground, *parts, "</svg>\n"])
