"""Who sits where in a context: numbers of sequences, room in the cache, what is kept idle.

Joins libllama's memory, the mirror of its cells and the kept prefixes, so that they agree.
"""

from dataclasses import dataclass
from typing import Final

from edge.engine.cells import CellBook
from edge.engine.native.context import LlamaContext
from edge.engine.prefixes import KeptPrefixes, Tokens

__all__ = ["Place", "Places"]

_LEAST_SHARED_TOKENS: Final = 16
"""Fewer in common save nothing: every chat of a model begins alike."""


@dataclass(frozen=True, slots=True)
class Place:
    """Room for one call."""

    sequence: int
    shared_tokens: int
    """Of its prompt, computed already."""


class Places:
    """The sequences of a context.

    Args:
        context: Whose.
    """

    def __init__(self, context: LlamaContext) -> None:
        self._context = context
        self._cells = CellBook(context.cache_tokens)
        self._kept = KeptPrefixes(context.kept_prefixes)
        # Low numbers first, so that a call that is alone always computes in the same one.
        self._free = list(range(context.slots + context.kept_prefixes))[::-1]
        self._reserved: dict[int, int] = {}
        """Cells that every taken sequence may come to hold."""

    @property
    def has_slot(self) -> bool:
        """Whether one more call can be computed at the same time."""
        return len(self._reserved) < self._context.slots

    def take(self, caller: str, prompt: Tokens, *, cells: int) -> Place | None:
        """Find room for a call; ``None`` while those that are computed need too much of it.

        Args:
            caller: Whose idle sequences it may begin with.
            prompt: What it begins with; its last token is computed in any case.
            cells: What it may come to hold.
        """
        if self._promised() + cells > self._context.cache_tokens:
            return None
        sequence = self._free.pop()
        self._reserved[sequence] = cells
        source, shared = self._kept.best(caller, prompt[:-1])
        if shared < _LEAST_SHARED_TOKENS:
            return Place(sequence, 0)
        self._context.share(source, sequence, shared)
        self._cells.share(source, sequence, shared)
        return Place(sequence, shared)

    def make_room(self, tokens: int) -> None:
        """Have this many free cells, at the cost of the idle sequences used longest ago."""
        while self._cells.free < tokens and (oldest := self._kept.drop_oldest()) is not None:
            self._clear(oldest)

    def grow(self, sequence: int, tokens: int) -> None:
        """Note that tokens of a sequence were computed."""
        self._cells.grow(sequence, tokens)

    def cut(self, sequence: int, tokens: int) -> None:
        """Keep only so many tokens of a sequence."""
        if self._cells.length(sequence) > tokens:
            self._context.cut(sequence, tokens)
            self._cells.cut(sequence, tokens)

    def leave(self, sequence: int, caller: str, tokens: Tokens) -> None:
        """Give a call's room back; what it computed is kept for a known caller's next one.

        Args:
            sequence: Its sequence.
            caller: Whose.
            tokens: What is computed of it.
        """
        del self._reserved[sequence]
        if not caller or len(tokens) < _LEAST_SHARED_TOKENS:
            self._clear(sequence)
            return
        for gone in self._kept.keep(sequence, caller, tokens):
            self._clear(gone)

    def _promised(self) -> int:
        """Cells that the taken sequences hold or may come to hold."""
        held = self._cells.held_by(self._reserved)
        return held + sum(
            cells - self._cells.length(sequence) for sequence, cells in self._reserved.items()
        )

    def _clear(self, sequence: int) -> None:
        self._context.forget(sequence)
        self._cells.drop(sequence)
        self._free.append(sequence)
