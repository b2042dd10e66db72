"""How people really type: slips of the finger, no full stops, blanks too many."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["Noise"]

_SLIP: Final = 0.03
"""Of letters, where there are slips at all."""
_STOPS: Final = str.maketrans("", "", ".,;!?'\"")
_CAREFUL: Final = 0.78


class Noise:
    """One writer's habits: the same for a whole text.

    Args:
        dice: Decides on them.
    """

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        careful = dice.random() < _CAREFUL
        self._slips = not careful and dice.random() < 0.6
        self._bare = not careful and dice.random() < 0.4
        self._wide = not careful and dice.random() < 0.2

    def around(self, text: str) -> str:
        """Return what stands between values as this writer types it."""
        if self._bare and len(text) > 3:
            text = text.translate(_STOPS)
        if self._wide:
            text = text.replace(" ", "  ")
        return self._slipped(text) if self._slips else text

    def value(self, text: str) -> str:
        """Return a value as this writer types it; numbers are copied, so nothing slips there."""
        is_words = all(mark.isalpha() or mark in " -.'" for mark in text)
        return self._slipped(text) if self._slips and is_words else text

    def _slipped(self, text: str) -> str:
        marks = list(text)
        for at in range(1, len(marks) - 1):
            if not (marks[at].isalpha() and marks[at + 1].isalpha()):
                continue
            if self._dice.random() < _SLIP:
                form = self._dice.randrange(3)
                if form == 0:
                    marks[at], marks[at + 1] = marks[at + 1], marks[at]
                elif form == 1:
                    marks[at] += marks[at]
                else:
                    marks[at] = ""
        return "".join(marks)
