"""The part of the edge's configuration about kept requests; without it nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from runtime.documents.names import CategoryName
from runtime.documents.shape import Shape
from runtime.ids import Category

__all__ = ["CaptureSettings", "CaptureShape", "capture_settings"]


class CaptureShape(Shape):
    """What may be kept of requests whose callers consent."""

    categories: list[CategoryName] = Field(default_factory=list, max_length=64)
    """What a kept request's label may hold; with anything else in it a request is not kept."""
    keep_days: float = Field(default=90.0, gt=0, le=3_650)
    """Older examples are deleted."""
    most_examples: int = Field(default=10_000, ge=1, le=10_000_000)
    """Beyond so many, the oldest are deleted."""


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """What may be kept."""

    categories: frozenset[Category] = frozenset()
    keep_days: float = 90.0
    most_examples: int = 10_000


def capture_settings(shape: CaptureShape | None) -> CaptureSettings | None:
    """Return the settings; ``None`` keeps nothing."""
    if shape is None:
        return None
    categories = frozenset(Category(name) for name in shape.categories)
    return CaptureSettings(categories, shape.keep_days, shape.most_examples)
