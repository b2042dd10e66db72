"""What a call's own records of releases are worth under a policy.

A record is a claim of the sender; only what a rule of the policy allows counts.
"""

from collections.abc import Iterable
from typing import Final

from runtime.ids import Category, NodeName
from runtime.labels import Label
from runtime.policy.model import Policy, ReleaseKind, Zone
from runtime.ports import ReleaseRecord

__all__ = ["allowed_categories", "categories_left_in_place"]

_LEFT_IN_PLACE: Final = frozenset({ReleaseKind.APPROVAL, ReleaseKind.MODEL_WRITTEN})
"""Releases that remove nothing from the text: what they name may be found in it."""


def allowed_categories(
    policy: Policy, release: ReleaseRecord, node: NodeName, *, zone: Zone
) -> frozenset[Category]:
    """Return which categories a rule allows to be released as ``release`` says; none if unknown."""
    try:
        kind = ReleaseKind(release.by)
    except ValueError:
        return frozenset()
    return policy.releasable(Label(frozenset(release.categories)), node, zone, by=kind)


def categories_left_in_place(
    policy: Policy, releases: Iterable[ReleaseRecord], node: NodeName, *, zone: Zone
) -> frozenset[Category]:
    """Return what may be found in a text all the same: a person or a rule let it pass."""
    return frozenset[Category]().union(
        *(
            allowed_categories(policy, release, node, zone=zone)
            for release in releases
            if any(release.by == kind.value for kind in _LEFT_IN_PLACE)
        )
    )
