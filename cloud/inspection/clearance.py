"""What this gateway may see, and what in a call is above it. Pure; scans nothing, tells nobody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from runtime.ids import Category, NodeName
from runtime.labels import UNSURE, Label, Level
from runtime.policy.model import Policy
from runtime.policy.released import categories_left_in_place
from runtime.ports import ReleaseRecord

__all__ = ["Clearance", "Finding", "Verdict"]

_ZONE: Final = "cloud"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a scan found in one or more texts. Content-free."""

    spans: Mapping[Category, int]
    """How many spans of each category."""
    failed: tuple[str, ...] = ()
    """Detectors that failed, by name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a call holds, and what of it this gateway may not see."""

    label: Label
    """What was declared and what was found, ``unsure`` when a detector failed."""
    excess: Mapping[Category, int]
    """Categories above the clearance, with the spans found; 0 for one that is declared only."""
    failed: tuple[str, ...]
    """Detectors that failed and whose failure may not be passed over."""

    @property
    def is_clear(self) -> bool:
        """Whether nothing stands against the call."""
        return not self.excess and not self.failed


class Clearance:
    """The gateway's own clearance under its policy.

    Args:
        policy: Levels, clearances and releases, as this gateway is told them.
        node: Its name.
    """

    def __init__(self, policy: Policy, node: NodeName) -> None:
        self._policy = policy
        self._node = node
        self.level: Level = policy.clearance_of(node, _ZONE)
        """The highest level that may be received."""

    def knows(self, category: Category) -> bool:
        """Whether the policy lists a category, so that it may be named in metrics."""
        return category in self._policy.categories

    def judge(
        self, declared: Label, finding: Finding, *, releases: Iterable[ReleaseRecord] = ()
    ) -> Verdict:
        """Compare a call with the clearance.

        Args:
            declared: The label that the sender states.
            finding: What the scan found in its texts.
            releases: The sender's records of what was done to the texts before. One that leaves
                a category in place excuses finding it, where a rule of the policy allows that.
        """
        passed = categories_left_in_place(self._policy, releases, self._node, zone=_ZONE)
        stated = {name: 0 for name in sorted(declared.categories) if self._is_above(name)}
        excess = stated | {
            category: count
            for category, count in sorted(finding.spans.items())
            if category not in passed and self._is_above(category)
        }
        label = declared.join(Label(frozenset(finding.spans)))
        if not finding.failed:
            return Verdict(label, excess, ())
        is_barred = self._policy.when_unsure.refuse or self._is_above(UNSURE)
        return Verdict(
            label.join(Label(frozenset({UNSURE}))), excess, finding.failed if is_barred else ()
        )

    def _is_above(self, category: Category) -> bool:
        return self._policy.level_of_category(category) > self.level
