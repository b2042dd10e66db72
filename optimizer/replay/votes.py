"""Plurality votes of every subset of some models on every question, counted at once.

Knows answers as codes and a tie order; knows no thresholds and no fallback. Subsets are bit masks
over the models in the order given; a tie goes to the answer of the member that is first in the
tie order.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["VoteTable", "count_votes"]

_RANKS = 64
"""More than there can be members: a vote outweighs every rank."""


@dataclass(frozen=True, slots=True)
class VoteTable:
    """Per subset (row ``mask - 1``) and question: was the winner right, and its votes.

    ``votes`` counts answers equal to the winner; an empty answer supports nothing, so a subset
    whose members all stayed empty has zero votes and is wrong.
    """

    right: npt.NDArray[np.bool_]
    votes: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.uint8]
    """Members of each subset."""


def count_votes(
    codes: npt.NDArray[np.int32], right: npt.NDArray[np.bool_], tie_order: npt.NDArray[np.int64]
) -> VoteTable:
    """Count the votes of all ``2**models - 1`` subsets.

    Args:
        codes: Answers, shape ``(models, questions)``, -1 for an empty one.
        right: Same shape.
        tie_order: The models' rows, the one that wins ties first.
    """
    models, questions = codes.shape
    masks = np.arange(1, 1 << models, dtype=np.uint32)
    ranked = _by_rank(masks, tie_order)
    best = np.zeros((len(masks), questions), np.uint16)
    winner_right = np.zeros(best.shape, np.bool_)
    popcount, first = _bit_tables(models)
    for supporters, is_right in _answers(codes[tie_order], right[tie_order]):
        inside = ranked[:, None] & supporters[None, :]
        strength = popcount[inside] * _RANKS + (_RANKS - 1 - first[inside])
        strength = np.where(inside > 0, strength, 0).astype(np.uint16)
        better = strength > best
        best = np.where(better, strength, best)
        winner_right = np.where(better, is_right[None, :], winner_right)
    return VoteTable(
        winner_right, (best // _RANKS).astype(np.uint8), popcount[masks].astype(np.uint8)
    )


def _by_rank(
    masks: npt.NDArray[np.uint32], tie_order: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint32]:
    """Rewrite masks so that bit 0 is the model that wins ties."""
    ranked = np.zeros_like(masks)
    for rank, model in enumerate(tie_order):
        ranked |= ((masks >> np.uint32(model)) & np.uint32(1)) << np.uint32(rank)
    return ranked


def _bit_tables(models: int) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Return the number of set bits and the lowest set bit of every mask."""
    every = np.arange(1 << models)
    bits = (every[:, None] >> np.arange(models)) & 1
    return bits.sum(axis=1).astype(np.uint16), bits.argmax(axis=1).astype(np.uint16)


def _answers(
    codes: npt.NDArray[np.int32], right: npt.NDArray[np.bool_]
) -> list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]]:
    """List, for the answer that each model gives, who supports it and whether it is right.

    An answer given by several is listed once, at the first of them.
    """
    listed = []
    for model in range(len(codes)):
        same = (codes == codes[model]) & (codes[model] >= 0)
        is_first = ~same[:model].any(axis=0)
        supporters = np.zeros(codes.shape[1], np.uint32)
        for other in range(len(codes)):
            supporters |= same[other].astype(np.uint32) << np.uint32(other)
        listed.append((np.where(is_first, supporters, np.uint32(0)), right[model]))
    return listed
