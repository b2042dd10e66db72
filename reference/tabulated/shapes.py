"""One model alone, wider and deeper: how accuracy goes with the number of answers and of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from optimizer.replay.graph_terms import Term, canonical
from reference.tabulated.halves import Half
from reference.tabulated.statistics import Difference, Share, paired_difference, share_of

__all__ = ["Axis", "Peak", "Shape", "one_model_term", "peaks", "shapes"]

Axis = Literal["width", "depth", "depth at width 2"]

_SIZES: Final = range(1, 5)


@dataclass(frozen=True, slots=True)
class Shape:
    """``width`` answers of one model and ``depth`` steps on the longest way."""

    task: str
    model: str
    width: int
    depth: int
    accuracy: Share
    over_single: Difference
    """Against the same model's single answer."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The best size along an axis, chosen on the search half, against both ends of the axis."""

    task: str
    model: str
    axis: Axis
    best: int
    first: int
    last: int
    over_first: Difference
    over_last: Difference

    @property
    def is_inside(self) -> bool:
        """Whether the best size is neither the first nor the last."""
        return self.first < self.best < self.last

    @property
    def is_interior(self) -> bool:
        """Whether the optimum is inside the axis, and better than both ends beyond doubt."""
        return self.is_inside and self.over_first.low > 0 and self.over_last.low > 0


def one_model_term(model: str, *, width: int, depth: int) -> Term:
    """Return ``width`` answers of one model, merged if several, refined up to ``depth`` steps."""
    sources = tuple(Term("assistant", model, sample) for sample in range(width))
    term = sources[0] if width == 1 else Term("fuser", model, inputs=sources)
    while term.depth < depth:
        term = Term("assistant", model, inputs=(term,))
    return canonical(term)


def shapes(half: Half, model: str) -> list[Shape]:
    """Measure every width and depth of one model that the table has."""
    single = half.right(half.table.index[f"assistant@{model}#0"])
    found = []
    for width, depth in ((w, d) for w in _SIZES for d in _SIZES):
        graph = _graph(half, model, width=width, depth=depth)
        if graph is not None:
            right = half.right(graph)
            over_single = paired_difference(right, single)
            accuracy = share_of(right)
            found.append(Shape(half.task, model, width, depth, accuracy, over_single=over_single))
    return found


def peaks(half: Half, model: str) -> list[Peak]:
    """Find the best width (merged once), depth (one answer), and depth over two answers."""
    axes: Mapping[Axis, dict[int, int | None]] = {
        "width": {w: _graph(half, model, width=w, depth=min(w, 2)) for w in _SIZES},
        "depth": {d: _graph(half, model, width=1, depth=d) for d in _SIZES},
        "depth at width 2": {d: _graph(half, model, width=2, depth=d) for d in _SIZES},
    }
    found = []
    for axis, by_size in axes.items():
        there = {size: graph for size, graph in by_size.items() if graph is not None}
        if len(there) < 2:
            continue
        best = max(there, key=lambda size: (half.search.accuracy[there[size]], -size))
        right = half.right(there[best])
        first, last = min(there), max(there)
        found.append(
            Peak(
                half.task,
                model,
                axis,
                best=best,
                first=first,
                last=last,
                over_first=paired_difference(right, half.right(there[first])),
                over_last=paired_difference(right, half.right(there[last])),
            )
        )
    return found


def _graph(half: Half, model: str, *, width: int, depth: int) -> int | None:
    """Return the row of a shape; None where the table lacks it or it cannot be."""
    if width > 1 and depth == 1:
        return None  # several answers need a step that merges them
    return half.table.index.get(one_model_term(model, width=width, depth=depth).key)
