"""Labels: sets of categories that only join, and the levels a policy gives them.

Knows the lattice; does not know which category has which level (``runtime.policy`` does).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce

from runtime.ids import Category

__all__ = ["PUBLIC", "UNSURE", "Label", "Level", "join"]

UNSURE = Category("unsure")
"""Joined when a detector failed: its level is the policy's ``when_unsure``."""


class Level(IntEnum):
    """How sensitive a message is, and how much a node may see."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3


@dataclass(frozen=True, slots=True)
class Label:
    """A set of categories; the empty set is public.

    There is no operation that lowers a label except :meth:`without`, which only releases call.
    """

    categories: frozenset[Category] = frozenset()

    @staticmethod
    def of(*names: str) -> Label:
        """Build a label from category names."""
        return Label(frozenset(Category(name) for name in names))

    def join(self, other: Label) -> Label:
        """Return the union: what a message that mixes both carries."""
        return Label(self.categories | other.categories)

    def without(self, released: Iterable[Category]) -> Label:
        """Return what is left after a release removed exactly ``released``."""
        return Label(self.categories - frozenset(released))

    def covers(self, other: Label) -> bool:
        """Whether ``other`` holds no category that this label lacks."""
        return other.categories <= self.categories

    def names(self) -> tuple[str, ...]:
        """Category names in a stable order, for display and for hashing."""
        return tuple(sorted(self.categories))

    def __str__(self) -> str:
        return "{" + ", ".join(self.names()) + "}"


PUBLIC = Label()


def join(labels: Iterable[Label]) -> Label:
    """Return the union of any number of labels; of none, the public label."""
    return reduce(Label.join, labels, PUBLIC)
