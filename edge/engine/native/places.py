"""Who sits where in a context: numbers of sequences, room in the cache, what is kept idle.

Joins libllama's memory, the mirror of its cells and the kept prefixes, so that they agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.engine.cells import CellBook
from edge.engine.native.decoder import Decoder
from edge.engine.prefixes import KeptPrefixes, Tokens, common_length

__all__ = ["Place", "Places"]

_LEAST_SHARED_TOKENS: Final = 16
"""Fewer in common save nothing: every chat of a model begins alike."""
_NEAR_TOKENS: Final = 256


@dataclass(frozen=True, slots=True)
class Place:
    """Room for one call."""

    sequence: int
    shared_tokens: int
    """Of its prompt, computed already."""


@dataclass(frozen=True, slots=True)
class _Needs:
    """Cells that a call needs."""

    base: int
    """To begin with."""
    most: int
    """For its longest answer."""

    def beyond(self, held: int) -> int:
        """Return how many more it will soon need than it holds."""
        begun = max(held, self.base)
        return begun - held + min(self.most - begun, _NEAR_TOKENS)


class Places:
    """The sequences of a context.

    Args:
        context: Whose.
    """

    def __init__(self, context: Decoder) -> None:
        self._context = context
        self._cells = CellBook(context.cache_tokens)
        self._kept = KeptPrefixes(context.kept_prefixes)
        # Low numbers first, so that a call that is alone always computes in the same one.
        self._free = list(range(context.slots + context.kept_prefixes))[::-1]
        self._taken: dict[int, _Needs] = {}
        """Sequences of calls, and the cells that each needs."""

    @property
    def free_slots(self) -> int:
        """How many more calls can be computed at the same time."""
        return self._context.slots - len(self._taken)

    def take(
        self,
        caller: str,
        tokens: Tokens,
        *,
        growth: int,
        beside: Iterable[tuple[int, Tokens]] = (),
    ) -> Place | None:
        """Find room for a call; ``None`` while those that are computed need too much of it.

        Longest answers seldom come, so only the near future is held free; a call that grows
        beyond it may cost a younger one its place.

        Args:
            caller: Whose idle sequences it may begin with.
            tokens: What it begins with; the last one is computed in any case.
            growth: Tokens by which it may grow.
            beside: What is computed of the same caller's running calls, by sequence.
        """
        needs = _Needs(len(tokens), len(tokens) + growth)
        source, shared = self._beginning(caller, tokens[:-1], beside)
        # What a running call holds is promised already.
        new = needs.beyond(0) - (shared if source in self._taken else 0)
        if self._promised() + new > self._context.cache_tokens:
            return None
        sequence = self._free.pop()
        self._taken[sequence] = needs
        if shared:
            self._context.share(source, sequence, shared)
            self._cells.share(source, sequence, shared)
        return Place(sequence, shared)

    def _beginning(
        self, caller: str, tokens: Tokens, beside: Iterable[tuple[int, Tokens]]
    ) -> tuple[int, int]:
        """Return the sequence that begins most like a call, and how many tokens of it serve."""
        source, shared = self._kept.best(caller, tokens)
        if self._context.kept_prefixes:
            for sequence, computed in beside:
                length = common_length(computed, tokens)
                if length > shared:
                    source, shared = sequence, length
        return (source, shared) if shared >= _LEAST_SHARED_TOKENS else (-1, 0)

    def make_room(self, tokens: int) -> bool:
        """Have this many free cells, at the cost of the idle sequences used longest ago.

        Returns:
            Whether there are so many.
        """
        while self._cells.free < tokens and (oldest := self._kept.drop_oldest()) is not None:
            self._clear(oldest)
        return self._cells.free >= tokens

    def lose(self, sequence: int) -> None:
        """Take a call's room away; nothing of it is kept."""
        del self._taken[sequence]
        self._clear(sequence)

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
        del self._taken[sequence]
        if not caller or len(tokens) < _LEAST_SHARED_TOKENS:
            self._clear(sequence)
            return
        for gone in self._kept.keep(sequence, caller, tokens):
            self._clear(gone)

    def _promised(self) -> int:
        """Cells that the taken sequences hold or will soon need."""
        return self._cells.held_by(self._taken) + sum(
            needs.beyond(self._cells.length(sequence)) for sequence, needs in self._taken.items()
        )

    def _clear(self, sequence: int) -> None:
        self._context.forget(sequence)
        self._cells.drop(sequence)
        self._free.append(sequence)
