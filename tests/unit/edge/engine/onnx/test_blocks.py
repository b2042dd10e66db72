"""Sequences laid out for a run have their own values, whatever they shared and lost before."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.onnx.blocks import Block, Held, gathered, groups
from edge.engine.onnx.graph import DecoderGraph, value_of

HEADS, WIDTH = 2, 3


class Shapes:
    """The part of a graph that says how large a cache is."""

    def zeros(self, rows: int, tokens: int) -> list[npt.NDArray[Any]]:
        return [np.zeros((rows, HEADS, tokens, WIDTH), np.float32) for _ in range(2)]


GRAPH = cast("DecoderGraph", Shapes())


def block(rows: int, width: int, seed: int) -> Block:
    rng = np.random.default_rng(seed)
    arrays = [rng.random((rows, HEADS, width, WIDTH), np.float32) for _ in range(2)]
    return Block(tuple(map(value_of, arrays)), rows, width)


@st.composite
def sequences(draw: st.DrawFn) -> list[Held]:
    blocks = [
        block(draw(st.integers(1, 3)), draw(st.integers(0, 6)), seed)
        for seed in range(draw(st.integers(1, 3)))
    ]
    held = []
    for _ in range(draw(st.integers(1, 4))):
        one = draw(st.sampled_from(blocks))
        start = draw(st.integers(0, one.width))
        length = draw(st.integers(0, one.width - start))
        held.append(Held(one, draw(st.integers(0, one.rows - 1)), start, length))
    return held


@given(sequences())
def test_each_row_holds_its_sequence_behind_padding_that_the_mask_hides(held: list[Held]) -> None:
    past, mask = gathered(GRAPH, held)

    for layer, value in enumerate(past):
        laid_out = value.numpy()
        for row, one in enumerate(held):
            own = one.block.past[layer].numpy()[one.row, :, one.start : one.end]
            seen = mask[row].astype(bool)
            assert seen.sum() == one.length
            assert not seen[: len(seen) - one.length].any()
            assert np.array_equal(laid_out[row][:, seen], own)


def test_what_lies_right_already_is_not_copied() -> None:
    whole = block(2, 5, seed=1)

    past, _ = gathered(GRAPH, [Held(whole, 0, 1, 4), Held(whole, 1, 0, 5)])
    other, _ = gathered(GRAPH, [Held(whole, 1, 0, 5), Held(whole, 0, 1, 4)])

    assert past is whole.past
    assert other is not whole.past


@given(st.lists(st.integers(0, 4000), max_size=12))
def test_every_sequence_is_in_one_group_and_padding_is_bounded(lengths: list[int]) -> None:
    one = block(1, 0, seed=0)
    held = [Held(one, 0, 0, length) for length in lengths]

    found = groups(held, may_join=True)

    assert sorted(index for group in found for index in group) == list(range(len(lengths)))
    for group in found:
        inside = [lengths[index] for index in group]
        assert max(inside) <= 2 * min(inside) + 64
    assert [len(group) for group in groups(held, may_join=False)] == [1] * len(lengths)
