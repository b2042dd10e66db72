"""The section ``routing`` of the edge's configuration: how ``leeward/auto`` chooses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field

from runtime.documents.shape import Shape

__all__ = ["LearnOptions", "RoutingConfig", "RoutingShape", "routing_config"]

_BUILT_IN: Final = "builtin"


class LearnShape(Shape):
    """The section ``routing.learn``."""

    explore: float = Field(default=0.3, ge=0, le=2)
    """How much the little that is known of a graph counts for it; 0 tries nothing out."""
    most_shift: float = Field(default=0.2, gt=0, le=0.5)
    """By how much verdicts move a chance at most."""
    window: int = Field(default=1_000, ge=20, le=100_000)
    """So many of the newest verdicts count, of all graphs together."""


class RoutingShape(Shape):
    """The section ``routing``."""

    router: str = Field(default=_BUILT_IN, min_length=1, max_length=4096)
    """``builtin``, or a folder that ``leeward optimizer router fit`` wrote."""
    graphs: dict[str, str] = Field(min_length=2, max_length=32)
    """Graphs that ``leeward/auto`` may choose, cheapest first, each with the model of the router
    whose chances it has; of the built-in one ``smaller`` or ``larger``."""
    right_usd: float = Field(gt=0, le=1_000)
    """What a right answer is worth, US dollars."""
    learn: LearnShape | None = None
    """Let verdicts of callers move the router's chances; left out, they do not."""


@dataclass(frozen=True, slots=True)
class LearnOptions:
    """How much verdicts may change; ``LearnShape`` explains each."""

    explore: float
    most_shift: float
    window: int


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """How ``leeward/auto`` chooses."""

    router: Path | None
    """Folder; ``None`` for the built-in router."""
    graphs: Mapping[str, str]
    right_usd: float
    learn: LearnOptions | None = None
    """``None``: verdicts change nothing."""


def routing_config(shape: RoutingShape | None, base: Path) -> RoutingConfig | None:
    """Return the section, its folder taken from ``base``."""
    if shape is None:
        return None
    folder = None if shape.router == _BUILT_IN else base / shape.router
    return RoutingConfig(folder, shape.graphs, shape.right_usd, _learn(shape.learn))


def _learn(shape: LearnShape | None) -> LearnOptions | None:
    return None if shape is None else LearnOptions(shape.explore, shape.most_shift, shape.window)
