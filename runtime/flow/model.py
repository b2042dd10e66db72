"""What the flow check reads and what it proves, as immutable data.

A *placement* says for each step where it runs and which form of the request it reads. Forms:

* ``RAW``: the request as the application sent it; predecessors' answers restored.
* ``RELEASED``: the request after the plan's releases; predecessors' answers as they came,
  placeholders included. Everything derived from released inputs alone carries only what the
  releases left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from runtime.ids import Category, ModelName, NodeName, StepId
from runtime.labels import Label, Level
from runtime.policy.model import ReleaseKind, Zone

__all__ = ["FlowProof", "Form", "Placement", "PlannedRelease", "Reception"]


class Form(Enum):
    """Which form of the request a step reads."""

    RAW = "raw"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class PlannedRelease:
    """A release that a plan applies.

    ``step`` is empty for a release of the request itself (``redact``, ``approval``, ...), and
    names the step whose output or decision is released otherwise (``model_written``,
    ``decision_bit``).
    """

    by: ReleaseKind
    categories: frozenset[Category]
    step: StepId | None = None
    approver: str = ""
    """Who said yes to an ``approval``."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one step runs, with which model, on which form of the request."""

    step: StepId
    model: ModelName
    node: NodeName
    zone: Zone
    form: Form


@dataclass(frozen=True, slots=True)
class Reception:
    """One line of a proof: what a step's node receives, at most, whichever branches are taken."""

    step: StepId
    node: NodeName
    label: Label
    level: Level
    clearance: Level
    output_label: Label


@dataclass(frozen=True, slots=True)
class FlowProof:
    """Evidence that every message of a plan stays within its receiver's clearance."""

    receptions: tuple[Reception, ...]
    releases: tuple[PlannedRelease, ...]

    def by_step(self) -> Mapping[StepId, Reception]:
        """Receptions by step."""
        return {reception.step: reception for reception in self.receptions}
