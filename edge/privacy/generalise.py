"""Replace spans by something coarser, for good, such that a second look finds nothing.

Unlike a placeholder the coarse form depends on the value, so promise 2 does not cover it; what it
tells is in ``coarse``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from edge.privacy.coarse import bare, coarse
from edge.privacy.redact import Redactor
from edge.privacy.settle import find_spans, scan_all
from runtime.errors import GateRefused
from runtime.ids import Category
from runtime.sentinel.overlap import merge_overlaps
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

__all__ = ["Generalised", "generalise"]


@dataclass(frozen=True, slots=True)
class Generalised:
    """Texts without the values of some categories."""

    texts: tuple[str, ...]
    people: tuple[str, ...]
    """Names that were replaced: whoever is named so later is known by a part alone."""
    spans: int


async def generalise(
    sentinel: Sentinel,
    redactor: Redactor,
    texts: Sequence[str],
    categories: frozenset[Category],
    *,
    known_people: Sequence[str],
    today: date,
) -> Generalised:
    """Return the texts with every span of ``categories`` made coarse.

    Where a coarse form would be found again, nothing of the values is told.

    Raises:
        DetectionFailed: A detector failed, so nothing can be said to be removed.
        GateRefused: Spans kept appearing; the texts resist.
    """
    found = await find_spans(sentinel, redactor, texts, categories, known_people)
    chosen = [
        merge_overlaps(span for span in spans if span.category in categories) for spans in found
    ]
    people = tuple(
        sorted(
            {
                text[span.start : span.end]
                for text, spans in zip(texts, chosen, strict=True)
                for span in spans
                if span.kind == "person"
            }
        )
    )
    spans_replaced = sum(map(len, chosen))
    for tells in (True, False):
        made = tuple(
            _replaced(text, spans, today if tells else None)
            for text, spans in zip(texts, chosen, strict=True)
        )
        if not await _shows(sentinel, made, categories):
            return Generalised(made, people, spans_replaced)
    raise GateRefused("a text still held released categories after it was generalised")


def _replaced(text: str, spans: Sequence[Span], today: date | None) -> str:
    parts: list[str] = []
    position = 0
    for span in spans:
        value = text[span.start : span.end]
        parts.append(text[position : span.start])
        parts.append(bare(span.kind) if today is None else coarse(span.kind, value, today=today))
        position = span.end
    return "".join([*parts, text[position:]])


async def _shows(sentinel: Sentinel, texts: Sequence[str], categories: frozenset[Category]) -> bool:
    scans = await scan_all(sentinel, texts)
    return any(span.category in categories for scan in scans for span in scan.spans)
