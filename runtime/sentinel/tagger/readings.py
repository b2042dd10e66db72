"""From the labels of tokens to spans of a text.

A token counts as sensitive when the labels other than "outside" have together at least the
threshold, whatever they think it is: which of two kinds a word is matters less than that it goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Reading", "Token", "readings", "tokens_of"]

_LONGEST_GAP: Final = 3
"""Between two tokens of one span: a blank, or a comma and a blank."""


@dataclass(frozen=True, slots=True)
class Token:
    """Where a token stands, what it is most likely part of, and how likely."""

    start: int
    end: int
    kind: str
    """Empty for a token that is part of nothing."""
    begins: bool
    """Whether it begins a span of its own."""
    score: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of the text; ``end`` is exclusive."""

    start: int
    end: int
    kind: str
    score: float


def tokens_of(
    offsets: Sequence[tuple[int, int]], chances: Any, labels: Sequence[str], threshold: float
) -> list[Token]:
    """Return what each token is.

    Args:
        offsets: Start and end of each token in the text.
        chances: Of each label per token, [tokens, labels]; a row sums to one.
        labels: Names of the labels; the first is "outside", the others ``B-kind`` and ``I-kind``.
        threshold: From which chance of not being outside a token is sensitive.
    """
    tokens = []
    best = chances[:, 1:].argmax(-1) + 1
    inside = 1.0 - chances[:, 0]
    for (start, end), label, score in zip(offsets, best, inside, strict=True):
        begins, _, kind = labels[label].partition("-")
        is_sensitive = score >= threshold
        tokens.append(Token(start, end, kind if is_sensitive else "", begins == "B", float(score)))
    return tokens


def readings(text: str, tokens: Sequence[Token]) -> list[Reading]:
    """Join tokens to spans, each grown to whole words.

    A label that begins a span starts a new one only at a word's start: the pieces of one word
    belong together, whatever the model thinks of them one by one.
    """
    found: list[Reading] = []
    for token in tokens:
        if not token.kind or token.start == token.end:
            continue
        start, end = _whole_word(text, token.start, token.end)
        last = found[-1] if found else None
        if last is not None and (
            start < last.end
            or (last.kind == token.kind and not token.begins and _is_gap(text[last.end : start]))
        ):
            found[-1] = Reading(
                last.start, max(end, last.end), last.kind, max(last.score, token.score)
            )
        else:
            found.append(Reading(start, end, token.kind, token.score))
    return found


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


def _is_gap(between: str) -> bool:
    return len(between) <= _LONGEST_GAP and not any(mark.isalnum() for mark in between)
