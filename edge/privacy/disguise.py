"""Put surrogates in the place of placeholders, wherever they can be told from the text around.

Decided by what stays of the text and by ordinals, never by what was removed. What cannot be read
back exactly, such as a name that touches the next word, remains a placeholder in brackets.
"""

from collections.abc import Set
from typing import Final

from edge.privacy.placeholders import Grammar
from edge.privacy.redact import Piece, Redacted
from runtime.sentinel.surrogate import as_tags, surrogate_of

__all__ = ["disguised"]

_ROUNDS: Final = 4
"""Each leaves surrogates out where they are misread; after the last the text has none at all."""


def disguised(redacted: Redacted, grammar: Grammar) -> Redacted:
    """Return the same release, written with surrogates.

    Both the placeholder and the surrogate of an original are in ``released``: a later release of
    the same request may write the one for the other.

    Args:
        redacted: A release that is written with placeholders.
        grammar: Recognises surrogates; the one that redaction used.
    """
    barred: set[int] = set()
    for _ in range(_ROUNDS):
        written = _written(redacted, barred)
        misread = _misread(written, grammar)
        if not misread:
            is_exact = as_tags(written.text, written.released) == redacted.text
            return written if is_exact else redacted
        barred |= misread
    return redacted


def _written(redacted: Redacted, barred: Set[int]) -> Redacted:
    parts: list[str] = []
    pieces: list[Piece] = []
    released = dict(redacted.released)
    length = 0
    for index, piece in enumerate(redacted.pieces):
        part = redacted.text[piece.start : piece.end]
        if piece.is_replaced and index not in barred:
            surrogate = surrogate_of(part) or part
            released[surrogate] = redacted.released[part]
            part = surrogate
        end = length + len(part)
        pieces.append(Piece(piece.source_start, piece.source_end, length, end, piece.is_replaced))
        parts.append(part)
        length = end
    return Redacted("".join(parts), released, tuple(pieces), redacted.spans)


def _misread(written: Redacted, grammar: Grammar) -> set[int]:
    """Return which pieces restoring would not find, or not alone, as restoring reads a text."""
    expected = {
        (piece.start, piece.end): index
        for index, piece in enumerate(written.pieces)
        if piece.is_replaced
    }
    astray: list[tuple[int, int]] = []
    position = 0
    while match := grammar.find(written.text, position):
        if expected.pop(match.span(), None) is None:
            astray.append(match.span())
        position = match.end()
    return set(expected.values()) | _around(written, astray)


def _around(written: Redacted, places: list[tuple[int, int]]) -> set[int]:
    """Return the replaced pieces in or at the border of ``places``; both are in text order."""
    found: set[int] = set()
    pieces = [(index, piece) for index, piece in enumerate(written.pieces) if piece.is_replaced]
    at = 0
    for start, end in places:
        while at < len(pieces) and pieces[at][1].end < start:
            at += 1
        reach = at
        while reach < len(pieces) and pieces[reach][1].start <= end:
            found.add(pieces[reach][0])
            reach += 1
    return found
