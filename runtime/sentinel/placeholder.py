"""The shape of a placeholder, which detectors must not take for content.

A placeholder stands for something that has already been removed: ``<PERSON_1>``, or
``<PERSON_1b>`` for another surface form of the same person. Only names from a known set count,
so that a text cannot hide a word by dressing it up as ``<WORD_1>``.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from runtime.sentinel.span import Span

__all__ = [
    "LITERAL",
    "SENSITIVE",
    "is_placeholder_name",
    "placeholder_name",
    "without_placeholders",
]

LITERAL: Final = "LITERAL"
"""Stands for text of the input that looked like a placeholder."""
SENSITIVE: Final = "SENSITIVE"
"""Stands for a span whose kind is not in the known set."""

_SHAPE: Final = re.compile(r"<([A-Z][A-Z0-9_]{0,39})_[1-9][0-9]{0,4}[a-z]?>")
_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


def placeholder_name(kind: str) -> str:
    """Return the name by which placeholders call a kind: ``api_key`` is ``API_KEY``."""
    name = re.sub(r"[^A-Z0-9]+", "_", kind.upper()).strip("_")
    return name if is_placeholder_name(name) else SENSITIVE


def is_placeholder_name(name: str) -> bool:
    """Whether ``name`` may stand in a placeholder."""
    return _NAME.fullmatch(name) is not None


def without_placeholders(text: str, spans: Iterable[Span], names: frozenset[str]) -> list[Span]:
    """Drop spans that lie wholly within placeholders called by one of ``names``."""
    places = [match.span() for match in _SHAPE.finditer(text) if match[1] in names]
    if not places:
        return list(spans)
    starts = [start for start, _ in places]

    def is_inside(span: Span) -> bool:
        index = bisect_right(starts, span.start) - 1
        return index >= 0 and span.end <= places[index][1]

    return [span for span in spans if not is_inside(span)]
