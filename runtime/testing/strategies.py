"""Hypothesis strategies for valid graphs, labels, policies, catalogs and whole plan requests.

What they draw is written in ``drawn_graphs`` and ``drawn_plans``. Needs the ``dev`` extra; never
imported by what runs on a device.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Concatenate, Final, NoReturn, ParamSpec, TypeVar

from hypothesis import event, note, reject
from hypothesis import strategies as st

from runtime.testing.drawing import Draw
from runtime.testing.drawn_graphs import MODELS, draw_graph
from runtime.testing.drawn_plans import (
    CATEGORIES,
    NODES,
    TODAY,
    UNLISTED,
    draw_catalog,
    draw_label,
    draw_placements,
    draw_plan_request,
    draw_planned_releases,
    draw_policy,
)

__all__ = [
    "CATEGORIES",
    "MODELS",
    "NODES",
    "TODAY",
    "UNLISTED",
    "ByHypothesis",
    "catalogs",
    "graphs",
    "labels",
    "placements",
    "plan_requests",
    "planned_releases",
    "policies",
    "strategy",
]

T = TypeVar("T")
P = ParamSpec("P")


class ByHypothesis(Draw):
    """Choices that hypothesis makes, varies and shrinks."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw

    def below(self, bound: int) -> int:
        return self._draw(_below(bound))

    def note(self, name: str, value: object) -> None:
        event(f"{name}: {value}")

    def show(self, name: str, value: object) -> None:
        note(f"{name} = {value!r}")

    def pass_over(self, why: str) -> NoReturn:
        event(f"passed over: {why}")
        reject()


@cache
def _below(bound: int) -> st.SearchStrategy[int]:
    return st.integers(0, bound - 1)


def strategy(
    make: Callable[Concatenate[Draw, P], T],
) -> Callable[P, st.SearchStrategy[T]]:
    """Return the strategy of what a function draws."""

    @st.composite
    def drawn(draw: st.DrawFn, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return make(ByHypothesis(draw), *args, **kwargs)

    return drawn


catalogs: Final = strategy(draw_catalog)
graphs: Final = strategy(draw_graph)
labels: Final = strategy(draw_label)
placements: Final = strategy(draw_placements)
plan_requests: Final = strategy(draw_plan_request)
planned_releases: Final = strategy(draw_planned_releases)
policies: Final = strategy(draw_policy)
