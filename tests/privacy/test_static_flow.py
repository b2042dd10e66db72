"""Promise 1 and 2 against an oracle that knows nothing of labels.

The oracle runs a graph twice, with two secrets in one category of the request and everything
else equal, and compares what one node gets to see: which of its steps run, and what they read.
Models are taken at their worst: an answer tells everything its step read, and a decision falls
as an adversary likes, but alike where the decider read alike. A category that the node is not
cleared for, and that no release named by the policy for that node took out, must make no
difference to it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    CloudAway,
    LeakFound,
)
from runtime.flow.check import check_flow
from runtime.flow.model import Form, Placement, PlannedRelease
from runtime.graph.model import Edge, Graph
from runtime.ids import Category, ModelName, NodeName, PlanId, StepId
from runtime.labels import Label
from runtime.planner.model import PlanRequest
from runtime.planner.plan import plan
from runtime.policy.model import Policy, ReleaseKind, Zone
from runtime.testing.plans import POLICY, redact
from runtime.testing.strategies import (
    NODES,
    graphs,
    labels,
    placements,
    plan_requests,
    planned_releases,
    policies,
)

quick = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))

Secrets = Mapping[Category, int]
Text = tuple[object, ...]
"""A message, symbolically: everything that its writer read."""


@dataclass
class Undecided(Exception):
    """The adversary has not yet said how this decision falls."""

    key: tuple[object, ...]


@dataclass(frozen=True)
class Setting:
    """What is fixed between two runs."""

    graph: Graph
    placements: Mapping[StepId, Placement]
    removed: frozenset[Category]
    decide: Callable[[tuple[object, ...]], bool]


@dataclass
class Run:
    """One concrete execution."""

    setting: Setting
    secrets: Secrets
    answers: dict[StepId, Text] = field(default_factory=dict)

    def view_of(self, node: NodeName) -> tuple[object, ...]:
        """Execute the graph; return what ``node`` sees, in order."""
        seen: list[object] = []
        for step in self.setting.graph.topological:
            incoming = self.setting.graph.incoming[step.id]
            arrived = [edge for edge in incoming if self._fires(edge)]
            if incoming and not arrived:
                continue
            read = self._read(step.id, arrived)
            self.answers[step.id] = (step.id, read)
            if self.setting.placements[step.id].node == node:
                seen.append((step.id, read))
        return tuple(seen)

    def _read(self, step: StepId, arrived: list[Edge]) -> Text:
        raw = tuple(sorted(self.secrets.items()))
        released = tuple(item for item in raw if item[0] not in self.setting.removed)
        messages = tuple((edge.otherwise, self.answers[edge.source]) for edge in arrived)
        if self.setting.placements[step].form is Form.RAW:
            return ("raw", raw, messages)
        return ("released", released, messages)

    def _fires(self, edge: Edge) -> bool:
        answer = self.answers.get(edge.source)
        if answer is None:
            return False
        if edge.when is not None:
            return self.setting.decide((edge, answer))
        if edge.otherwise:
            siblings = self.setting.graph.outgoing[edge.source]
            return not any(self._fires(other) for other in siblings if other.when)
        return True


def released_for(
    node: NodeName, zone: Zone, releases: tuple[PlannedRelease, ...], policy: Policy
) -> frozenset[Category]:
    """Return what the request's releases take out in the eyes of one node."""
    named = {
        (rule.by, category)
        for rule in policy.releases
        if rule.to in (node, zone)
        for category in rule.categories
    }
    return frozenset(
        category
        for release in releases
        for category in release.categories
        if (release.by, category) in named
    )


def secrets_kept_from(
    node: NodeName, zone: Zone, label: Label, policy: Policy
) -> Iterator[Category]:
    """Yield what ``node`` is not cleared for."""
    clearance = policy.clearance.get(node, policy.clearance.get(zone))
    for category in sorted(label.categories):
        level = policy.categories.get(category, policy.when_unsure.level)
        if clearance is None or level > clearance:
            yield category


