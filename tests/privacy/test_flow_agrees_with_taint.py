"""Promise 1: the check before the run and the check during it, which share no code, agree.

Whatever branches a run takes, a plan that the flow check accepted is never stopped by the taint
check, and no step learns more at run time than the proof said it might.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from runtime.errors import LeakFound, PolicyViolation
from runtime.executor.taint import TaintTracker
from runtime.flow.check import check_flow
from runtime.flow.model import FlowProof, Form, Placement, PlannedRelease
from runtime.graph.model import Edge, Graph
from runtime.ids import Category, ModelName, StepId
from runtime.labels import Label, Level
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule
from runtime.testing.strategies import (
    NODES,
    graphs,
    labels,
    placements,
    planned_releases,
    policies,
)

quick = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))


def run_once(
    graph: Graph, tracker: TaintTracker, data: st.DataObject, proof: FlowProof | None
) -> None:
    """Walk the tracker through one outcome; hold each step against the proof, if there is one."""
    answered: set[StepId] = set()
    fired_by: dict[StepId, set[Edge]] = {}
    for step in graph.topological:
        incoming = graph.incoming[step.id]
        fired = [edge for edge in incoming if edge in fired_by.get(edge.source, set())]
        if incoming and not fired:
            tracker.skip(step.id)
            continue
        received = tracker.receive(step.id, fired)
        if proof is not None:
            assert proof.by_step()[step.id].label.covers(received)
        tracker.check(step.id)
        answered.add(step.id)
        fired_by[step.id] = fall(graph, step.id, data)


def fall(graph: Graph, step: StepId, data: st.DataObject) -> set[Edge]:
    """Draw which edges out of a step fire."""
    outgoing = graph.outgoing[step]
    holding = {edge for edge in outgoing if edge.when and data.draw(st.booleans())}
    return {
        edge
        for edge in outgoing
        if not edge.is_guarded or edge in holding or (edge.otherwise and not holding)
    }


def static_covers_dynamic(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    label, policy = data.draw(labels()), data.draw(policies())
    placed = data.draw(placements(graph))
    releases = data.draw(planned_releases(graph, policy, of_steps=True))

    hold_a_run_against_its_proof(graph, label, placed, releases, policy, data)


def releases_of_steps_agree(data: st.DataObject) -> None:
    """One secret, so that messages, decisions and the rules for them make the difference."""
    graph = data.draw(graphs(max_steps=4))
    person = frozenset({Category("person")})
    addressees = st.sampled_from(("cloud", "cloud-1", "cloud-2", "edge"))
    kinds = (ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT)
    rules = [ReleaseRule(person, data.draw(addressees), kind) for kind in kinds * 2]
    policy = Policy(
        categories={Category("person"): Level.CONFIDENTIAL},
        clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
        releases=(ReleaseRule(person, "cloud", ReleaseKind.REDACT), *rules),
    )
    placed: dict[StepId, Placement] = {}
    releases = [PlannedRelease(ReleaseKind.REDACT, person)]
    for step in graph.steps:
        node, zone = data.draw(st.sampled_from((NODES[0], *NODES[2:])))
        form = Form.RELEASED if zone == "cloud" else data.draw(st.sampled_from(Form))
        placed[step.id] = Placement(step.id, ModelName("m"), node, zone, form)
        drawn = [kind for kind in kinds if data.draw(st.booleans())]
        releases += [PlannedRelease(kind, person, step.id) for kind in drawn]

    hold_a_run_against_its_proof(graph, Label(person), placed, tuple(releases), policy, data)


def hold_a_run_against_its_proof(
    graph: Graph,
    label: Label,
    placed: Mapping[StepId, Placement],
    releases: tuple[PlannedRelease, ...],
    policy: Policy,
    data: st.DataObject,
) -> None:
    tracker = TaintTracker(graph, label, placed.values(), releases=releases, policy=policy)
    try:
        proof = check_flow(
            graph,
            label,
            placements=placed,
            releases=releases,
            policy=policy,
            approved=frozenset[Category]().union(*(entry.categories for entry in releases)),
        )
    except LeakFound:
        event("refused")
        return
    event(f"accepted, something to hide: {not all_may_see(policy, placed, label)}")

    run_once(graph, tracker, data, proof)


def all_may_see(policy: Policy, placed: Mapping[StepId, Placement], label: Label) -> bool:
    return all(policy.may_receive(p.node, p.zone, label) for p in placed.values())


def dynamic_refusal_implies_static(data: st.DataObject) -> None:
    graph = data.draw(graphs(guards=False))
    label, policy = data.draw(labels()), data.draw(policies())
    placed = data.draw(placements(graph))
    releases = data.draw(planned_releases(graph, policy))
    tracker = TaintTracker(graph, label, placed.values(), releases=releases, policy=policy)
    try:
        run_once(graph, tracker, data, None)
    except PolicyViolation:
        stopped = True
    else:
        stopped = False
    event(f"stopped: {stopped}")

    refused = False
    try:
        check_flow(
            graph,
            label,
            placements=placed,
            releases=releases,
            policy=policy,
            approved=frozenset[Category]().union(*(entry.categories for entry in releases)),
        )
    except LeakFound:
        refused = True

    assert refused == stopped


@quick
@given(data=st.data())
def test_what_the_flow_check_accepts_the_taint_check_never_stops(data: st.DataObject) -> None:
    static_covers_dynamic(data)


@quick
@given(data=st.data())
def test_both_checks_agree_on_releases_of_messages_and_decisions(data: st.DataObject) -> None:
    releases_of_steps_agree(data)


@quick
@given(data=st.data())
def test_without_branches_both_checks_say_the_same(data: st.DataObject) -> None:
    dynamic_refusal_implies_static(data)


@pytest.mark.long
@pytest.mark.timeout(0)
@long
@given(data=st.data())
def test_what_the_flow_check_accepts_is_never_stopped_at_length(data: st.DataObject) -> None:
    static_covers_dynamic(data)


@pytest.mark.long
@pytest.mark.timeout(0)
@long
@given(data=st.data())
def test_both_checks_agree_on_releases_at_length(data: st.DataObject) -> None:
    releases_of_steps_agree(data)
