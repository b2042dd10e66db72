"""Whether a call may leave: by what it says of itself, then by what a scan of it finds.

Trusts neither planner nor executor: label, releases and every string are checked against the
policy once more. Opens nothing and records nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from google.protobuf.message import Message

from edge.egress.outgoing import strings_of
from runtime.errors import GateRefused, PolicyViolation
from runtime.ids import Category, NodeName, is_minted
from runtime.labels import Label, join
from runtime.ledger.record import is_identifier
from runtime.policy.model import Policy, Zone
from runtime.policy.released import allowed_categories, categories_left_in_place
from runtime.ports import GenerateRequest, Provenance, ReleaseRecord
from runtime.sentinel.detectors.tagger import TaggerDetector
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.surrogate import as_tags

__all__ = ["Admission"]


class Admission:
    """The gate's own judgement for one destination.

    Args:
        node: Where the call would go.
        zone: Where the node stands.
        policy: Says what the node may receive, and which releases there are.
        sentinel: Looks at what would leave.
    """

    def __init__(self, node: NodeName, zone: Zone, *, policy: Policy, sentinel: Sentinel) -> None:
        self._node = node
        self._zone = zone
        self._policy = policy
        self._sentinel = sentinel
        # A model reads by the sentence around a word. A name has none: "claude-sonnet" alone reads
        # like a person, and every call names its model.
        self._name_sentinel = sentinel.without(TaggerDetector.name)

    def check_claims(self, request: GenerateRequest) -> Provenance:
        """Check label and releases against the policy; return where the call comes from.

        Raises:
            GateRefused: The call does not say where it comes from, or says something in numbers
                of tokens.
            PolicyViolation: The label is above the node's clearance, or a release was applied
                that the policy does not allow on the way to the node.
        """
        where = request.provenance
        if where is None:
            raise GateRefused("a call without provenance does not pass")
        if request.sampling.logit_bias:
            # Numbers of tokens can spell what no detector reads.
            raise GateRefused("logit_bias names tokens, which cannot be scanned; drop it")
        if not self._policy.may_receive(self._node, self._zone, request.label):
            raise PolicyViolation(f"{request.label} is above the clearance of {self._node}")
        self._check_releases(where.releases)
        return where

    def _check_releases(self, releases: Sequence[ReleaseRecord]) -> None:
        """Refuse a release of what this node may neither receive nor have released for it.

        A request is released once for all nodes that read it, so what another node's rule removed
        is fine here where the node could have had it as it was, or by a rule of its own.
        """
        ruled = frozenset[Category]().union(
            *(
                allowed_categories(self._policy, release, self._node, zone=self._zone)
                for release in releases
            )
        )
        for release in releases:
            refused = frozenset(
                category
                for category in frozenset(release.categories) - ruled
                if not self._policy.may_receive(
                    self._node, self._zone, Label(frozenset({category}))
                )
            )
            if refused:
                raise PolicyViolation(
                    f"no rule allows to release {Label(refused)} by {release.by} to {self._node}"
                )

    async def check_strings(
        self, message: Message, releases: Sequence[ReleaseRecord], *, issued: Collection[str] = ()
    ) -> Label:
        """Scan everything in ``message`` that is written; return what was found and may pass.

        Args:
            message: What would leave.
            releases: What was done to it.
            issued: Surrogates that stand for something released. They are scanned as the
                placeholders that they are, so that what stands around them is judged as ever.

        Raises:
            GateRefused: A detector failed, or something was found that is above the node's
                clearance and no release lets through.
        """
        outgoing = strings_of(message)
        if not all(is_identifier(name) for name in outgoing.names):
            raise GateRefused("a name in the call could be content")
        names = "\n".join(name for name in outgoing.names if not is_minted(name))
        texts = [as_tags(text, issued) for text in outgoing.texts] if issued else outgoing.texts
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._sentinel.scan(text)) for text in texts]
            tasks.append(group.create_task(self._name_sentinel.scan(names)))
        scans = [task.result() for task in tasks]
        failed = sorted({name for scan in scans for name in scan.failed})
        if failed:
            raise GateRefused(f"detectors failed at the gate: {', '.join(failed)}")
        found = join(scan.label for scan in scans)
        left = found.without(
            categories_left_in_place(self._policy, releases, self._node, zone=self._zone)
        )
        if not self._policy.may_receive(self._node, self._zone, left):
            raise GateRefused(f"the gate found {left}, above the clearance of {self._node}")
        return found
