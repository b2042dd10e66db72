"""Replace spans by placeholders, such that the exact text can be put back.

Pure text work: knows spans and a book of placeholders, no detectors and no storage.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge.privacy.placeholders import Grammar
from runtime.ids import Category
from runtime.sentinel.overlap import merge_overlaps
from runtime.sentinel.placeholder import LITERAL
from runtime.sentinel.span import Span

__all__ = ["Piece", "Redacted", "Redactor"]

Naming = Callable[[str, str], str]
"""Gives the placeholder for a kind and a value."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the source and the stretch of the released text that stands for it."""

    source_start: int
    source_end: int
    start: int
    end: int
    is_replaced: bool


@dataclass(frozen=True, slots=True)
class Redacted:
    """A released text and how it came about."""

    text: str
    released: dict[str, str]
    """Originals by placeholder, look-alikes included: all that restoring this text needs."""
    pieces: tuple[Piece, ...]
    spans: int
    """How many spans were replaced; look-alikes do not count."""

    def source_extent(self, start: int, end: int) -> tuple[int, int]:
        """Return which stretch of the source a stretch of the released text stands for.

        A placeholder that is touched counts as a whole.
        """
        source_start = source_end = -1
        for piece in self.pieces:
            if piece.start >= end or piece.end <= start:
                continue
            offset = piece.source_start - piece.start
            first = piece.source_start if piece.is_replaced else max(start, piece.start) + offset
            last = piece.source_end if piece.is_replaced else min(end, piece.end) + offset
            source_start = first if source_start < 0 else source_start
            source_end = last
        return source_start, source_end


class Redactor:
    """Redacts texts; ``restore`` of ``edge.privacy.restore`` is its exact inverse."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar

    def redact(
        self, text: str, spans: Iterable[Span], categories: frozenset[Category], naming: Naming
    ) -> Redacted:
        """Replace the spans of ``categories`` and escape look-alikes of placeholders.

        Args:
            text: The source.
            spans: What was found in it; may overlap. Overlapping spans of the categories to
                remove are replaced as one, over their union.
            categories: What to remove; spans of other categories stay.
            naming: Called once per replacement, in text order.
        """
        chosen = merge_overlaps(span for span in spans if span.category in categories)
        builder = _Builder(text, naming)
        position = 0
        for span in chosen:
            self._escape(builder, text[position : span.start])
            builder.replace(span.end - span.start, span.kind)
            position = span.end
        self._escape(builder, text[position:])
        return builder.result(spans=len(chosen))

    def _escape(self, builder: "_Builder", gap: str) -> None:
        """Keep a stretch between spans, its look-alikes apart.

        A gap is judged by itself: its neighbours are placeholders, which end with a bracket on
        either side and so can neither lengthen nor border a look-alike. Where a surrogate takes
        a placeholder's place, ``edge.privacy.disguise`` looks again.
        """
        position = 0
        while found := self._next_look_alike(gap, position):
            start, end = found
            builder.keep(start - position)
            builder.replace(end - start, LITERAL)
            position = end
        builder.keep(len(gap) - position)

    def _next_look_alike(self, gap: str, position: int) -> tuple[int, int] | None:
        r"""Return where the next look-alike at or after ``position`` stands.

        What stood before ``position`` is a placeholder by now and ends with a bracket, also when
        it ended with a letter as ``\u003e`` does: so what follows is first judged alone.
        """
        alone = gap[position : position + self._grammar.max_characters + 1]
        match = self._grammar.find(alone) if position else None
        if match and not match.start():
            return position, position + match.end()
        match = self._grammar.find(gap, position)
        return match.span() if match else None


class _Builder:
    """Writes the released text from left to right."""

    def __init__(self, source: str, naming: Naming) -> None:
        self._source = source
        self._naming = naming
        self._at = 0
        self._length = 0
        self._parts: list[str] = []
        self._pieces: list[Piece] = []
        self._released: dict[str, str] = {}

    def keep(self, characters: int) -> None:
        if characters:
            self._add(characters, self._source[self._at : self._at + characters], is_replaced=False)

    def replace(self, characters: int, kind: str) -> None:
        value = self._source[self._at : self._at + characters]
        placeholder = self._naming(kind, value)
        self._released[placeholder] = value
        self._add(characters, placeholder, is_replaced=True)

    def _add(self, characters: int, written: str, *, is_replaced: bool) -> None:
        end = self._length + len(written)
        piece = Piece(self._at, self._at + characters, self._length, end, is_replaced)
        self._pieces.append(piece)
        self._parts.append(written)
        self._at += characters
        self._length = end

    def result(self, *, spans: int) -> Redacted:
        return Redacted("".join(self._parts), self._released, tuple(self._pieces), spans)
