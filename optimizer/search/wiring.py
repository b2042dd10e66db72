"""How the parts of graphs are wired, as arrays: what a pass over all steps reads, and no more.

Taking some of the parts and what these read costs a few array operations, so that every round can
look at exactly the steps that it is about. Knows no graphs and no outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.composition import Composition, Layer

__all__ = ["Block", "Wiring"]

_Bools = npt.NDArray[np.bool_]
_Ints = npt.NDArray[np.int64]


_SMALL: Final = 64
"""Layers of fewer steps are not worth being taken apart by model."""


@dataclass(frozen=True, slots=True)
class Block:
    """Steps of one layer; where there are many, one model's: its habits are looked up once."""

    parts: _Ints
    models: int | _Ints
    inputs: _Ints
    """By part, the parts that it reads; shape ``(parts, answers read)``."""


@dataclass(frozen=True)
class Wiring:
    """Parts by number, each after all that it reads."""

    sizes: npt.NDArray[np.float64]
    """By model, as in a composition."""
    model: _Ints
    sample: _Ints
    sources: _Ints
    """The parts that read nothing."""
    layers: tuple[Layer, ...]
    """The others, the shallow ones first, each layer in the order of its models."""

    @classmethod
    def of(cls, parts: Composition) -> Wiring:
        """Return the wiring of a composition, with its numbers."""
        layers = []
        for layer in parts.layers:
            order = np.argsort(layer.models, kind="stable")
            layers.append(Layer(layer.parts[order], layer.models[order], layer.inputs[order]))
        return cls(parts.sizes, parts.model, parts.sample, parts.sources, tuple(layers))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The layers, large ones by model."""
        found: list[Block] = []
        for layer in self.layers:
            parts, models, inputs = layer.parts, layer.models, layer.inputs
            if len(parts) < _SMALL:
                found.append(Block(parts, models, inputs))
                continue
            ends = [*np.flatnonzero(models[1:] != models[:-1]) + 1, len(models)]
            for start, end in zip([0, *ends], ends, strict=False):
                found.append(Block(parts[start:end], int(models[start]), inputs[start:end]))
        return tuple(found)

    @cached_property
    def block_of(self) -> _Ints:
        """By part, the number of its block, from 1 on; 0 for those that read nothing."""
        found = np.zeros(len(self.model), np.int64)
        for number, block in enumerate(self.blocks, start=1):
            found[block.parts] = number
        return found

    @cached_property
    def layer_of(self) -> _Ints:
        """By part, the number of its layer; -1 for those that read nothing."""
        found = np.full(len(self.model), -1)
        for number, layer in enumerate(self.layers):
            found[layer.parts] = number
        return found

    @cached_property
    def row_of(self) -> _Ints:
        """By part, its place within its layer."""
        found = np.zeros(len(self.model), np.int64)
        for layer in self.layers:
            found[layer.parts] = np.arange(len(layer.parts))
        return found

    def read_by(self, readers: _Bools) -> _Bools:
        """Say which parts some of the parts read, what these read, and so on."""
        read = np.zeros(len(self.model), np.bool_)
        for layer in reversed(self.layers):
            read[layer.inputs[readers[layer.parts] | read[layer.parts]]] = True
        return read

    def only(self, kept: _Bools) -> tuple[_Ints, Wiring]:
        """Return some of the parts, in order, and their wiring, numbered anew.

        Args:
            kept: Which parts; what one of them reads has to be among them.
        """
        place = np.cumsum(kept) - 1
        numbers = np.flatnonzero(kept)
        layers = []
        for layer in self.layers:
            here = np.flatnonzero(kept[layer.parts])
            if len(here):
                parts, inputs = place[layer.parts[here]], place[layer.inputs[here]]
                layers.append(Layer(parts, layer.models[here], inputs))
        sources = place[self.sources[kept[self.sources]]]
        some = Wiring(self.sizes, self.model[numbers], self.sample[numbers], sources, tuple(layers))
        return numbers, some
