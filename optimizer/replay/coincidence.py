"""How wrong answers of different models fall together, and what that makes of a vote.

Wrong answers join as in a Chinese restaurant: each equals an earlier one with a probability that
grows with how many gave it. One number, the chance that two wrong answers are equal, fixes the
distribution of the largest group. Knows counts only, no questions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Settled", "VoteOdds", "settled_votes", "vote_odds"]

_SLACK: Final = 1e-9
_OTHER_LEADS: Final = 0.5
"""Chance that a right answer wins a tie when the member that breaks ties is in neither group."""


@dataclass(frozen=True, slots=True)
class VoteOdds:
    """Indexed by threshold (0: none), team size, right members, and is the tie breaker right.

    ``kept_right`` is the chance that the vote is right and not asked about; ``asked`` that
    agreement is below the threshold.
    """

    kept_right: npt.NDArray[np.float32]
    asked: npt.NDArray[np.float32]


class Settled(IntEnum):
    """What a vote comes to whatever the wrong answers are, by how many members are right."""

    OPEN = 0
    RIGHT = 1
    WRONG = 2
    ASKED = 3


def settled_votes(thresholds: tuple[float, ...], members: int) -> npt.NDArray[np.uint8]:
    """Tabulate votes that need no odds: by threshold (0: none), team size and right members.

    Wrong members may all agree, all differ or be empty, and ties may go either way; a
    :class:`Settled` other than ``OPEN`` holds in each of these cases.
    """
    table = np.zeros((len(thresholds) + 1, members + 1, members + 1), np.uint8)
    for row, threshold in enumerate((0.0, *thresholds)):
        for size in range(1, members + 1):
            needed = ceil(threshold * size - _SLACK)
            for right in range(size + 1):
                cases = set(_cases(right, size - right, needed))
                if len(cases) == 1:
                    table[row, size, right] = cases.pop()
    return table


def _cases(right: int, wrong: int, needed: int) -> Iterator[Settled]:
    """Yield what can happen, for every size of the largest wrong group."""
    for group in range(wrong + 1):
        if max(right, group) < needed:
            yield Settled.ASKED
        elif right == group and right:
            yield from (Settled.RIGHT, Settled.WRONG)
        else:
            yield Settled.RIGHT if right > group else Settled.WRONG


def vote_odds(thresholds: tuple[float, ...], members: int, coincidence: float) -> VoteOdds:
    """Tabulate a vote's odds.

    Args:
        thresholds: Agreement below which the fallback is asked.
        members: Largest team.
        coincidence: Chance that two wrong answers to a question are equal, in (0, 1).
    """
    shape = (len(thresholds) + 1, members + 1, members + 1, 2)
    kept_right, asked = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    largest = [_largest_group(wrong, coincidence) for wrong in range(members + 1)]
    for size in range(1, members + 1):
        for right in range(size + 1):
            for group, chance in enumerate(largest[size - right]):
                if chance == 0.0:
                    continue
                agreement = max(right, group) / size
                for row, threshold in enumerate((0.0, *thresholds)):
                    if agreement < threshold - _SLACK:
                        asked[row, size, right] += chance
                        continue
                    for leader in (0, 1):
                        wins = _wins(right, group, size - right, leader)
                        kept_right[row, size, right, leader] += chance * wins
    return VoteOdds(kept_right, asked)


def _wins(right: int, group: int, wrong: int, leader: int) -> float:
    """Return the chance that the right answer wins against the largest wrong group."""
    if right != group:
        return float(right > group)
    if not right:
        return 0.0
    if leader:
        return 1.0
    # A wrong leader whose answer has as many votes wins; alone it has when groups are of one.
    inside = 1.0 if group == 1 else group / wrong
    return _OTHER_LEADS * (1.0 - inside)


def _largest_group(wrong: int, coincidence: float) -> list[float]:
    """Return the distribution of the size of the largest group of equal wrong answers."""
    if wrong == 0:
        return [1.0]
    weight = (1.0 - coincidence) / coincidence
    partitions: dict[tuple[int, ...], float] = {(): 1.0}
    for seated in range(wrong):
        grown: dict[tuple[int, ...], float] = {}
        for groups, chance in partitions.items():
            total = weight + seated
            alone = tuple(sorted((*groups, 1)))
            grown[alone] = grown.get(alone, 0.0) + chance * weight / total
            for position, size in enumerate(groups):
                joined = tuple(sorted((*groups[:position], size + 1, *groups[position + 1 :])))
                grown[joined] = grown.get(joined, 0.0) + chance * size / total
        partitions = grown
    odds = [0.0] * (wrong + 1)
    for groups, chance in partitions.items():
        odds[max(groups)] += chance
    return odds
