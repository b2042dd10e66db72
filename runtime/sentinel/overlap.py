"""Decide between detectors that read the same characters differently.

Two questions are kept apart. *Is a reading a mistake?* A phone number inside an IBAN is; a
person inside a project name is not, so both categories stay in the label. *Which characters
does a release replace?* Spans that overlap are replaced as one, over their union, so that no
remainder of the losing span survives.
"""

from collections.abc import Iterable

from runtime.sentinel.categories import CONTAINER_PRIORITY, DICTIONARY, SURE_SCORE, priority_of
from runtime.sentinel.span import Span

__all__ = ["drop_misreadings", "merge_overlaps", "merge_within_categories"]


def drop_misreadings(spans: Iterable[Span]) -> list[Span]:
    """Drop spans that lie within a stronger span which explains all of its characters."""
    kept: list[Span] = []
    containers: list[Span] = []
    for span in sorted(sorted(set(spans)), key=_outermost_first):
        containers = [outer for outer in containers if outer.end > span.start]
        if any(_explains(outer, span) for outer in containers):
            continue
        kept.append(span)
        if priority_of(span.kind) >= CONTAINER_PRIORITY or span.detector == DICTIONARY:
            containers.append(span)
    return kept


def _outermost_first(span: Span) -> tuple[int, int, bool, int]:
    return (span.start, -span.end, span.detector != DICTIONARY, -priority_of(span.kind))


def _explains(outer: Span, inner: Span) -> bool:
    if outer.detector == DICTIONARY:  # the operator's word stands against a guess
        same = (inner.start, inner.end) == (outer.start, outer.end)
        return same and inner.score < SURE_SCORE and inner.detector != DICTIONARY
    return inner.end <= outer.end and priority_of(outer.kind) > priority_of(inner.kind)


def merge_overlaps(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return disjoint spans in text order that together cover every given character.

    Each cluster of overlapping spans becomes one, with kind, category and score of its longest
    member; ties go to the higher priority, then to the kind that sorts first, then to the
    surer detector. Spans that only touch stay apart.
    """
    merged: list[Span] = []
    cluster: list[Span] = []
    end = -1
    for span in sorted(spans):
        if cluster and span.start >= end:
            merged.append(_union(cluster, end))
            cluster = []
            end = -1
        cluster.append(span)
        end = max(end, span.end)
    if cluster:
        merged.append(_union(cluster, end))
    return tuple(merged)


def merge_within_categories(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Merge overlaps per category; spans of different categories may still overlap."""
    by_category: dict[str, list[Span]] = {}
    for span in spans:
        by_category.setdefault(span.category, []).append(span)
    merged = [span for group in by_category.values() for span in merge_overlaps(group)]
    return tuple(sorted(merged))


def _union(cluster: list[Span], end: int) -> Span:
    winner = min(
        cluster,
        key=lambda span: (
            -span.length,
            -priority_of(span.kind),
            span.kind,
            -span.score,
            span.category,
            span.detector,
        ),
    )
    return Span(cluster[0].start, end, winner.kind, winner.category, winner.score, winner.detector)
