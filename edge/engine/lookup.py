"""Guessing how an answer goes on: as the text went on where its last tokens stood before.

Answers often repeat names, numbers and phrases of their prompt. Pure bookkeeping.
"""

from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["PromptLookup"]

_WIDTH: Final = 4
"""Tokens that must have stood together before."""


class PromptLookup:
    """Finds where the last tokens of a text stood before.

    Args:
        tokens: The text so far.
    """

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        self.extend(tokens)

    @property
    def text(self) -> Sequence[int]:
        """All tokens so far."""
        return self._tokens

    def extend(self, tokens: Iterable[int]) -> None:
        """Let the text go on."""
        for token in tokens:
            if len(self._tokens) >= _WIDTH:
                # Only what has a continuation is worth finding.
                self._ends[tuple(self._tokens[-_WIDTH:])] = len(self._tokens)
            self._tokens.append(token)

    def guess(self, most: int) -> list[int]:
        """Return at most so many tokens that may come next; often none."""
        end = self._ends.get(tuple(self._tokens[-_WIDTH:]))
        return [] if end is None else self._tokens[end : end + most]
