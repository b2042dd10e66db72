"""Keys and values of sequences, side by side as a graph computes them.

A block never changes: a run makes a new one. So sequences may share a block, begin with a
stretch of another's, or be cut, at no cost; what does not lie as the next run needs it is copied
once, when that run comes. Knows no tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.engine.onnx.graph import DecoderGraph, Ids, Past, value_of

__all__ = ["Block", "Held", "gathered", "groups"]

_FEW_TOKENS = 64
"""Padding up to here costs less than a run of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What one run left behind."""

    past: Past
    rows: int
    width: int
    """Tokens of each row, padding included."""


@dataclass(frozen=True, slots=True)
class Held:
    """Where the tokens of one sequence lie."""

    block: Block
    row: int
    start: int
    """Where in the row the first one stands."""
    length: int

    @property
    def end(self) -> int:
        """Where the row goes on behind the last one."""
        return self.start + self.length


def gathered(graph: DecoderGraph, held: Sequence[Held]) -> tuple[Past, Ids]:
    """Lay sequences out for a run: row by row, padded on the left to the same length.

    Returns:
        The cache, and a mask of shape ``(sequences, width)`` that is 0 for padding.
    """
    block = held[0].block
    if len(held) == block.rows and all(
        one.block is block and one.row == row and one.end == block.width
        for row, one in enumerate(held)
    ):
        return block.past, _mask(held, block.width)
    width = max(one.length for one in held)
    sources = {id(one.block): one.block for one in held}
    arrays = graph.zeros(len(held), width)
    for layer, target in enumerate(arrays):
        there = {key: source.past[layer].numpy() for key, source in sources.items()}
        for row, one in enumerate(held):
            target[row, :, width - one.length :] = there[id(one.block)][
                one.row, :, one.start : one.end
            ]
    return tuple(map(value_of, arrays)), _mask(held, width)


def groups(held: Sequence[Held], *, may_join: bool) -> list[list[int]]:
    """Say which sequences go into one run: those whose lengths differ little.

    Padding then at most doubles a run's memory, or adds a few tokens.

    Args:
        held: The sequences.
        may_join: Whether any go together.

    Returns:
        Groups of indices into ``held``; within one, in the order in which they lie already.
    """
    ordered = sorted(range(len(held)), key=lambda index: held[index].length)
    found: list[list[int]] = []
    for index in ordered:
        shortest = held[found[-1][0]].length if found else 0
        if found and may_join and held[index].length <= 2 * shortest + _FEW_TOKENS:
            found[-1].append(index)
        else:
            found.append([index])
    return [sorted(group, key=lambda index: (id(held[index].block), held[index].row))
            for group in found]  # fmt: skip


def _mask(held: Sequence[Held], width: int) -> Ids:
    starts = np.array([width - one.length for one in held])
    return (np.arange(width) >= starts[:, None]).astype(np.int64)
