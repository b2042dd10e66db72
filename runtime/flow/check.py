"""Prove that no message of a plan can reach a node below its label, or name the way it would.

Walks the steps in topological order and takes every branch as possible. What a step learns is
what it may tell, so each step has one label:

* A ``RAW`` step reads the request itself and restored messages: the request's whole label.
* A ``RELEASED`` step reads what the request's releases left, and messages as they came.
* Whether a step runs is information. The deciding step's label joins into whatever a guarded
  edge leads to, also where a message merely fails to arrive, and stays with every later step.
* ``model_written`` lowers the message of one step, ``decision_bit`` the decisions of one step,
  each only on delivery to a cloud node, and neither does the other's work.
* A release is good for the nodes that the policy names. What was released for one node and is
  passed on to another needs a rule for that one too.

Knows nothing of how the plan was made, and takes nothing on trust from it but zones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from runtime.errors import LeakFound
from runtime.flow.model import FlowProof, Form, Placement, PlannedRelease, Reception
from runtime.flow.trace import Mark, Path, Trace
from runtime.graph.model import Edge, Graph
from runtime.ids import Category, StepId
from runtime.labels import Label
from runtime.policy.model import Policy, ReleaseKind

__all__ = ["check_flow"]

_OF_STEPS = frozenset({ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT})


def check_flow(
    graph: Graph,
    label: Label,
    *,
    placements: Mapping[StepId, Placement],
    releases: tuple[PlannedRelease, ...],
    policy: Policy,
    approved: frozenset[Category] = frozenset(),
) -> FlowProof:
    """Return the proof that every node is cleared for all it can receive.

    Args:
        graph: The validated graph.
        label: Label of the request as sent.
        placements: Where each step runs and which form of the request it reads.
        releases: What the plan removes from the request, from messages and from decisions.
        policy: Levels, clearances, and which releases are allowed to whom.
        approved: Categories that a person approved for this request; without it no
            ``approval`` counts.

    Returns:
        What each step's node receives at most, in topological order.

    Raises:
        LeakFound: A node could receive more than it is cleared for; ``path`` says how.
    """
    _refuse_ill_formed(graph, releases, approved)
    walk = _Walk(graph, label, placements, releases, policy)
    return FlowProof(tuple(walk.receptions()), releases)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk over a graph; ``learnt`` grows by one step at a time."""

    graph: Graph
    label: Label
    placements: Mapping[StepId, Placement]
    releases: tuple[PlannedRelease, ...]
    policy: Policy
    learnt: dict[StepId, Trace] = field(default_factory=dict)

    def receptions(self) -> Iterator[Reception]:
        """Yield what each step receives; raise ``LeakFound`` at the first that must not."""
        for step in self.graph.topological:
            place = self.placements.get(step.id)
            if place is None:
                raise LeakFound(f"step {step.id} has no placement")
            trace = self._learn(step.id, place)
            self._refuse_leak(trace, place)
            self.learnt[step.id] = trace
            yield Reception(
                step=step.id,
                node=place.node,
                label=trace.label,
                level=self.policy.level_of(trace.label),
                clearance=self.policy.clearance_of(place.node, place.zone),
                output_label=trace.label,
            )

    def _learn(self, step: StepId, place: Placement) -> Trace:
        trace = Trace()
        reads_released = place.form is Form.RELEASED
        trace.learn_request(
            self.label.categories, _kinds_by_category(self.releases) if reads_released else {}
        )
        for edge in self.graph.incoming[step]:
            self._learn_message(trace, edge.source, place)
            self._learn_deciders(trace, edge)
        for decider, hops in trace.deciders.items():
            trace.learn(
                self.learnt[decider].carried,
                hops=hops,
                released=self._released(ReleaseKind.DECISION_BIT, decider, place),
                by=ReleaseKind.DECISION_BIT,
            )
            trace.learn_marks(self.learnt[decider].marks, hops=hops)
        return trace

    def _learn_message(self, trace: Trace, source: StepId, place: Placement) -> None:
        hops = (f"{source}.output",)
        trace.learn(
            self.learnt[source].carried,
            hops=hops,
            released=self._released(ReleaseKind.MODEL_WRITTEN, source, place),
            by=ReleaseKind.MODEL_WRITTEN,
        )
        trace.learn_marks(self.learnt[source].marks, hops=hops)

    def _learn_deciders(self, trace: Trace, edge: Edge) -> None:
        for decider, hops in self.learnt[edge.source].deciders.items():
            trace.depend_on(decider, (*hops, f"{edge.source}.output"))
        if edge.is_guarded:
            trace.depend_on(edge.source, (f"{edge.source}.{self._decision(edge)} (decision)",))

    def _decision(self, edge: Edge) -> str:
        """Name the outputs on which a guarded edge depends; ``otherwise`` reads its siblings'."""
        if edge.when is not None:
            return edge.when.output
        siblings = self.graph.outgoing[edge.source]
        return "/".join(sorted({other.when.output for other in siblings if other.when}))

    def _released(self, by: ReleaseKind, step: StepId, place: Placement) -> frozenset[Category]:
        """Return what ``by`` removes from ``step`` on the way to ``place``, if it is allowed."""
        if place.zone != "cloud":
            return frozenset()
        planned = frozenset[Category]().union(
            *(
                release.categories
                for release in self.releases
                if release.by is by and release.step == step
            )
        )
        return self.policy.releasable(Label(planned), place.node, place.zone, by=by)

    def _refuse_leak(self, trace: Trace, place: Placement) -> None:
        if not self.policy.may_receive(place.node, place.zone, trace.label):
            category = min(trace.carried, key=lambda name: self._rank(name, trace.carried[name]))
            raise LeakFound(
                f"step {place.step} would bring {self._clash(category, place)}",
                path=(*trace.carried[category], f"{place.step}@{place.node}"),
            )
        refused = [mark for mark in trace.marks if not self._is_good_for(mark, place)]
        if refused:
            mark = min(refused, key=lambda item: self._rank(item.category, trace.marks[item]))
            kinds = " or ".join(sorted(kind.value for kind in mark.kinds))
            raise LeakFound(
                f"step {place.step} would bring {self._clash(mark.category, place)};"
                f" the policy allows no {kinds} of it to that node",
                path=(*trace.marks[mark], f"{place.step}@{place.node}"),
            )

    def _is_good_for(self, mark: Mark, place: Placement) -> bool:
        label = Label(frozenset({mark.category}))
        return self.policy.may_receive(place.node, place.zone, label) or any(
            self.policy.releasable(label, place.node, place.zone, by=kind) for kind in mark.kinds
        )

    def _rank(self, category: Category, path: Path) -> tuple[int, int, str]:
        """Order offences: the most sensitive first, then the one most easily told."""
        return -self.policy.level_of_category(category), len(path), category

    def _clash(self, category: Category, place: Placement) -> str:
        level = self.policy.level_of_category(category).name.lower()
        clearance = self.policy.clearance_of(place.node, place.zone).name.lower()
        return (
            f"{category} ({level}) to {place.zone} node {place.node},"
            f" whose clearance is {clearance}"
        )


def _kinds_by_category(
    releases: tuple[PlannedRelease, ...],
) -> dict[Category, frozenset[ReleaseKind]]:
    """Return how the request's categories are released; those of steps are not the request's."""
    kinds: dict[Category, frozenset[ReleaseKind]] = {}
    for release in releases:
        if release.step is None:
            for category in release.categories:
                kinds[category] = kinds.get(category, frozenset()) | {release.by}
    return kinds


def _refuse_ill_formed(
    graph: Graph, releases: tuple[PlannedRelease, ...], approved: frozenset[Category]
) -> None:
    for release in releases:
        if (release.by in _OF_STEPS) != (release.step is not None):
            where = "the request" if release.step is None else f"the output of step {release.step}"
            raise LeakFound(f"{release.by.value} cannot lower {where}")
        if release.step is not None and release.step not in graph.by_id:
            raise LeakFound(f"{release.by.value} names step {release.step}, which is not there")
        missing = sorted(release.categories - approved)
        if release.by is ReleaseKind.APPROVAL and missing:
            raise LeakFound(f"nobody approved {', '.join(missing)}", path=("request",))
