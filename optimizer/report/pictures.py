"""The drawings of the report as files of their own, for a README or a wiki; no script in them."""

from __future__ import annotations

import re
from typing import Final

from optimizer.report.front_chart import front_chart
from optimizer.report.graph_drawing import graph_drawing
from optimizer.report.page import ReportSource
from optimizer.report.style import STYLE
from optimizer.study.front import front_of

__all__ = ["pictures_of"]

_DRAWING: Final = re.compile(r'<svg viewBox="0 0 (\d+) (\d+)"(.*)</svg>', re.DOTALL)
_TITLES: Final = re.compile(r"<title>[^<]*</title>")


def pictures_of(source: ReportSource) -> dict[str, str]:
    """Return SVG files by name: ``front.svg``, and ``graph.svg`` where a graph is recommended."""
    chosen = source.archive.chosen
    front = front_of(source.archive.measured, source.study.objectives)
    name = chosen.name if chosen else None
    drawn = {"front.svg": front_chart(source.archive.measured, front, recommended=name)}
    if chosen is not None:
        drawn["graph.svg"] = graph_drawing(source.space.graph(chosen.candidate), source.catalog)
    return {file: _alone(svg) for file, svg in drawn.items() if _DRAWING.search(svg)}


def _alone(html: str) -> str:
    """Return the drawing of a piece of the page as a document; tooltips need a page, and go."""
    found = _DRAWING.search(html)
    assert found is not None  # noqa: S101 - the caller looked
    width, height, rest = found.groups()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}"{_begun(rest)}</svg>\n'
    )


def _begun(rest: str) -> str:
    """Put style and ground before the drawing's marks."""
    attributes, marks = rest.split(">", 1)
    ground = '<rect width="100%" height="100%" style="fill:var(--ground)"/>'
    return f"{attributes}><style>{STYLE}</style>{ground}{_TITLES.sub('', marks)}"
