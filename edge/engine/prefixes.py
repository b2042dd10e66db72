"""Prompts that were computed and may begin like the next one of the same caller.

Never across callers: how fast an answer comes would tell one what another has asked. Pure
bookkeeping over tokens; knows no model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["KeptPrefixes", "Tokens", "common_length", "tokens_of"]

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    sequence: int
    caller: str
    tokens: Tokens


class KeptPrefixes:
    """The idle sequences of a context, the least recently used first.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[int, _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def lengths(self) -> Iterator[tuple[int, int]]:
        """Yield the sequences and how many tokens each has, the least recently used first."""
        for kept in self._kept.values():
            yield kept.sequence, len(kept.tokens)

    def keep(self, sequence: int, caller: str, tokens: Tokens) -> list[int]:
        """Keep a finished sequence.

        Returns:
            Sequences that are kept no longer, possibly this one: what another one contains, and
            the least recently used beyond the limit.
        """
        for kept in self._of(caller):
            shared = common_length(kept.tokens, tokens)
            if shared == len(tokens):
                self._touch(kept)
                return [sequence]
            if shared == len(kept.tokens):
                del self._kept[kept.sequence]
                self._kept[sequence] = _Kept(sequence, caller, tokens)
                return [kept.sequence, *self._beyond_limit()]
        self._kept[sequence] = _Kept(sequence, caller, tokens)
        return self._beyond_limit()

    def best(self, caller: str, prompt: Tokens) -> tuple[int, int]:
        """Return the caller's sequence that begins most like a prompt, and how many tokens of it.

        It counts as used. Without any, the length is 0.
        """
        best, length = None, 0
        for kept in self._of(caller):
            shared = common_length(kept.tokens, prompt)
            if shared > length:
                best, length = kept, shared
        if best is None:
            return -1, 0
        self._touch(best)
        return best.sequence, length

    def drop_oldest(self) -> int | None:
        """Keep the least recently used one no longer and return it; ``None`` if there is none."""
        oldest = next(iter(self._kept), None)
        if oldest is not None:
            del self._kept[oldest]
        return oldest

    def _of(self, caller: str) -> list[_Kept]:
        return [kept for kept in self._kept.values() if kept.caller == caller]

    def _touch(self, kept: _Kept) -> None:
        self._kept[kept.sequence] = self._kept.pop(kept.sequence)

    def _beyond_limit(self) -> list[int]:
        return [self._kept.pop(next(iter(self._kept))).sequence
                for _ in range(len(self._kept) - self._most)]  # fmt: skip


def tokens_of(tokens: list[int]) -> Tokens:
    """Return tokens in the form in which they are compared."""
    return np.array(tokens, dtype=np.int32)


def common_length(one: Tokens, other: Tokens) -> int:
    """Return how many tokens two texts have in common from the beginning."""
    length = min(len(one), len(other))
    differ = one[:length] != other[:length]
    return int(differ.argmax()) if differ.any() else length
