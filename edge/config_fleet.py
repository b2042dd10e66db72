"""The part of the edge's configuration that says whose orders the device takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from runtime.documents.shape import Shape
from runtime.fleet.state import LabelText

__all__ = ["FleetConfig", "FleetShape", "fleet_config"]


class FleetShape(Shape):
    """``fleet`` of ``edge/v1``."""

    signers: list[str] = Field(min_length=1, max_length=64)
    """Public key files (PEM, Ed25519) of the operators whose orders this device takes."""
    labels: dict[LabelText, LabelText] = Field(default={}, max_length=16)
    """What this device is, for states and rollouts that choose by label: ``site: warsaw``."""
    pull_kib_per_s: int | None = Field(default=None, ge=1, le=1 << 30)
    """What fetching models for the fleet may take of the link; left out, all of it."""


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """This device as part of a fleet."""

    signers: tuple[Path, ...]
    """Whose orders it takes."""
    labels: Mapping[str, str]
    pull_bytes_per_s: int | None
    """Bound on fetching models; ``None`` for none."""


def fleet_config(base: Path, shape: FleetShape | None) -> FleetConfig | None:
    """Return what a file says; relative paths are taken from ``base``."""
    if shape is None:
        return None
    rate = shape.pull_kib_per_s
    return FleetConfig(
        signers=tuple(base / file for file in shape.signers),
        labels=shape.labels,
        pull_bytes_per_s=None if rate is None else rate << 10,
    )
