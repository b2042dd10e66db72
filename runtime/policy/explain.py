"""What a policy means for one label at one place: passes as it is, after which releases, or never.

Knows policies only; the planner decides about graphs and may combine this with more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from runtime.ids import Category, NodeName
from runtime.labels import Label, Level
from runtime.policy.model import Policy, ReleaseKind, Zone

__all__ = ["Passage", "is_refused", "passage_to"]

_OF_REQUESTS: Final = (
    ReleaseKind.REDACT,
    ReleaseKind.GENERALISE,
    ReleaseKind.SKETCH,
    ReleaseKind.APPROVAL,
)
"""Releases of a request, the ones that need nobody's consent first."""


@dataclass(frozen=True, slots=True)
class Passage:
    """How a message with some label may reach a node."""

    level: Level
    clearance: Level
    releases: tuple[tuple[ReleaseKind, frozenset[Category]], ...]
    """What must be released first, in this order; none when it may pass as it is."""
    blocked_by: frozenset[Category]
    """Categories above the clearance that no release removes; the message stays when any is."""

    @property
    def is_open(self) -> bool:
        """Whether there is a way at all."""
        return not self.blocked_by


def is_refused(policy: Policy, label: Label) -> bool:
    """Whether a request with ``label`` is not served at all, because it cannot be judged."""
    return policy.when_unsure.refuse and any(
        category not in policy.categories for category in label.categories
    )


def passage_to(policy: Policy, label: Label, *, node: NodeName, zone: Zone) -> Passage:
    """Return how a message with ``label`` may reach ``node`` under ``policy``."""
    clearance = policy.clearance_of(node, zone)
    above = frozenset(c for c in label.categories if policy.level_of_category(c) > clearance)
    releases: list[tuple[ReleaseKind, frozenset[Category]]] = []
    for kind in _OF_REQUESTS:
        removable = policy.releasable(Label(above), node, zone, by=kind)
        if removable:
            releases.append((kind, removable))
            above -= removable
    return Passage(policy.level_of(label), clearance, tuple(releases), blocked_by=above)