def makes_a_difference(
    setting: Setting, label: Label, *, node: NodeName, category: Category
) -> bool:
    """Whether the two runs look different to ``node``."""
    plain = dict.fromkeys(label.categories, 0)
    one = Run(setting, plain).view_of(node)
    other = Run(setting, {**plain, category: 1}).view_of(node)
    return one != other


def leaks(
    graph: Graph,
    label: Label,
    placed: Mapping[StepId, Placement],
    releases: tuple[PlannedRelease, ...],
    policy: Policy,
    *,
    differs: Callable[[Setting, Label, NodeName, Category], bool],
    decide: Callable[[tuple[object, ...]], bool],
) -> list[tuple[NodeName, Category]]:
    """Return every node that can tell two secrets apart that are none of its business."""
    nodes = sorted({(place.node, place.zone) for place in placed.values()})
    return [
        (node, category)
        for node, zone in nodes
        for category in secrets_kept_from(node, zone, label, policy)
        if differs(
            Setting(graph, placed, released_for(node, zone, releases, policy), decide),
            label,
            node,
            category,
        )
    ]


def under_one_adversary(setting: Setting, label: Label, node: NodeName, category: Category) -> bool:
    return makes_a_difference(setting, label, node=node, category=category)


def under_any_adversary(setting: Setting, label: Label, node: NodeName, category: Category) -> bool:
    """Try every way in which decisions can fall."""
    undecided: list[dict[tuple[object, ...], bool]] = [{}]
    while undecided:
        table = undecided.pop()

        def decide(key: tuple[object, ...], table: dict[tuple[object, ...], bool] = table) -> bool:
            if key not in table:
                raise Undecided(key)
            return table[key]

        fixed = Setting(setting.graph, setting.placements, setting.removed, decide)
        try:
            if makes_a_difference(fixed, label, node=node, category=category):
                return True
        except Undecided as missing:
            undecided += [{**table, missing.key: fallen} for fallen in (True, False)]
    return False


def adversary(seed: int) -> Callable[[tuple[object, ...]], bool]:
    """Return decisions that are arbitrary, but always the same for the same answer."""
    return lambda key: random.Random(f"{seed} {key}").random() < 0.5


def accepts(
    graph: Graph,
    label: Label,
    placed: Mapping[StepId, Placement],
    releases: tuple[PlannedRelease, ...],
    policy: Policy,
) -> bool:
    approved = frozenset[Category]().union(*(release.categories for release in releases))
    try:
        check_flow(
            graph,
            label,
            placements=placed,
            releases=releases,
            policy=policy,
            approved=approved,
        )
    except LeakFound:
        return False
    return True


