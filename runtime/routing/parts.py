"""What a prompt consists of: the question, and the answers that it offers to choose from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Parts", "parts_of"]

_MOST_CHARACTERS: Final = 6_000
"""More is read at neither end, so that a page of text costs no more than a few milliseconds."""
_LINE: Final = re.compile(r"[ \t]*\(?([A-Za-z1-9])[.):][ \t]+(.*)")
_INLINE: Final = re.compile(r"(?:^|\s)\(([A-Z])\)\s+")
_FIRST: Final = frozenset("Aa1")
_FEWEST: Final = 2
_CALLS_FOR_ANSWER: Final = frozenset({"", "answer:", "answer", "a:"})


@dataclass(frozen=True, slots=True)
class Parts:
    """A prompt, taken apart."""

    text: str
    """The prompt; of a very long one, its beginning and its end."""
    question: str
    """The text without the answers on offer."""
    options: tuple[str, ...]
    """The answers on offer; none if the question is open."""
    characters: int
    """Length of the whole prompt."""


def parts_of(prompt: str) -> Parts:
    """Take a prompt apart.

    Answers on offer are lines, or pieces of a line, that are numbered A, B, C or 1, 2, 3.
    """
    text = prompt
    if len(prompt) > 2 * _MOST_CHARACTERS:
        text = f"{prompt[:_MOST_CHARACTERS]}\n{prompt[-_MOST_CHARACTERS:]}"
    lines = text.split("\n")
    while lines and lines[-1].strip().lower() in _CALLS_FOR_ANSWER:
        lines.pop()
    question, options = _numbered_lines(lines)
    if len(options) < _FEWEST:
        question, options = _numbered_pieces("\n".join(lines))
    return Parts(text, question, options, len(prompt))


def _numbered_lines(lines: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    question: list[str] = []
    options: list[str] = []
    expected = _FIRST
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is not None and found[1] in expected:
            expected = frozenset(chr(ord(found[1]) + 1))
            options.append(found[2])
        elif options:
            options[-1] += f"\n{line}"
        else:
            question.append(line)
    return "\n".join(question), tuple(options)


def _numbered_pieces(text: str) -> tuple[str, tuple[str, ...]]:
    found = list(_INLINE.finditer(text))
    is_numbered = all(item[1] == chr(ord("A") + at) for at, item in enumerate(found))
    if len(found) < _FEWEST or not is_numbered:
        return text, ()
    ends = [item.start() for item in found[1:]] + [len(text)]
    options = tuple(text[item.end() : end].strip() for item, end in zip(found, ends, strict=True))
    return text[: found[0].start()], options
