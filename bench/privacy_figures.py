"""How well spans were found, and what would have left: definitions, computed on positions only.

*Found*: at least half of a marked span's characters (white space apart) are covered, by spans of
whatever kind, because a release replaces all of them. *Right*: at least half of a reported span's
characters lie in marked ones. *Leaks*: of a marked span, four or more characters in a row (white
space at their ends apart) are covered by nothing; a shorter span leaks when it survives whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.privacy_data import FIXED_SHAPE, Example, KindMap

__all__ = ["Extent", "Figures", "judge"]

Extent = tuple[int, int]
"""Start and end of a reported span, end exclusive."""
_LEAK_CHARACTERS: Final = 4
_SHARE: Final = 0.5
_BETA: Final = 2.0


@dataclass
class Figures:
    """Counts over a data set."""

    gold: int = 0
    """Marked spans of kinds that have a name here."""
    found: int = 0
    reported: int = 0
    right: int = 0
    marked: Counter[str] = field(default_factory=Counter)
    """All marked spans, by the file's name of the kind."""
    leaked: Counter[str] = field(default_factory=Counter)
    fixed: int = 0
    fixed_leaked: int = 0
    unmapped: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        """Share of marked spans that were found."""
        return _share(self.found, self.gold)

    @property
    def precision(self) -> float:
        """Share of reported spans that are right."""
        return _share(self.right, self.reported)

    @property
    def f2(self) -> float:
        """F-measure that counts recall twice as much as precision."""
        weighted = _BETA**2 * self.precision + self.recall
        both = (1 + _BETA**2) * self.precision * self.recall
        return both / weighted if weighted else 0.0

    @property
    def leak_percent(self) -> float:
        """Share of all marked spans of which something survives, percent."""
        return 100 * _share(self.leaked.total(), self.marked.total())

    @property
    def leak_percent_fixed_shape(self) -> float:
        """The same for kinds with a checksum or a fixed shape."""
        return 100 * _share(self.fixed_leaked, self.fixed)

    @property
    def leak_by_kind(self) -> dict[str, dict[str, float]]:
        """Per kind of the file: how many spans, and what percent of them leaks."""
        return {
            kind: {"spans": count, "leak_percent": round(100 * self.leaked[kind] / count, 2)}
            for kind, count in sorted(self.marked.items())
        }


def judge(
    examples: Sequence[Example], reported: Iterable[Sequence[Extent]], kinds: KindMap
) -> Figures:
    """Hold what was reported against what was marked.

    Args:
        examples: Texts with marked spans.
        reported: For each text, in order, the spans that a detector reported.
        kinds: What the kinds of the file are called here.
    """
    figures = Figures()
    for example, spans in zip(examples, reported, strict=True):
        covered = _mask(len(example.text), spans)
        gold = _mask(len(example.text), ((a.start, a.end) for a in example.annotations))
        for span in spans:
            figures.reported += 1
            figures.right += _covers_half(example.text, span, gold)
        for mark in example.annotations:
            extent = (mark.start, mark.end)
            kind = kinds.kind_of(mark.kind)
            leaks = _leaks(example.text, extent, covered)
            figures.marked[mark.kind] += 1
            figures.leaked[mark.kind] += leaks
            if kind is None:
                figures.unmapped[mark.kind] += 1
                continue
            figures.gold += 1
            figures.found += _covers_half(example.text, extent, covered)
            if kind in FIXED_SHAPE:
                figures.fixed += 1
                figures.fixed_leaked += leaks
    return figures


def _mask(length: int, extents: Iterable[Extent]) -> bytearray:
    mask = bytearray(length)
    for start, end in extents:
        mask[start:end] = b"\x01" * (end - start)
    return mask


def _covers_half(text: str, extent: Extent, mask: bytearray) -> bool:
    inside = [mask[at] for at in range(*extent) if not text[at].isspace()]
    return sum(inside) >= _SHARE * len(inside) if inside else True


def _leaks(text: str, extent: Extent, covered: bytearray) -> bool:
    start, end = extent
    if end - start < _LEAK_CHARACTERS:
        return not any(covered[start:end])
    survivor: list[str] = []
    for at in range(start, end + 1):
        if at < end and not covered[at]:
            survivor.append(text[at])
            continue
        if len("".join(survivor).strip()) >= _LEAK_CHARACTERS:
            return True
        survivor = []
    return False


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
