"""Follow labels while a plan runs, and refuse a dispatch above its node's clearance.

A second opinion on the flow check: it shares no code with ``runtime.flow`` and looks at the
branches really taken. It knows labels, forms and releases; nothing of models or texts, so that
a test can walk it through any outcome of the branches.

What it holds true:

* A step's answer tells all that its node received. A step that reads the raw request receives
  the request's whole label, and with it all that restoring a placeholder could bring back.
* Whether a message comes at all is information: a guarded edge, fired or silent, brings the
  label of the step that decided, and so does everything that came or stayed away because of it.
* Only releases of the plan lower a label, and only where the policy allows them for the node in
  question: the request's for its released form, ``model_written`` for a message and
  ``decision_bit`` for a decision on their way to a cloud node. What was lowered for one node
  and is passed on to another must be allowed there as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from runtime.errors import PolicyViolation
from runtime.flow.model import Form, PlannedRelease
from runtime.graph.model import Edge, Graph
from runtime.ids import Category, NodeName, StepId
from runtime.labels import PUBLIC, Label
from runtime.policy.model import Policy, ReleaseKind, Zone

__all__ = ["Placed", "TaintTracker"]

_Lowered = frozenset[tuple[Category, frozenset[ReleaseKind]]]
"""Categories that releases removed, each with all the kinds that removed it at that place."""


class Placed(Protocol):
    """Where a step runs and which form of the request it reads."""

    @property
    def step(self) -> StepId:
        """The step."""
        ...

    @property
    def node(self) -> NodeName:
        """The node that plays it."""
        ...

    @property
    def zone(self) -> Zone:
        """Where the node stands."""
        ...

    @property
    def form(self) -> Form:
        """Which form of the request it reads."""
        ...


@dataclass(frozen=True, slots=True)
class _Received:
    """What a step's node received."""

    label: Label
    lowered: _Lowered
    used: tuple[PlannedRelease, ...]
    """The releases of messages and decisions that lowered the label on the way to this step."""


class TaintTracker:
    """The labels of one run.

    Walk it in an order in which every step comes after its predecessors: :meth:`receive` (and
    :meth:`check`) for a step that runs, :meth:`skip` for one that does not.

    Args:
        graph: The graph that runs.
        label: Label of the request as sent.
        placed: One entry per step; planned steps and placements both will do.
        releases: The plan's releases.
        policy: What the releases and clearances are held against.
    """

    def __init__(
        self,
        graph: Graph,
        label: Label,
        placed: Iterable[Placed],
        *,
        releases: Iterable[PlannedRelease],
        policy: Policy,
    ) -> None:
        self._graph = graph
        self._policy = policy
        self._placed = {place.step: place for place in placed}
        planned = tuple(releases)
        self._of_steps = tuple(release for release in planned if release.step is not None)
        self._raw = label
        self._request_lowered = _lowered_by(
            label, [release for release in planned if release.step is None]
        )
        self._released = label.without(category for category, _ in self._request_lowered)
        self._received: dict[StepId, _Received] = {}
        self._deciders: dict[StepId, frozenset[StepId]] = {}

    def request(self, form: Form) -> Label:
        """Return the label of the request in one of its forms."""
        return self._raw if form is Form.RAW else self._released

    def receive(self, step: StepId, fired: Collection[Edge]) -> Label:
        """Return, and remember, the label of what the step's node receives.

        Args:
            step: A step all of whose predecessors were received or skipped.
            fired: Those of its incoming edges that brought a message.
        """
        place = self._placed[step]
        deciders = self._decided_by(step)
        label = self.request(place.form)
        lowered = self._request_lowered if place.form is Form.RELEASED else _Lowered()
        used: list[PlannedRelease] = []
        messages = dict.fromkeys(edge.source for edge in fired)
        arrivals = [(source, ReleaseKind.MODEL_WRITTEN) for source in messages]
        arrivals += [(decider, ReleaseKind.DECISION_BIT) for decider in sorted(deciders)]
        for source, kind in arrivals:
            brought = self._received[source]
            removed = self._removed(brought.label, source, place, kind=kind)
            if removed:
                used.append(PlannedRelease(kind, removed, source))
            label = label.join(brought.label.without(removed))
            lowered |= brought.lowered
            lowered |= {(category, frozenset({kind})) for category in removed}
        self._deciders[step] = deciders
        self._received[step] = _Received(label, lowered, tuple(used))
        return label

    def skip(self, step: StepId) -> None:
        """Remember that no edge into the step fired: its absence tells what decided so."""
        self._deciders[step] = self._decided_by(step)

    def check(self, step: StepId, *, node: NodeName | None = None, zone: Zone = "edge") -> None:
        """Refuse unless the node may receive what the step reads.

        Args:
            step: A received step.
            node: The node that takes the step over, when it is not the planned one.
            zone: Where that node stands; not read for the planned one.

        Raises:
            PolicyViolation: The label's level is above the node's clearance, or something was
                lowered by a release that the policy does not allow for this node.
        """
        place = self._placed[step]
        target, where = (place.node, place.zone) if node is None else (node, zone)
        received = self._received[step]
        label = received.label.join(self._unreleasable(received.lowered, target, where))
        if not self._policy.may_receive(target, where, label):
            level = self._policy.level_of(label).name.lower()
            clearance = self._policy.clearance_of(target, where).name.lower()
            raise PolicyViolation(
                f"step {step}: {label} is {level}, node {target} ({where}) is cleared for"
                f" {clearance}"
            )

    def output(self, step: StepId) -> Label:
        """Return the label of a received step's answer, as its model wrote it."""
        return self._received[step].label

    def answer(self, step: StepId) -> Label:
        """Return the label of a received step's answer once its placeholders are restored."""
        return self._received[step].label.join(self._raw)

    def lowered(self, step: StepId) -> tuple[PlannedRelease, ...]:
        """Return the releases of messages and decisions that lowered what the step received."""
        return self._received[step].used

    def _decided_by(self, step: StepId) -> frozenset[StepId]:
        """Return the steps that decided, however far up, which messages come to ``step``."""
        deciders: frozenset[StepId] = frozenset()
        for edge in self._graph.incoming[step]:
            deciders |= self._deciders[edge.source]
            if edge.is_guarded and edge.source in self._received:
                deciders |= {edge.source}
        return deciders

    def _removed(
        self, label: Label, source: StepId, place: Placed, *, kind: ReleaseKind
    ) -> frozenset[Category]:
        """Return what a release of ``source``'s message or decision takes off ``label``."""
        if place.zone != "cloud":
            return frozenset()
        planned: frozenset[Category] = frozenset()
        for release in self._of_steps:
            if release.step == source and release.by is kind:
                planned |= release.categories
        affected = Label(planned & label.categories)
        return self._policy.releasable(affected, place.node, place.zone, by=kind)

    def _unreleasable(self, lowered: _Lowered, node: NodeName, zone: Zone) -> Label:
        """Return what was lowered though the node may neither see it nor have it released."""
        label = PUBLIC
        for category, kinds in lowered:
            single = Label(frozenset({category}))
            is_allowed = self._policy.may_receive(node, zone, single) or any(
                self._policy.releasable(single, node, zone, by=kind) for kind in kinds
            )
            if not is_allowed:
                label = label.join(single)
        return label


def _lowered_by(label: Label, releases: Iterable[PlannedRelease]) -> _Lowered:
    """Return what releases of the request take off its label."""
    kinds: dict[Category, frozenset[ReleaseKind]] = {}
    for release in releases:
        for category in release.categories & label.categories:
            kinds[category] = kinds.get(category, frozenset()) | {release.by}
    return frozenset(kinds.items())
