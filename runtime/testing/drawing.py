"""Draw values by choices that anybody can make: a seed, a list of choices, or hypothesis.

What is drawn is written once, as functions that take a :class:`Draw`. ``strategies`` makes
hypothesis strategies of them; ``at_length`` draws the same from plain seeds, some fifty times as
fast. Every choice is a number below a bound, and 0 is always the simplest, so that a list of
choices says an example whole and can be made smaller (``shrinking``).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import NoReturn, TypeVar

__all__ = ["ByChoices", "BySeed", "Draw", "PassedOver", "Recorded"]

T = TypeVar("T")


class PassedOver(Exception):
    """The example says nothing about what is asked; the text says why."""


class Draw(ABC):
    """Makes choices."""

    @abstractmethod
    def below(self, bound: int) -> int:
        """Return one of 0 to ``bound - 1``, of which 0 is the simplest."""

    @abstractmethod
    def note(self, name: str, value: object) -> None:
        """Count the example among those of this kind."""

    @abstractmethod
    def show(self, name: str, value: object) -> None:
        """Show a value with the example, should it fail."""

    @abstractmethod
    def pass_over(self, why: str) -> NoReturn:
        """Leave the example: it does not count."""

    def integer(self, low: int, high: int) -> int:
        """Return a whole number, both ends included."""
        return low + self.below(high - low + 1)

    def one_of(self, values: Sequence[T]) -> T:
        """Return one of some values; what stands there more often comes more often."""
        return values[self.below(len(values))]

    def is_true(self) -> bool:
        """Return yes as often as no."""
        return self.below(2) == 1

    def seldom(self) -> bool:
        """Return yes once in four times."""
        return self.below(4) == 3

    def some_of(
        self, values: Iterable[T], *, at_least: int = 0, at_most: int | None = None
    ) -> tuple[T, ...]:
        """Return some of the values, each at most once, in any order."""
        left = list(values)
        most = len(left) if at_most is None else min(at_most, len(left))
        size = self.integer(at_least, most)
        return tuple(left.pop(self.below(len(left))) for _ in range(size))

    def permutation(self, values: Iterable[T]) -> tuple[T, ...]:
        """Return all values in any order."""
        left = list(values)
        return tuple(left.pop(self.below(len(left))) for _ in range(len(left)))


class Recorded(Draw):
    """Remembers what was chosen and noted."""

    def __init__(self) -> None:
        self.choices: list[int] = []
        self.notes: list[tuple[str, str]] = []
        self.shown: list[tuple[str, object]] = []

    def below(self, bound: int) -> int:
        if bound < 1:
            raise ValueError("there is nothing to choose from")
        chosen = self._choose(bound) if bound > 1 else 0
        if bound > 1:
            self.choices.append(chosen)
        return chosen

    @abstractmethod
    def _choose(self, bound: int) -> int:
        """Return one of 0 to ``bound - 1``."""

    def note(self, name: str, value: object) -> None:
        self.notes.append((name, str(value)))

    def show(self, name: str, value: object) -> None:
        self.shown.append((name, value))

    def pass_over(self, why: str) -> NoReturn:
        raise PassedOver(why)


class BySeed(Recorded):
    """Choices that follow from a seed, and from nothing else."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._share = random.Random(seed).random
        self._keep = self.choices.append

    def below(self, bound: int) -> int:
        # As the others do it, but in one step: drawing is most of what a long profile does.
        if bound < 2:
            return super().below(bound)
        chosen = int(self._share() * bound)
        self._keep(chosen)
        return chosen

    def _choose(self, bound: int) -> int:
        return int(self._share() * bound)


class ByChoices(Recorded):
    """Choices made beforehand; what is too high is lowered, and what is missing is 0."""

    def __init__(self, choices: Iterable[int]) -> None:
        super().__init__()
        self._left = iter(choices)

    def _choose(self, bound: int) -> int:
        return min(next(self._left, 0), bound - 1)

    def again(self) -> ByChoices:
        """Return the same choices, to be made once more."""
        return ByChoices(self.choices)
