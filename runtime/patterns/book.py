"""The shipped patterns, and how their places get the models of a catalog.

A pattern is a graph document whose models are *places*: ``near`` and ``far`` for a model of the
edge and of the cloud, ``far-small`` for a cheaper one. Bound to a catalog it is a graph like any
other, with a hash of its own. A pattern for whose places the catalog has no model is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

from runtime.catalog.model import Catalog, Model
from runtime.documents.suggest import did_you_mean
from runtime.errors import NotFound
from runtime.graph.document import parse_graph
from runtime.graph.model import Graph, Step
from runtime.ids import ModelName

__all__ = [
    "PLACES",
    "Pattern",
    "bind",
    "bound_patterns",
    "bound_text",
    "pattern_of",
    "patterns",
    "places_in",
]

PLACES: Final = ("near", "far", "far-small")
"""What the models of a shipped pattern are called."""
_MTOK: Final = 1_000_000
_PLACE: Final = re.compile(rf"\bmodel: ({'|'.join(sorted(PLACES, reverse=True))})\b(?!-)")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A shipped graph whose models are places."""

    graph: Graph
    goal: str
    """Which of the four goals it serves: performance, cost, privacy or trust."""
    about: str
    """What it does, in a sentence or two."""
    text: str
    """The document."""

    @property
    def name(self) -> str:
        """What callers name it by."""
        return self.graph.name

    @property
    def places(self) -> frozenset[str]:
        """The places that it needs models for."""
        return frozenset(map(str, self.graph.models))


@cache
def patterns() -> tuple[Pattern, ...]:
    """Return every shipped pattern, by name."""
    folder = files("runtime.patterns") / "graphs"
    documents = sorted(
        (item.name, item.read_text("utf-8"))
        for item in folder.iterdir()
        if item.name.endswith(".yaml")
    )
    return tuple(_pattern(text, file=name) for name, text in documents)


def pattern_of(name: str) -> Pattern:
    """Return a pattern by its name.

    Raises:
        NotFound: There is none of that name.
    """
    by_name = {pattern.name: pattern for pattern in patterns()}
    if name not in by_name:
        known = ", ".join(by_name)
        raise NotFound(f"no pattern named {name!r}{did_you_mean(name, by_name)}; known: {known}")
    return by_name[name]


def bind(pattern: Pattern, models: Mapping[str, ModelName]) -> Graph:
    """Return the pattern's graph with a model in each of its places.

    Args:
        pattern: The pattern.
        models: A model for each place that it has.
    """
    steps = tuple(_bound(step, models) for step in pattern.graph.steps)
    return replace(pattern.graph, steps=steps)


def _bound(step: Step, models: Mapping[str, ModelName]) -> Step:
    if step.draft is not None:
        step = replace(step, draft=replace(step.draft, model=models[step.draft.model]))
    return step if step.model is None else replace(step, model=models[step.model])


def places_in(catalog: Catalog, *, today: date) -> dict[str, ModelName]:
    """Return which model of a catalog each place gets; places that none fits are left out.

    ``near`` is the largest model of the edge, ``far`` the dearest of the cloud, and of equally
    dear ones the largest; ``far-small`` is the cheapest that is not free, else the smallest.
    """
    by_zone: dict[str, list[Model]] = {"edge": [], "cloud": []}
    for model in catalog.models:
        by_zone[catalog.node_of(model).zone].append(model)

    def weight(model: Model) -> tuple[float, int]:
        cost_usd = model.cost_usd(today, prompt_tokens=_MTOK, completion_tokens=_MTOK)
        return cost_usd, model.parameters

    found: dict[str, ModelName] = {}
    if by_zone["edge"]:
        found["near"] = min(by_zone["edge"], key=lambda one: (-one.parameters, one.name)).name
    if by_zone["cloud"]:
        dearest_first = sorted(by_zone["cloud"], key=lambda one: one.name)
        found["far"] = max(dearest_first, key=weight).name
        found["far-small"] = min(dearest_first, key=weight).name
    return found


def bound_text(pattern: Pattern, models: Mapping[str, ModelName]) -> str:
    """Return the pattern's document, comments and all, with a model in each of its places."""
    return _PLACE.sub(lambda found: f"model: {models[found.group(1)]}", pattern.text)


def bound_patterns(models: Mapping[str, ModelName]) -> dict[str, Graph]:
    """Return every pattern that the given places suffice for, by name."""
    return {
        pattern.name: bind(pattern, models)
        for pattern in patterns()
        if pattern.places <= set(models)
    }


def _pattern(text: str, *, file: str) -> Pattern:
    goal, _, about = " ".join(_comment(text.splitlines())).partition(": ")
    return Pattern(
        parse_graph(text, file=file), goal.casefold(), about[:1].upper() + about[1:], text
    )


def _comment(lines: Iterable[str]) -> list[str]:
    """Return the words of the comment at the top of a document."""
    words: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        words.append(line.removeprefix("#").strip())
    return words
