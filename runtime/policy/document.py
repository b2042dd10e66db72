"""Policy documents: from YAML or JSON to a :class:`Policy` without contradictions, and back."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any, Final

from runtime.documents.canonical import sha256_of
from runtime.documents.document import Document, Problem
from runtime.documents.reader import document_from_data, parse_document, read_document
from runtime.documents.shape import read_shape, schema_of
from runtime.errors import PolicyInvalid
from runtime.ids import Category
from runtime.labels import Level
from runtime.policy.check import check_policy
from runtime.policy.model import (
    ApprovalRules,
    PlaceholderStyle,
    Policy,
    ReleaseRule,
    WhenUnsure,
)
from runtime.policy.shape import ApprovalsShape, LevelName, PolicyShape, WhenUnsureName

__all__ = [
    "POLICY_VERSION",
    "dump_policy",
    "load_policy",
    "parse_policy",
    "policy_from_data",
    "policy_hash",
    "policy_schema",
]

POLICY_VERSION: Final = "policy/v1"


def load_policy(path: FilePath) -> Policy:
    """Read a policy from a YAML or JSON file.

    Raises:
        PolicyInvalid: Names file, line and field of the first problem. The warnings of
            ``check_policy`` are no problem.
    """
    return _policy(read_document(path, error=PolicyInvalid))


def parse_policy(text: str, *, file: str = "") -> Policy:
    """Read a policy from YAML or JSON text; ``file`` is how errors call it.

    Raises:
        PolicyInvalid: Names line and field of the first problem.
    """
    return _policy(parse_document(text, error=PolicyInvalid, file=file))


def policy_from_data(data: object, *, file: str = "") -> Policy:
    """Read a policy from plain data, such as parsed JSON.

    Raises:
        PolicyInvalid: Names the field of the first problem.
    """
    return _policy(document_from_data(data, error=PolicyInvalid, file=file))


def dump_policy(policy: Policy) -> dict[str, object]:
    """Return the policy as a document of plain data, every value written out."""
    unsure = policy.when_unsure
    data: dict[str, object] = {
        "leeward": policy.version,
        "categories": {name: _level_name(level) for name, level in policy.categories.items()},
        "clearance": {name: _level_name(level) for name, level in policy.clearance.items()},
        "releases": [_release_data(rule) for rule in policy.releases],
        "when_unsure": "refuse" if unsure.refuse else _level_name(unsure.level),
        "cloud_away": policy.cloud_away.value,
        "restore_tool_arguments": policy.restore_tool_arguments,
    }
    # What is left out is left out of the hash as well: policies of before keep theirs.
    if policy.approvals is not None:
        data["approvals"] = _approvals_data(policy.approvals)
    if policy.placeholders is not PlaceholderStyle.TAGS:
        data["placeholders"] = policy.placeholders.value
    if policy.revision is not None:
        data["revision"] = policy.revision
    return data


def policy_hash(policy: Policy) -> str:
    """Return the hash by which ledger entries name a policy: SHA-256, 64 hexadecimal digits.

    Formatting and the order of keys, categories and releases do not count.
    """
    releases = {
        (rule.to, rule.by.value, category)
        for rule in policy.releases
        for category in rule.categories
    }
    return sha256_of(dump_policy(policy) | {"releases": sorted(releases)})


def policy_schema() -> dict[str, Any]:
    """Return the JSON schema of policy documents, for editors."""
    return schema_of(PolicyShape)


def _policy(document: Document) -> Policy:
    shape = read_shape(document, PolicyShape, version=POLICY_VERSION)
    policy = Policy(
        categories={Category(name): _level(level) for name, level in shape.categories.items()},
        clearance={name: _level(level) for name, level in shape.clearance.items()},
        releases=tuple(
            ReleaseRule(frozenset(map(Category, rule.categories)), rule.to, rule.by)
            for rule in shape.releases
        ),
        when_unsure=_when_unsure(shape.when_unsure),
        cloud_away=shape.cloud_away,
        restore_tool_arguments=shape.restore_tool_arguments,
        version=shape.leeward,
        approvals=_approvals(shape.approvals),
        placeholders=shape.placeholders,
        revision=shape.revision,
    )
    document.refuse(
        Problem(finding.path, finding.reason)
        for finding in check_policy(policy)
        if finding.severity == "error"
    )
    return policy


def _when_unsure(name: WhenUnsureName) -> WhenUnsure:
    if name is WhenUnsureName.REFUSE:
        return WhenUnsure(Level.RESTRICTED, refuse=True)
    return WhenUnsure(Level[name.name])


def _approvals(shape: ApprovalsShape | None) -> ApprovalRules | None:
    if shape is None:
        return None
    return ApprovalRules(wait_s=shape.wait_s, otherwise=shape.otherwise, at_most=shape.at_most)


def _approvals_data(rules: ApprovalRules) -> dict[str, object]:
    return {
        "wait_s": rules.wait_s,
        "otherwise": rules.otherwise.value,
        "at_most": rules.at_most,
    }


def _level(name: LevelName) -> Level:
    return Level[name.name]


def _level_name(level: Level) -> str:
    return level.name.lower()


def _release_data(rule: ReleaseRule) -> dict[str, object]:
    return {"categories": sorted(rule.categories), "to": rule.to, "by": rule.by.value}
