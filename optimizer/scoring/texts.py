r"""Exact texts: what an answer comes down to, and whether that is the expected one.

Knows texts only. What an answer *is* follows the runtime's own vote: the text after the last
``Answer:`` where there is one, the whole text otherwise; with the marks that answers of known
benchmarks carry (``####``, ``\boxed{...}``) it is what these say.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from runtime.executor.voting import final_answer

__all__ = ["final_text", "is_exact", "normalised"]

_MARK: Final = re.compile(r"(?:answer\s*\**\s*:|####)", re.IGNORECASE)
_BOXED: Final = re.compile(r"\\boxed\s*\{")
_AROUND: Final = "\"'`*_\u201c\u201d\u2018\u2019\xab\xbb\u201e \t\n"
_CLOSING: Final = ".!。"


def final_text(answer: str) -> str:
    """Return an answer's final part as it was written: after its last mark, out of its last box."""
    parts = _MARK.split(answer)
    text = parts[-1]
    boxes = list(_BOXED.finditer(text))
    return text if not boxes else _inside(text[boxes[-1].end() :])


def normalised(text: str) -> str:
    """Return what two texts share that are written alike.

    Compatibility forms of characters (NFKC), case, repeated white space, quotes and emphasis
    around the text, and a closing full stop do not count; everything else does.
    """
    folded = final_answer(unicodedata.normalize("NFKC", text))
    while folded != (bare := folded.strip(_AROUND).rstrip(_CLOSING)):
        folded = bare
    return folded


def is_exact(answer: str, expected: str) -> bool:
    """Say whether the final part of an answer is the expected text."""
    return normalised(final_text(answer)) == normalised(expected)


def _inside(text: str) -> str:
    """Return what stands before the brace that closes one already open."""
    depth = 1
    for place, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[:place]
    return text
