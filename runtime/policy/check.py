"""Find what contradicts itself, or can never matter, in a policy.

Knows the meaning of policies; a finding's path is where a policy document states it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from runtime.documents.document import Path
from runtime.documents.suggest import did_you_mean, listed
from runtime.labels import UNSURE, Level
from runtime.policy.model import PlaceholderStyle, Policy, ReleaseKind, ReleaseRule

__all__ = ["Finding", "check_policy"]

_ZONES = ("edge", "cloud")


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction or dead rule.

    An ``error`` keeps the policy from being loaded; a ``warning`` is probably not what its
    author meant, but does what it says.
    """

    severity: Literal["error", "warning"]
    path: Path
    reason: str


def check_policy(policy: Policy) -> list[Finding]:
    """Return the findings about ``policy``, errors first, else in the order of the document."""
    findings = [
        *_category_findings(policy),
        *_clearance_findings(policy),
        *_release_findings(policy),
        *_unsure_findings(policy),
        *_approval_findings(policy),
        *_placeholder_findings(policy),
    ]
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _category_findings(policy: Policy) -> Iterator[Finding]:
    if UNSURE in policy.categories:
        reason = "is reserved for failed detectors; its level is `when_unsure`"
        yield Finding("error", ("categories", UNSURE), reason)
    edge = policy.clearance.get("edge", Level.PUBLIC)
    highest = max(policy.clearance.values(), default=Level.PUBLIC)
    for category, level in policy.categories.items():
        if level > highest:
            reason = (
                f"is {_name(level)}, which no node may receive (edge: {_name(edge)}); "
                "every request that holds it will be refused"
            )
            yield Finding("warning", ("categories", category), reason)


def _clearance_findings(policy: Policy) -> Iterator[Finding]:
    for zone in _ZONES:
        if zone not in policy.clearance:
            reason = f"must state the zone {zone}, as in `{zone}: public`"
            yield Finding("error", ("clearance",), reason)
    edge = policy.clearance.get("edge", Level.RESTRICTED)
    cloud = policy.clearance.get("cloud", Level.PUBLIC)
    if cloud > edge:
        reason = (
            f"is {_name(cloud)}, above the edge's {_name(edge)}; "
            "the edge sees raw data, so it must be cleared for as much as the cloud"
        )
        yield Finding("error", ("clearance", "cloud"), reason)


def _release_findings(policy: Policy) -> Iterator[Finding]:
    seen: set[tuple[str, str, object]] = set()
    for position, rule in enumerate(policy.releases):
        path: Path = ("releases", position)
        yield from _unlisted(policy, rule, path)
        yield from _unneeded(policy, rule, path)
        if rule.to not in _ZONES and rule.to not in policy.clearance:
            known = [*_ZONES, *policy.clearance]
            reason = (
                f'"{rule.to}" is neither a zone nor a node of `clearance`'
                f"{did_you_mean(rule.to, known) or '; only a node of that name will get it'}"
            )
            yield Finding("warning", (*path, "to"), reason)
        keys = {(category, rule.to, rule.by) for category in rule.categories}
        again = sorted(category for category, *_ in keys & seen)
        if again:
            reason = f"allows again what an earlier rule allows for {listed(again)}"
            yield Finding("warning", path, reason)
        seen |= keys


def _unlisted(policy: Policy, rule: ReleaseRule, path: Path) -> Iterator[Finding]:
    place = (*path, "categories")
    for category in sorted(rule.categories):
        if category == UNSURE:
            reason = "cannot release `unsure`: what no detector has judged has no known spans"
            yield Finding("error", place, reason)
        elif category not in policy.categories:
            hint = did_you_mean(category, policy.categories) or "; list it there or drop it here"
            yield Finding("error", place, f'"{category}" is not in `categories`{hint}')


def _unneeded(policy: Policy, rule: ReleaseRule, path: Path) -> Iterator[Finding]:
    clearance = policy.clearance.get(rule.to, policy.clearance.get("cloud", Level.PUBLIC))
    admitted = sorted(
        category
        for category in rule.categories
        if policy.categories.get(category, Level.RESTRICTED) <= clearance
    )
    if admitted:
        reason = (
            f"is never needed for {listed(admitted)}: "
            f"{rule.to} may receive {_name(clearance)} content as it is"
        )
        yield Finding("warning", path, reason)


def _unsure_findings(policy: Policy) -> Iterator[Finding]:
    if policy.when_unsure.refuse:
        return
    level = policy.when_unsure.level
    if level <= policy.clearance.get("cloud", Level.PUBLIC):
        reason = (
            f"is {_name(level)}, so content that no detector could judge may go to the cloud; "
            "choose a level above the cloud's clearance, or `refuse`"
        )
        yield Finding("warning", ("when_unsure",), reason)
    elif level > policy.clearance.get("edge", Level.PUBLIC):
        reason = f"is {_name(level)}, which the edge may not receive either; say `refuse`"
        yield Finding("warning", ("when_unsure",), reason)


def _approval_findings(policy: Policy) -> Iterator[Finding]:
    if policy.approvals and not any(rule.by is ReleaseKind.APPROVAL for rule in policy.releases):
        reason = "asks nobody: no release is `by: approval`"
        yield Finding("warning", ("approvals",), reason)


def _placeholder_findings(policy: Policy) -> Iterator[Finding]:
    is_asked = policy.placeholders is not PlaceholderStyle.TAGS
    if is_asked and not any(rule.by is ReleaseKind.REDACT for rule in policy.releases):
        reason = f"is {policy.placeholders.value}, but no release is `by: redact`"
        yield Finding("warning", ("placeholders",), reason)


def _name(level: Level) -> str:
    return level.name.lower()
