"""Sentences judged as a whole: what they are about, also where no word of them is sensitive alone.

"The only cardiologist in the valley" names nobody, and everybody there knows her. For each token
the model says how much it has to say on each topic, and what; a segment's chance is the mean of
what its tokens say, weighed by that.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from runtime.sentinel.tagger.windows import Window

__all__ = ["Judgement", "judgements", "segments_of"]

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


@dataclass(frozen=True, slots=True)
class Judgement:
    """A segment, and how likely it is about each topic; ``end`` is exclusive."""

    start: int
    end: int
    chances: tuple[float, ...]


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


def judgements(
    segments: Sequence[tuple[int, int]],
    offsets: Sequence[tuple[int, int]],
    window: Window,
    scores: Any,
) -> Iterator[Judgement]:
    """Yield what one window says of the segments, or the parts of them, that it judges.

    Args:
        segments: First and last token of each.
        offsets: Of all tokens in the text.
        window: Which tokens were shown.
        scores: For each token shown, [tokens, twice the topics]: first the weights, then what
            is weighed.
    """
    for first, last in segments:
        begin, end = max(first, window.first), min(last, window.last)
        if begin < end:
            said = scores[begin - window.start : end - window.start]
            yield Judgement(offsets[begin][0], offsets[end - 1][1], _chances(said))


def _chances(scores: Any) -> tuple[float, ...]:
    import numpy as np  # comes with ONNX Runtime

    weights, said = np.split(scores, 2, axis=-1)
    weights = np.exp(weights - weights.max(0))
    mean = (weights * said).sum(0) / weights.sum(0)
    return tuple((1 / (1 + np.exp(-mean))).tolist())
