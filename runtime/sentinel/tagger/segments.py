"""Sentences judged as a whole: what they are about, also where no word of them is sensitive alone.

"The only cardiologist in the valley" names nobody, and everybody there knows her. The model reads
whole windows; which of their tokens make a sentence is said to it as weights.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

from runtime.sentinel.tagger.windows import Window

__all__ = ["parts_in", "segments_of", "weights_of"]

_STOP: Final = re.compile(r"[.!?\u2026][\"'\u201d\u2019)\]]{0,2}\Z")
_SHORT_WORD: Final = re.compile(
    r"(?:\A|[\s(])(?:[A-Za-z]|Dr|Drs|Mrs?|Ms|Prof|St|Sr|Jr|Rev|Hon|Capt|Sgt|Lt|Nr?o|Nos|Fig|Vol"
    r"|e\.g|i\.e|vs|etc|approx|ca|cf|resp|incl|Inc|Ltd|Co|Corp)\.\Z"
)
"""``Dr.``, ``St.``, ``p.``: a full stop that ends no sentence."""
_BLANK_LINE: Final = re.compile(r"\n[ \t\r]*\n")
_LINE_TOKENS: Final = 12
"""From so many tokens on a line's end ends a segment: lists, tables, lines of code."""
_LEAST_TOKENS: Final = 3
_LOOK_BACK: Final = 12


def segments_of(text: str, offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return, in order, first and last token (exclusive) of each sentence or group of lines.

    Args:
        text: As the tokeniser was given it.
        offsets: Start and end of each token in it.
    """
    cuts = [0]
    for at in range(1, len(offsets)):
        before, start = offsets[at - 1][1], offsets[at][0]
        if start > before and _ends(text, before, start, at - cuts[-1]):
            cuts.append(at)
    cuts.append(len(offsets))
    return [(one, two) for one, two in pairwise(cuts) if one < two]


def _ends(text: str, before: int, start: int, tokens: int) -> bool:
    """Whether a segment of so many tokens ends between two positions."""
    between = text[before:start]
    if _BLANK_LINE.search(between):
        return True
    if tokens < _LEAST_TOKENS:
        return False
    said = text[max(0, before - _LOOK_BACK) : before]
    if "\n" in between and (tokens >= _LINE_TOKENS or _STOP.search(said)):
        return True
    return _STOP.search(said) is not None and _SHORT_WORD.search(said) is None


def parts_in(segments: Sequence[tuple[int, int]], window: Window) -> list[tuple[int, int]]:
    """Return the segments, which are in order, or the parts of them, that a window judges."""
    begin = bisect_right(segments, window.first, key=itemgetter(1))
    end = bisect_left(segments, window.last, key=itemgetter(0))
    touched = segments[begin:end]
    parts = [(max(one, window.first), min(two, window.last)) for one, two in touched]
    return [(first, last) for first, last in parts if first < last]


def weights_of(parts: Sequence[tuple[int, int]], window: Window) -> Any:
    """Return how much each token shown, marks included, counts in each part: [parts, tokens].

    Those of a part count alike, and together one.
    """
    import numpy as np  # comes with ONNX Runtime

    weights = np.zeros((len(parts), window.end - window.start + 2), np.float32)
    for row, (first, last) in zip(weights, parts, strict=True):
        row[1 + first - window.start : 1 + last - window.start] = 1 / (last - first)
    return weights
