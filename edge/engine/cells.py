"""Which sequence of a context holds which of its cells.

A mirror of what libllama keeps to itself: sequences that begin alike share cells, and a cell is
free when nobody holds it. Pure bookkeeping; knows numbers only.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import count

__all__ = ["CellBook"]


class CellBook:
    """The cells of one context.

    Args:
        cells: How many there are.
    """

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._names = count()
        self._held: dict[int, list[int]] = {}
        self._holders: Counter[int] = Counter()

    @property
    def free(self) -> int:
        """Cells that nobody holds."""
        return self._cells - len(self._holders)

    def length(self, sequence: int) -> int:
        """Return how many cells a sequence holds."""
        return len(self._held.get(sequence, ()))

    def held_by(self, sequences: Iterable[int]) -> int:
        """Return how many cells some sequences hold together."""
        return len(set().union(*(self._held.get(sequence, ()) for sequence in sequences)))

    def grow(self, sequence: int, cells: int) -> None:
        """Give a sequence cells that were free."""
        held = self._held.setdefault(sequence, [])
        for _ in range(cells):
            name = next(self._names)
            held.append(name)
            self._holders[name] = 1

    def share(self, source: int, target: int, cells: int) -> None:
        """Let a sequence that holds nothing begin with the first cells of another."""
        names = self._held[source][:cells]
        self._held[target] = names
        self._holders.update(names)

    def cut(self, sequence: int, cells: int) -> None:
        """Take all but the first cells from a sequence."""
        held = self._held[sequence]
        self._release(held[cells:])
        del held[cells:]

    def drop(self, sequence: int) -> None:
        """Take everything from a sequence."""
        self._release(self._held.pop(sequence, []))

    def _release(self, names: list[int]) -> None:
        for name in names:
            if self._holders[name] == 1:
                del self._holders[name]
            else:
                self._holders[name] -= 1
