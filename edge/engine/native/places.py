"""Who sits where in a context: numbers of sequences, room in the cache, what is kept idle.

Joins libllama's memory, the mirror of its cells and the kept prompts, so that they agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.engine.cells import CellBook
from edge.engine.native.decoder import Decoder
from edge.engine.native.parking import ParkedPrompts
from edge.engine.prefixes import KeptPrefixes, Tokens, common_length

__all__ = ["Place", "Places"]

_LEAST_SHARED_TOKENS: Final = 16
"""Fewer in common save nothing: every chat of a model begins alike."""
_NEAR_TOKENS: Final = 256
_MOST_IDLE_TOKENS: Final = 256
"""Of kept prompts, that running calls look past; libllama looks at so many cells at once."""


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
        self._parked = ParkedPrompts(context)
        # Low numbers first, so that a call that is alone always computes in the same one.
        self._free = list(range(context.slots + context.kept_prefixes))[::-1]
        self._taken: dict[int, _Needs] = {}
        """Sequences of calls, and the cells that each needs."""
        self._begun_with: dict[int, int] = {}
        """Sequences of calls that share cells with a kept prompt, and that one's."""

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
        return Place(sequence, self._begin_with(source, sequence, shared) if shared else 0)

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

    def _begin_with(self, source: int, sequence: int, shared: int) -> int:
        """Let a call begin with tokens of another sequence; return how many there was room for."""
        if source not in self._parked:
            self._context.share(source, sequence, shared)
            self._cells.share(source, sequence, shared)
            if source not in self._taken:
                self._begun_with[sequence] = source
            return shared
        tokens = self._parked.tokens(source)
        if not self.make_room(tokens) or not self._parked.bring_back(source, sequence):
            return 0
        self._cells.grow(sequence, tokens)
        self.cut(sequence, shared)
        return shared

    def park(self) -> None:
        """Move a kept prompt out of the running calls' way, the one used longest ago first."""
        idle = self._idle()
        if self._taken and sum(tokens for _, tokens in idle) > _MOST_IDLE_TOKENS:
            any(self._park(sequence, tokens) for sequence, tokens in idle)

    def make_room(self, tokens: int) -> bool:
        """Have this many free cells, at the cost of the idle sequences used longest ago.

        Returns:
            Whether there are so many.
        """
        while self._cells.free < tokens and (idle := self._idle(also_shared=True)):
            if not self._park(*idle[0]) and (oldest := self._kept.drop_oldest()) is not None:
                self._clear(oldest)
        return self._cells.free >= tokens

    def _idle(self, *, also_shared: bool = False) -> list[tuple[int, int]]:
        """Return kept prompts that are in the cache, and their lengths; the oldest first.

        Args:
            also_shared: Those with which a running call began, too: parked, they free little.
        """
        shared = () if also_shared else self._begun_with.values()
        return [
            (sequence, tokens)
            for sequence, tokens in self._kept.lengths()
            if sequence not in self._parked and sequence not in shared
        ]

    def _park(self, sequence: int, tokens: int) -> bool:
        if not self._parked.park(sequence, tokens):
            return False
        self._context.forget(sequence)
        self._cells.drop(sequence)
        return True

    def lose(self, sequence: int) -> None:
        """Take a call's room away; nothing of it is kept."""
        del self._taken[sequence]
        self._begun_with.pop(sequence, None)
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
        self._begun_with.pop(sequence, None)
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
        self._parked.drop(sequence)
        self._free.append(sequence)
