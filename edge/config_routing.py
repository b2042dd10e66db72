"""The section ``routing`` of the edge's configuration: how ``leeward/auto`` chooses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field

from runtime.documents.shape import Shape

__all__ = ["RoutingConfig", "RoutingShape", "routing_config"]

_BUILT_IN: Final = "builtin"


class RoutingShape(Shape):
    """The section ``routing``."""

    router: str = Field(default=_BUILT_IN, min_length=1, max_length=4096)
    """``builtin``, or a folder that ``leeward optimizer router fit`` wrote."""
    graphs: dict[str, str] = Field(min_length=2, max_length=32)
    """Graphs that ``leeward/auto`` may choose, cheapest first, each with the model of the router
    whose chances it has; of the built-in one ``smaller`` or ``larger``."""
    right_usd: float = Field(gt=0, le=1_000)
    """What a right answer is worth, US dollars."""


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """How ``leeward/auto`` chooses."""

    router: Path | None
    """Folder; ``None`` for the built-in router."""
    graphs: Mapping[str, str]
    right_usd: float


def routing_config(shape: RoutingShape | None, base: Path) -> RoutingConfig | None:
    """Return the section, its folder taken from ``base``."""
    if shape is None:
        return None
    folder = None if shape.router == _BUILT_IN else base / shape.router
    return RoutingConfig(folder, shape.graphs, shape.right_usd)
