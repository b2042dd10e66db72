"""The shapes of graphs: who plays each step and what it reads, without names, seeds or documents.

A shape is connected (every step has a way to the sink) and, once canonical, numbered in the one
order that makes its codes smallest, so that isomorphic graphs are one shape. Lists all shapes
within limits; knows no policy and no document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import prod

from runtime.graph.roles import Role

__all__ = ["Shape", "SpaceLimits", "canonical", "connected", "samples", "shapes_within", "twins"]

_MOST_OUTLINES = 20_000
"""Ways to wire steps that are walked; seven steps have 600,000."""


@dataclass(frozen=True, slots=True)
class SpaceLimits:
    """How large graphs may be and how their steps draw."""

    models: tuple[str, ...]
    sink_models: tuple[str, ...]
    roles: tuple[str, ...]
    max_steps: int
    max_width: int
    max_depth: int
    max_tokens: int
    temperature: float

    @property
    def assistant(self) -> int:
        """The role of every step that has nothing to merge."""
        return self.roles.index(Role.ASSISTANT.value)

    def misfit(self, shape: Shape) -> str | None:
        """Say in a few words why a shape is too large, or ``None``."""
        depths = shape.depths
        if max(depths) > self.max_depth:
            return f"{max(depths)} steps in a row are more than max_depth {self.max_depth}"
        widest = max(depths[:-1].count(depth) for depth in range(1, max(depths) + 1))
        if widest > self.max_width:
            return f"{widest} steps side by side are more than max_width {self.max_width}"
        return None


@dataclass(frozen=True, slots=True)
class Shape:
    """Choices in words: for each step model, role and predecessors; the sink comes last."""

    models: tuple[int, ...]
    roles: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]

    @property
    def depths(self) -> list[int]:
        """By step, how many steps the longest way to it has, itself included."""
        depths: list[int] = []
        for sources in self.sources:
            depths.append(1 + max((depths[source] for source in sources), default=0))
        return depths


def samples(shape: Shape) -> tuple[int, ...]:
    """Number, among the steps that read the request alone, those of one model; all others are 0.

    The sink is its model's first sample also where nothing stands before it.
    """
    drawn: dict[int, int] = {}
    numbers = []
    for model, sources in zip(shape.models[:-1], shape.sources[:-1], strict=True):
        numbers.append(0 if sources else drawn.get(model, 0))
        if not sources:
            drawn[model] = drawn.get(model, 0) + 1
    return (*numbers, 0)


def twins(shape: Shape, *, is_greedy: bool) -> tuple[int, int] | None:
    """Return two steps that would say the same: one model reads the same in the same role.

    Args:
        shape: The graph.
        is_greedy: Whether further samples of one model say what the first one says.
    """
    seen: dict[tuple[int, int, tuple[int, ...], int], int] = {}
    for step, sample in enumerate(samples(shape)[:-1]):
        sources = shape.sources[step]
        code = (shape.models[step], shape.roles[step], sources, 0 if is_greedy else sample)
        if code in seen:
            return seen[code], step
        seen[code] = step
    return None


def shapes_within(limits: SpaceLimits, most: int) -> tuple[Shape, ...] | None:
    """List every canonical shape within the limits, or ``None`` where more than ``most`` are tried.

    A step that reads fewer than two answers is an assistant.
    """
    if not _may_walk(limits.max_steps):
        return None
    outlines = [one for one in _outlines(limits.max_steps) if limits.misfit(one) is None]
    if sum(_players(one, limits) for one in outlines) > most:
        return None
    found = {canonical(shape) for one in outlines for shape in _played(one, limits)}
    return tuple(found)


def _may_walk(steps: int) -> bool:
    """Whether there are few enough ways in which that many steps can feed each other."""
    outlines: int = prod(2**readers - 1 for readers in range(1, steps + 1))
    return outlines <= _MOST_OUTLINES


def _outlines(most_steps: int) -> list[Shape]:
    """List who reads whom, for any number of steps, as canonical graphs of one model."""
    found: dict[Shape, None] = {}
    for count in range(most_steps + 1):
        # Each step is read by one or several later ones; the last of these is the sink.
        readers = [_subsets(range(step + 1, count + 1)) for step in range(count)]
        for chosen in product(*readers):
            sources = tuple(
                tuple(step for step in range(target) if target in chosen[step])
                for target in range(count + 1)
            )
            nobody = (0,) * (count + 1)
            found[canonical(Shape(nobody, nobody, sources))] = None
    return list(found)


def _subsets(items: Sequence[int]) -> list[tuple[int, ...]]:
    return [one for size in range(1, len(items) + 1) for one in combinations(items, size)]


def _players(outline: Shape, limits: SpaceLimits) -> int:
    """Count the ways to give every step a model and a role."""
    merging = sum(len(sources) > 1 for sources in outline.sources)
    inner = len(limits.models) ** (len(outline.sources) - 1)
    return int(inner * len(limits.sink_models) * len(limits.roles) ** merging)


def _played(outline: Shape, limits: SpaceLimits) -> Iterator[Shape]:
    inner = [range(len(limits.models))] * (len(outline.sources) - 1)
    every_role, plain = range(len(limits.roles)), (limits.assistant,)
    roles = [every_role if len(sources) > 1 else plain for sources in outline.sources]
    for models in product(*inner, range(len(limits.sink_models))):
        for role in product(*roles):
            yield replace(outline, models=models, roles=role)


def connected(shape: Shape) -> Shape:
    """Leave out the steps that have no way to the sink."""
    kept = {len(shape.models) - 1}
    for target in range(len(shape.models) - 1, -1, -1):
        if target in kept:
            kept.update(shape.sources[target])
    order = sorted(kept)
    place = {step: position for position, step in enumerate(order)}
    return Shape(
        models=tuple(shape.models[step] for step in order),
        roles=tuple(shape.roles[step] for step in order),
        sources=tuple(tuple(place[source] for source in shape.sources[step]) for step in order),
    )


_Code = tuple[tuple[int, ...], int, int]


def canonical(shape: Shape) -> Shape:
    """Number the steps in the order that gives the smallest sequence of codes.

    A step's code is what it reads, its model and its role; a step can be numbered once all that
    it reads is. Only steps with the same code are tried in several orders.
    """
    last = len(shape.models) - 1
    order = min(_orders(shape, last), key=lambda found: _codes(shape, found))
    place = {step: position for position, step in enumerate(order)}
    return Shape(
        models=tuple(shape.models[step] for step in order),
        roles=tuple(shape.roles[step] for step in order),
        sources=tuple(
            tuple(sorted(place[source] for source in shape.sources[step])) for step in order
        ),
    )


def _codes(shape: Shape, order: tuple[int, ...]) -> tuple[_Code, ...]:
    place = {step: position for position, step in enumerate(order)}
    return tuple(_code(shape, step, place) for step in order)


def _code(shape: Shape, step: int, place: dict[int, int]) -> _Code:
    reads = tuple(sorted(place[source] for source in shape.sources[step]))
    return (reads, shape.models[step], shape.roles[step])


def _orders(shape: Shape, last: int) -> Iterator[tuple[int, ...]]:
    """Yield the orders that can be smallest: at each place, every step with the least code."""
    stack: list[tuple[int, ...]] = [()]
    while stack:
        order = stack.pop()
        if len(order) == last:
            yield (*order, last)
            continue
        place = {step: position for position, step in enumerate(order)}
        ready = [
            step
            for step in range(last)
            if step not in place and all(source in place for source in shape.sources[step])
        ]
        codes = {step: _code(shape, step, place) for step in ready}
        least = min(codes.values())
        tied = [step for step in ready if codes[step] == least]
        # Twins that also feed the same steps are interchangeable: one of them stands for all.
        stack.extend((*order, step) for step in _unlike(shape, tied))


def _unlike(shape: Shape, tied: Sequence[int]) -> Iterator[int]:
    seen: set[frozenset[int]] = set()
    for step in tied:
        feeds = frozenset(t for t, sources in enumerate(shape.sources) if step in sources)
        if feeds not in seen:
            seen.add(feeds)
            yield step
