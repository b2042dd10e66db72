"""Intervals for a router's figures: questions, or whole groups of them, drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["draws_of_groups", "draws_of_questions", "interval"]

_CONFIDENCE: Final = 0.95

_Counts = npt.NDArray[np.int64]


def draws_of_questions(questions: int, draws: int, seed: int) -> Iterator[_Counts]:
    """Draw so many questions with replacement; yield how often each was drawn."""
    generator = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = generator.integers(0, questions, questions)
        yield np.bincount(drawn, minlength=questions)


def draws_of_groups(groups: Sequence[str], draws: int, seed: int) -> Iterator[_Counts]:
    """The same with whole groups: how it would be with other subjects."""
    names, group_of = np.unique(np.array(groups), return_inverse=True)
    for counts in draws_of_questions(len(names), draws, seed):
        yield counts[group_of]


def interval(
    figure: Callable[[_Counts], float], draws: Iterator[_Counts]
) -> tuple[float, float] | None:
    """Return the middle 95 per cent of a figure over draws; ``None`` where no draw has one.

    Args:
        figure: Raises ``ValueError`` for a draw that has none.
        draws: How often each question counts.
    """
    found = []
    for counts in draws:
        try:
            found.append(figure(counts))
        except ValueError:
            continue
    if not found:
        return None
    low, high = np.quantile(found, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return float(low), float(high)
