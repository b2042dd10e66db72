"""Choices: which option a final answer names, however it is put into a sentence."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from optimizer.scoring.texts import final_text

__all__ = ["choice_of", "is_choice", "is_same_choice"]

_OPTION: Final = r"([A-Z]|[0-9]{1,2})"
_CHOICE: Final = re.compile(r"\(?([A-Z]|[0-9]{1,2})[).]?")
_WORDS: Final = r"(?:OPTION|CHOICE|ANSWER|LETTER|ALTERNATIVE)"
_IS: Final = r"(?:\s+(?:IS|WOULD BE|MUST BE|SHOULD BE))?\s*:?\s+"
_SAID: Final = (
    re.compile(rf"\A\(?{_OPTION}(?:\)?\s*\Z|[).:,;\n])"),
    re.compile(rf"\b{_WORDS}{_IS}\(?{_OPTION}\b(?!\s+(?:IS|ARE)\s+(?:NOT|WRONG|INCORRECT))"),
    re.compile(rf"\(?\b{_OPTION}\)?\s+(?:IS|SEEMS)\s+(?:THE\s+)?(?:CORRECT|RIGHT|BEST|TRUE)\b"),
    re.compile(rf"\b(?:CHOOSE|PICK|SELECT|TAKE|GO WITH)\s+\(?{_OPTION}\b"),
)
"""Ways to say a choice, surest first. Each is read where it stands first."""
_BRACKETED: Final = re.compile(r"\(([A-Z]|[0-9]{1,2})\)")
_ALONE: Final = re.compile(r"(?<![\w'\u2019])(?<!\bnot )([B-HJ-Z])(?![\w'\u2019])")
"""A capital on its own in running text, not denied; ``A`` and ``I`` are words."""
_MARKS: Final = re.compile(r"[*_`\"“”$]|\\(?:text|mathrm|mathbf)?|[{}]")


def is_choice(expected: str) -> bool:
    """Say whether an expected answer is one option: a letter or a number of two digits."""
    return _CHOICE.fullmatch(_folded(expected).strip()) is not None


def is_same_choice(answer: str, expected: str) -> bool:
    """Say whether an answer's final part names the expected option and no other."""
    wanted = _CHOICE.fullmatch(_folded(expected).strip())
    return wanted is not None and choice_of(final_text(answer)) == wanted.group(1)


def choice_of(text: str) -> str | None:
    """Return the option that a text names, or ``None`` where it names none or leaves it open."""
    clean = _MARKS.sub("", unicodedata.normalize("NFKC", text)).strip()
    folded = clean.upper()
    for pattern in _SAID:
        found = pattern.search(folded)
        if found is not None:
            return found.group(1)
    bracketed = _BRACKETED.search(folded)
    if bracketed is not None:
        return bracketed.group(1)
    alone = set(_ALONE.findall(clean))
    return alone.pop() if len(alone) == 1 else None


def _folded(text: str) -> str:
    return _MARKS.sub("", unicodedata.normalize("NFKC", text)).upper()
