"""What the tokeniser throws away and the model wants back: capitals, and what stands before a word.

The published tokeniser lowers every letter and forgets blanks and line breaks. Each token
therefore goes into the model with a small number: how its word is written, and what is before it.
"""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["SHAPES", "shapes_of"]

_WORD: Final = re.compile(r"[^\W_]{1,24}")
_CASES: Final = 3
_GAPS: Final = 3
SHAPES: Final = _CASES * _GAPS
"""How many shapes there are; shape 0 is a token without capitals that follows a blank."""
_BLANK, _LINE, _GLUED = range(_GAPS)
_PLAIN, _CAPITALISED, _CAPITALS = range(_CASES)


def shapes_of(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the shape of each token, less than ``SHAPES``.

    Args:
        text: As the tokeniser was given it.
        offsets: Start and end of each token in it, in order; an empty one has shape 0.
    """
    shapes = []
    case, before = _PLAIN, 0
    for start, end in offsets:
        if start == end:
            shapes.append(0)
            continue
        gap = _gap(text[before:start]) if start > before or not start else _GLUED
        if gap != _GLUED or not text[start - 1].isalnum():
            case = _case(text, start)  # pieces of a word are written as the word is
        shapes.append(case * _GAPS + gap)
        before = end
    return shapes


def _gap(between: str) -> int:
    if "\n" in between or not between:
        return _LINE  # the text's beginning is a line's
    return _BLANK


def _case(text: str, start: int) -> int:
    found = _WORD.match(text, start)
    word = found[0] if found else ""
    if word == word.lower():
        return _PLAIN
    return _CAPITALISED if word[1:] == word[1:].lower() else _CAPITALS
