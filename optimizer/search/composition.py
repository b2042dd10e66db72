"""Graphs taken apart into steps that read other steps; what several graphs have in common is one.

A step is a model, what it reads, and, where it reads nothing, the number of its sample. The same
step inside two graphs gets the same inputs there, so what is learned in one counts in the other.
Knows no outcomes and no amounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from optimizer.search.model import Candidate, Space

__all__ = ["ComposedSpace", "Composer", "Composition", "Layer", "composition_of"]

_NOTHING: Final = -1

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layer:
    """Steps of one depth that read equally many answers."""

    parts: _Ints
    models: _Ints
    inputs: _Ints
    """By part, the parts that it reads; shape ``(parts, answers read)``."""


@dataclass(frozen=True)
class Composition:
    """The parts of a pool of graphs, numbered so that a part comes after all that it reads."""

    models: tuple[str, ...]
    sizes: _Floats
    """What each model does per token, in any unit, all > 0."""
    model: _Ints
    sample: _Ints
    inputs: tuple[tuple[int, ...], ...]
    sinks: _Ints
    """By graph, the part that answers."""

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The parts that read something, the shallow ones first."""
        groups: dict[tuple[int, int], list[int]] = {}
        for part, inputs in enumerate(self.inputs):
            if inputs:
                groups.setdefault((int(self.depth[part]), len(inputs)), []).append(part)
        return tuple(
            Layer(
                np.array(parts),
                self.model[parts],
                np.array([self.inputs[part] for part in parts], np.int64),
            )
            for _, parts in sorted(groups.items())
        )

    @cached_property
    def sources(self) -> _Ints:
        """The parts that read nothing."""
        return np.array([part for part, one in enumerate(self.inputs) if not one], np.int64)

    @cached_property
    def depth(self) -> _Ints:
        """By part, steps on the longest way to it, itself included."""
        found = np.ones(len(self.inputs), np.int64)
        for part, inputs in enumerate(self.inputs):
            if inputs:
                found[part] = 1 + max(found[one] for one in inputs)
        return found

    @cached_property
    def steps(self) -> tuple[tuple[int, ...], ...]:
        """By graph, every part of it, once."""
        return tuple(tuple(sorted(self._below(int(sink)))) for sink in self.sinks)

    @cached_property
    def loads(self) -> _Floats:
        """By graph, steps of each model, then answers that each model reads."""
        return self._loads(self.steps)

    @cached_property
    def path_loads(self) -> _Floats:
        """As ``loads``, along the heaviest way through the graph alone."""
        weight = np.zeros(len(self.inputs))
        before = np.full(len(self.inputs), _NOTHING)
        for part, inputs in enumerate(self.inputs):
            if inputs:
                before[part] = max(inputs, key=lambda one: (weight[one], -one))
                weight[part] = weight[before[part]]
            weight[part] += self.sizes[self.model[part]]
        ways: list[list[int]] = []
        for sink in self.sinks:
            way, part = [], int(sink)
            while part != _NOTHING:
                way.append(part)
                part = int(before[part])
            ways.append(way)
        return self._loads(ways)

    def parts_of(self, graphs: _Ints) -> _Ints:
        """Return every part of some of the graphs, in order."""
        return np.array(sorted(set().union(*(self.steps[graph] for graph in graphs))), np.int64)

    def only(self, graphs: _Ints) -> Composition:
        """Return the composition of some of the graphs, its parts numbered anew."""
        kept = self.parts_of(graphs)
        place = {part: number for number, part in enumerate(kept.tolist())}
        return Composition(
            self.models,
            self.sizes,
            self.model[kept],
            self.sample[kept],
            tuple(tuple(place[one] for one in self.inputs[part]) for part in kept),
            np.array([place[int(self.sinks[graph])] for graph in graphs], np.int64),
        )

    def _below(self, part: int) -> set[int]:
        found = {part}
        for one in self.inputs[part]:
            found |= self._below(one)
        return found

    def _loads(self, ways: Sequence[Sequence[int]]) -> _Floats:
        """Count steps of each model, then answers that each reads, by way."""
        loads = np.zeros((len(ways), 2 * len(self.models)))
        rows = np.repeat(np.arange(len(ways)), [len(way) for way in ways])
        parts = np.concatenate([np.array(way, np.int64) for way in ways])
        reads = np.array([len(inputs) for inputs in self.inputs], np.float64)
        np.add.at(loads, (rows, self.model[parts]), 1.0)
        np.add.at(loads, (rows, len(self.models) + self.model[parts]), reads[parts])
        return loads


@dataclass(slots=True)
class Composer:
    """Collects parts; the same part added twice is one."""

    models: tuple[str, ...]
    sizes: Sequence[float]
    _parts: dict[tuple[int, int, tuple[int, ...]], int] = field(default_factory=dict)
    _sinks: list[int] = field(default_factory=list)

    def part(self, model: int, sample: int, inputs: Sequence[int]) -> int:
        """Return the number of a step; what it reads was added before, in any order."""
        return self._parts.setdefault((model, sample, tuple(sorted(inputs))), len(self._parts))

    def graph(self, sink: int) -> None:
        """Add the next graph, by the part that answers."""
        self._sinks.append(sink)

    def composed(self) -> Composition:
        """Return everything that was added."""
        return Composition(
            self.models,
            np.array(self.sizes, np.float64),
            np.array([model for model, _, _ in self._parts], np.int64),
            np.array([sample for _, sample, _ in self._parts], np.int64),
            tuple(inputs for _, _, inputs in self._parts),
            np.array(self._sinks, np.int64),
        )


@runtime_checkable
class ComposedSpace(Protocol):
    """A space whose graphs are steps that read other steps' answers, whoever answers last."""

    def composition(self, candidates: Sequence[Candidate]) -> Composition:
        """Take graphs apart, in their order."""


def composition_of(space: Space, candidates: Sequence[Candidate]) -> Composition | None:
    """Take graphs apart, ``None`` where the space's graphs are something else."""
    return space.composition(candidates) if isinstance(space, ComposedSpace) else None
