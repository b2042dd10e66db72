"""Texts as guards compare them: without case, accents, widths and hidden characters.

Folding a text piece by piece gives what folding it whole does, so that a stream may be cut
anywhere.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["FoldedStream", "folded"]

_DROPPED: Final = frozenset({"Mn", "Me", "Cf"})
"""Accents, enclosing marks, and characters that do not show."""


class FoldedStream:
    """Folds a text that comes in pieces."""

    def __init__(self) -> None:
        self._has_space = True

    def feed(self, piece: str) -> str:
        """Return the next piece folded; white space of any length is one space."""
        kept: list[str] = []
        for char in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", piece).casefold()):
            if unicodedata.category(char) in _DROPPED:
                continue
            is_space = char.isspace()
            if not (is_space and self._has_space):
                kept.append(" " if is_space else char)
            self._has_space = is_space
        return "".join(kept)


def folded(text: str) -> str:
    """Return a whole text folded, without white space around it."""
    return FoldedStream().feed(text).strip()