def nothing_accepted_leaks(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    label, policy = data.draw(labels()), data.draw(policies())
    placed = data.draw(placements(graph))
    releases = data.draw(planned_releases(graph, policy))
    seeds = data.draw(st.lists(st.integers(0, 2**32), min_size=4, max_size=4))
    kept = any(
        True
        for place in placed.values()
        for _ in secrets_kept_from(place.node, place.zone, label, policy)
    )
    accepted = accepts(graph, label, placed, releases, policy)
    event(f"accepted: {accepted}, something to hide: {kept}")
    assume(accepted)

    found = [
        leaks(
            graph, label, placed, releases, policy,
            differs=under_one_adversary, decide=adversary(seed),
        )
        for seed in seeds
    ]  # fmt: skip

    assert found == [[], [], [], []]


def only_leaks_are_refused(data: st.DataObject) -> None:
    graph = data.draw(graphs(max_steps=4))
    assume(sum(edge.when is not None for edge in graph.edges) <= 2)
    label, policy = data.draw(labels()), data.draw(policies())
    placed = data.draw(placements(graph))
    releases = data.draw(planned_releases(graph, policy))

    accepted = accepts(graph, label, placed, releases, policy)
    found = leaks(
        graph, label, placed, releases, policy,
        differs=under_any_adversary, decide=adversary(0),
    )  # fmt: skip

    event(f"accepted: {accepted}")
    assert accepted == (found == [])


def the_structure_alone_decides(data: st.DataObject) -> None:
    """One secret and one rule, so that only forms, messages and decisions make the difference."""
    graph = data.draw(graphs(max_steps=4))
    assume(sum(edge.when is not None for edge in graph.edges) <= 2)
    label, releases = Label.of("person"), (redact("person"),)
    placed: dict[StepId, Placement] = {}
    for step in graph.steps:
        node, zone = data.draw(st.sampled_from((NODES[0], NODES[2])))
        form = Form.RELEASED if zone == "cloud" else data.draw(st.sampled_from(Form))
        placed[step.id] = Placement(step.id, ModelName("m"), node, zone, form)

    accepted = accepts(graph, label, placed, releases, POLICY)
    found = leaks(
        graph, label, placed, releases, POLICY,
        differs=under_any_adversary, decide=adversary(0),
    )  # fmt: skip

    event(f"accepted: {accepted}")
    assert accepted == (found == [])


def no_plan_leaks(request: PlanRequest, seeds: list[int]) -> None:
    try:
        made = plan(request, plan_id=PlanId("p"), graph_hash="h")
    except (LeakFound, CloudAway, BackendUnavailable, CapacityExhausted) as refusal:
        event(type(refusal).__name__)
        return
    placed = {
        step.step: Placement(step.step, step.model, step.node, step.zone, step.form)
        for step in made.steps
    }
    on_cloud = {step.form.value for step in made.steps if step.zone == "cloud"}
    event(f"planned, read on the cloud: {sorted(on_cloud)}")

    found = [
        leaks(
            request.graph, request.label, placed, made.releases, request.policy,
            differs=under_one_adversary, decide=adversary(seed),
        )
        for seed in seeds
    ]  # fmt: skip

    assert found == [[] for _ in seeds]
    ways_down = {ReleaseKind.REDACT, ReleaseKind.GENERALISE, ReleaseKind.APPROVAL}
    if request.can_sketch:
        ways_down.add(ReleaseKind.SKETCH)
    assert {release.by for release in made.releases} <= ways_down


SEEDS = st.lists(st.integers(0, 2**32), min_size=3, max_size=3)


@quick
@given(data=st.data())
def test_what_the_check_accepts_lets_no_node_tell_two_secrets_apart(data: st.DataObject) -> None:
    nothing_accepted_leaks(data)


@quick
@given(data=st.data())
def test_what_the_check_refuses_lets_some_node_tell_two_secrets_apart(
    data: st.DataObject,
) -> None:
    only_leaks_are_refused(data)


@quick
@given(data=st.data())
def test_forms_messages_and_decisions_are_judged_exactly(data: st.DataObject) -> None:
    the_structure_alone_decides(data)


@quick
@given(request=plan_requests(), seeds=SEEDS)
def test_no_plan_lets_a_node_tell_two_secrets_apart(request: PlanRequest, seeds: list[int]) -> None:
    no_plan_leaks(request, seeds)


@pytest.mark.long
@pytest.mark.timeout(0)
@long
@given(data=st.data())
def test_what_the_check_accepts_never_leaks_at_length(data: st.DataObject) -> None:
    nothing_accepted_leaks(data)


@pytest.mark.long
@pytest.mark.timeout(0)
@long
@given(data=st.data())
def test_what_the_check_refuses_always_leaks_at_length(data: st.DataObject) -> None:
    only_leaks_are_refused(data)


@pytest.mark.long
@pytest.mark.timeout(0)
@long
@given(data=st.data())
def test_forms_messages_and_decisions_are_judged_exactly_at_length(
    data: st.DataObject,
) -> None:
    the_structure_alone_decides(data)


@pytest.mark.long
@pytest.mark.timeout(0)
@long
@given(request=plan_requests(), seeds=SEEDS)
def test_no_plan_leaks_at_length(request: PlanRequest, seeds: list[int]) -> None:
    no_plan_leaks(request, seeds)
