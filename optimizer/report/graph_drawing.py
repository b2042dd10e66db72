"""A collaboration graph as a picture: steps in columns by distance from the request."""

from __future__ import annotations

from html import escape

from optimizer.report.svg import Frame, figure
from runtime.catalog.model import Catalog
from runtime.graph.model import Graph, Step
from runtime.ids import StepId

__all__ = ["graph_drawing"]

_WIDE, _HIGH = 200, 46
_ACROSS, _DOWN = 250, 66


def graph_drawing(graph: Graph, catalog: Catalog | None) -> str:
    """Draw a graph; steps on cloud nodes are drawn as such where a catalog tells."""
    columns: dict[StepId, int] = {}
    for step in graph.topological:
        sources = [columns[edge.source] for edge in graph.incoming[step.id]]
        columns[step.id] = 1 + max(sources, default=-1)
    depth = max(columns.values())
    columns[graph.sink.id] = depth
    rows = [[step for step in graph.steps if columns[step.id] == c] for c in range(depth + 1)]
    tallest = max(len(column) for column in rows)
    frame = Frame(width=_ACROSS * depth + _WIDE + 20, height=_DOWN * tallest + 30)
    places: dict[StepId, tuple[float, float]] = {}
    for column, steps in enumerate(rows):
        for row, step in enumerate(steps):
            free = (tallest - len(steps)) / 2
            places[step.id] = (10 + _ACROSS * column, 8 + _DOWN * (row + free))
    marks = [_ARROW]
    for edge in graph.edges:
        (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
        start, end, lean = x1 + _WIDE, x2 - 3, _ACROSS * 0.2
        high1, high2 = y1 + _HIGH / 2, y2 + _HIGH / 2
        # An edge that jumps over a column swings below the steps that stand there.
        is_jump = columns[edge.target] - columns[edge.source] > 1
        swing = _DOWN if is_jump else 0.0
        label = str(edge.when) if edge.when else "otherwise" if edge.otherwise else ""
        marks.append(
            f'<path d="M{start:.0f} {high1:.0f}C{start + lean:.0f} {high1 + swing:.0f} '
            f'{end - lean:.0f} {high2 + swing:.0f} {end:.0f} {high2:.0f}" class="wire'
            f'{" guarded" if label else ""}" marker-end="url(#arrow)">'
            f"<title>{escape(label)}</title></path>"
        )
    marks.extend(_box(step, places[step.id], catalog) for step in graph.steps)
    drawing = figure(frame, marks, title=f"Graph {graph.name}")
    return f'<div class="scroll" style="--wide:{frame.width}px">{drawing}</div>'


_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" class="arrowhead"/></marker></defs>'
)


def _box(step: Step, place: tuple[float, float], catalog: Catalog | None) -> str:
    x, y = place
    model = catalog.model_by_name.get(step.model) if catalog and step.model else None
    zone = catalog.node_of(model).zone if catalog and model else ""
    where = f", {zone}" if zone else ""
    samples = f" x{step.samples}" if step.samples > 1 else ""
    middle = f"{x + _WIDE / 2:.0f}"
    name = escape(str(step.model or "any model")[:27])
    return (
        f'<g class="step at-{zone or "any"}">'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDE}" height="{_HIGH}" rx="7"/>'
        f'<text x="{middle}" y="{y + 19:.0f}" text-anchor="middle" class="strong">{name}{samples}'
        f'</text><text x="{middle}" y="{y + 36:.0f}" text-anchor="middle">'
        f"{step.role.value}{where}</text></g>"
    )
