"""One generated question, its sensitive spans and its redacted form.

Knows text and spans; does not know how any task words its questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Final, Literal

__all__ = [
    "REDACTED_KINDS",
    "Marked",
    "Question",
    "Span",
    "SpanKind",
    "placeholders",
    "redact",
    "restore",
    "write",
]

SpanKind = Literal["person", "phone", "iban", "email", "health"]

REDACTED_KINDS: Final[tuple[SpanKind, ...]] = ("person", "phone", "iban", "email")
"""Kinds that a placeholder replaces. ``health`` stays: `redact` does not remove it (DESIGN 9)."""


@dataclass(frozen=True, slots=True)
class Span:
    """A sensitive part of a text: characters ``start`` to ``end`` (exclusive)."""

    start: int
    end: int
    kind: SpanKind


@dataclass(frozen=True, slots=True)
class Marked:
    """A value that is sensitive wherever it is written."""

    value: str
    kind: SpanKind


@dataclass(frozen=True, slots=True)
class Question:
    """A question with one right answer.

    ``solution`` is the text that a model is trained to write: the working, a sentence that
    repeats the subject, and a last line ``Answer: <answer>``.
    """

    id: str
    task: str
    level: int
    text: str
    answer: str
    solution: str
    spans: tuple[Span, ...]
    distractors: tuple[str, ...] = ()
    """Answers that are wrong but stand in the text; only extraction tasks have them."""

    @property
    def redacted(self) -> "Question":
        """The same question with every identifying span replaced by its placeholder."""
        mapping = placeholders(self.text, self.spans)
        spans = tuple(
            Span(start, start + len(value), "health")
            for value, start in _health_in_redacted(self.text, self.spans, mapping)
        )
        return Question(
            id=f"{self.id}-redacted",
            task=self.task,
            level=self.level,
            text=_replace_spans(self.text, self.spans, mapping),
            answer=redact(self.answer, mapping),
            solution=redact(self.solution, mapping),
            spans=spans,
            distractors=tuple(redact(wrong, mapping) for wrong in self.distractors),
        )

    @property
    def is_personal(self) -> bool:
        """Whether any identifying span is in the text."""
        return any(span.kind in REDACTED_KINDS for span in self.spans)


def write(template: str, values: Mapping[str, str | int | Marked]) -> tuple[str, tuple[Span, ...]]:
    """Fill ``{field}`` places and say where the marked values landed.

    Args:
        template: Text with ``{field}`` places.
        values: What goes into each place.

    Returns:
        The text, and one span per marked value in order of appearance.
    """
    text = ""
    spans: list[Span] = []
    for literal, field, _, _ in Formatter().parse(template):
        text += literal
        if field is None:
            continue
        value = values[field]
        if isinstance(value, Marked):
            spans.append(Span(len(text), len(text) + len(value.value), value.kind))
            text += value.value
        else:
            text += str(value)
    return text, tuple(spans)


def placeholders(text: str, spans: tuple[Span, ...]) -> dict[str, str]:
    """Map each identifying value to its placeholder, numbered by first appearance per kind."""
    mapping: dict[str, str] = {}
    counts: dict[SpanKind, int] = {}
    for span in sorted(spans, key=lambda span: span.start):
        value = text[span.start : span.end]
        if span.kind in REDACTED_KINDS and value not in mapping:
            counts[span.kind] = counts.get(span.kind, 0) + 1
            mapping[value] = f"<{span.kind.upper()}_{counts[span.kind]}>"
    return mapping


def redact(text: str, mapping: Mapping[str, str]) -> str:
    """Replace every known value in ``text``, the longest first."""
    for value in sorted(mapping, key=lambda value: (-len(value), value)):
        text = text.replace(value, mapping[value])
    return text


def restore(text: str, mapping: Mapping[str, str]) -> str:
    """Undo `redact`."""
    for value, placeholder in mapping.items():
        text = text.replace(placeholder, value)
    return text


def _replace_spans(text: str, spans: tuple[Span, ...], mapping: Mapping[str, str]) -> str:
    for span in sorted(spans, key=lambda span: -span.start):
        value = text[span.start : span.end]
        if value in mapping:
            text = text[: span.start] + mapping[value] + text[span.end :]
    return text


def _health_in_redacted(
    text: str, spans: tuple[Span, ...], mapping: Mapping[str, str]
) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    shift = 0
    for span in sorted(spans, key=lambda span: span.start):
        value = text[span.start : span.end]
        if value in mapping:
            shift += len(mapping[value]) - len(value)
        else:
            found.append((value, span.start + shift))
    return found
