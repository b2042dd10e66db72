"""The policy as immutable data, and the questions it answers.

Knows categories, levels, clearances and releases; no file format (``document``), no graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from runtime.ids import Category, NodeName
from runtime.labels import UNSURE, Label, Level

__all__ = [
    "ApprovalRules",
    "CloudAway",
    "PlaceholderStyle",
    "Policy",
    "ReleaseKind",
    "ReleaseRule",
    "Unapproved",
    "WhenUnsure",
    "Zone",
]

Zone = Literal["edge", "cloud"]
"""Where a node stands: ``edge`` is trusted and sees raw data."""


class ReleaseKind(Enum):
    """The named ways down."""

    REDACT = "redact"
    """Spans replaced by placeholders, restored in the answer."""
    GENERALISE = "generalise"
    """Spans replaced by a coarser value, for good."""
    SKETCH = "sketch"
    """The edge writes an abstract of the task."""
    APPROVAL = "approval"
    """A person said yes; nothing is removed from the text."""
    MODEL_WRITTEN = "model_written"
    """A model that read labelled data wrote the text."""
    DECISION_BIT = "decision_bit"
    """Whether a cloud step runs depends on labelled data."""

    @property
    def is_deterministic(self) -> bool:
        """Whether the released form depends on positions and kinds only, never on values."""
        return self is ReleaseKind.REDACT


class CloudAway(Enum):
    """What happens to cloud steps while the cloud cannot be reached."""

    EDGE_ONLY = "edge_only"
    QUEUE = "queue"
    REFUSE = "refuse"


class PlaceholderStyle(Enum):
    """How ``redact`` writes what stands for a span."""

    TAGS = "tags"
    """``<PERSON_1>``."""
    SURROGATES = "surrogates"
    """An invented name, number or address where the kind has any: ``Quellimar``."""


@dataclass(frozen=True, slots=True)
class WhenUnsure:
    """What an unknown category or a failed detector means.

    ``level`` is the level such content gets; with ``refuse`` the request is not served at all.
    """

    level: Level = Level.RESTRICTED
    refuse: bool = False


class Unapproved(Enum):
    """What happens to a request that nobody approved in time."""

    EDGE_ONLY = "edge_only"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """How a person is asked for the releases ``by: approval``."""

    wait_s: float = 120.0
    """How long a request waits for a person, seconds; never more than half of its own time."""
    otherwise: Unapproved = Unapproved.EDGE_ONLY
    at_most: int = 16
    """Requests that wait at the same time; one more counts as not approved."""


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """One allowed way down: ``by`` may remove ``categories`` on the way to ``to``."""

    categories: frozenset[Category]
    to: str
    """A zone (``cloud``) or a node's name."""
    by: ReleaseKind


@dataclass(frozen=True)
class Policy:
    """Categories, clearances and releases of one deployment."""

    categories: Mapping[Category, Level]
    clearance: Mapping[str, Level]
    """Highest level per zone (``edge``, ``cloud``) or per node name; a node's own entry wins."""
    releases: tuple[ReleaseRule, ...] = ()
    when_unsure: WhenUnsure = WhenUnsure()
    cloud_away: CloudAway = CloudAway.EDGE_ONLY
    restore_tool_arguments: bool = False
    version: str = "policy/v1"
    approvals: ApprovalRules | None = None
    """``None``: nobody is asked, so no ``approval`` ever counts."""
    placeholders: PlaceholderStyle = PlaceholderStyle.TAGS
    revision: int | None = None
    """Counts up with every change; a device does not go back to a lower one."""

    def level_of_category(self, category: Category) -> Level:
        """Return a category's level; one that the policy does not list is ``when_unsure``."""
        if category == UNSURE:
            return self.when_unsure.level
        return self.categories.get(category, self.when_unsure.level)

    def level_of(self, label: Label) -> Level:
        """Return the highest level of the label's categories; public for the empty label."""
        return max(
            (self.level_of_category(category) for category in label.categories),
            default=Level.PUBLIC,
        )

    def clearance_of(self, node: NodeName, zone: Zone) -> Level:
        """Return the highest level that ``node`` may receive; public when nothing is stated."""
        return self.clearance.get(node, self.clearance.get(zone, Level.PUBLIC))

    def may_receive(self, node: NodeName, zone: Zone, label: Label) -> bool:
        """Whether a message with ``label`` may reach ``node`` as it is."""
        return self.level_of(label) <= self.clearance_of(node, zone)

    def releasable(
        self, label: Label, node: NodeName, zone: Zone, *, by: ReleaseKind
    ) -> frozenset[Category]:
        """Return the categories of ``label`` that ``by`` may remove on the way to ``node``."""
        allowed = frozenset[Category]().union(
            *(
                rule.categories
                for rule in self.releases
                if rule.by is by and rule.to in (zone, node)
            )
        )
        return allowed & label.categories - {UNSURE}
