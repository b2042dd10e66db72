"""Kept prompts outside of the cache, where no running call has to look past them.

A decode looks at every cell up to the last one that is held, whoever holds it: 2,000 idle tokens
make a token of one stream of a 135 M model 1.7 times as dear. A copy in plain memory costs nothing
until somebody begins with it, and brings it back for less than the time of one decode. Knows
sequences and their sizes; not whose they are.
"""

from dataclasses import dataclass

from edge.engine.native.decoder import Decoder, Saved
from edge.engine.sizes import parked_tokens

__all__ = ["ParkedPrompts"]


@dataclass(frozen=True, slots=True)
class _Parked:
    saved: Saved
    tokens: int


class ParkedPrompts:
    """The copies, by the number of the sequence that they were taken from.

    Args:
        context: What they are copied from, and back to.
    """

    def __init__(self, context: Decoder) -> None:
        self._context = context
        self._most_tokens = parked_tokens(context.cache_tokens)
        self._parked: dict[int, _Parked] = {}

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._parked

    def tokens(self, sequence: int) -> int:
        """Return how many tokens a parked sequence has."""
        return self._parked[sequence].tokens

    def park(self, sequence: int, tokens: int) -> bool:
        """Copy a sequence, if there is room for it; its place in the cache is the caller's to free.

        Args:
            sequence: Its number.
            tokens: How many it has.

        Returns:
            Whether there is a copy now.
        """
        held = sum(parked.tokens for parked in self._parked.values())
        if held + tokens > self._most_tokens:
            return False
        saved = self._context.save(sequence)
        if saved is None:
            return False
        self._parked[sequence] = _Parked(saved, tokens)
        return True

    def bring_back(self, source: int, target: int) -> bool:
        """Let an empty sequence begin with all of a copy, which stays.

        Returns:
            Whether there was room in the cache; else the sequence is as empty as before.
        """
        return self._context.restore(target, self._parked[source].saved)

    def drop(self, sequence: int) -> None:
        """Forget the copy of a sequence, if there is one."""
        self._parked.pop(sequence, None)
