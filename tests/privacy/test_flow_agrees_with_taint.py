"""Promise 1: the check before the run and the check during it, which share no code, agree.

Whatever branches a run takes, a plan that the flow check accepted is never stopped by the taint
check, and no step learns more at run time than the proof said it might.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import combinations

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


@dataclass(frozen=True, slots=True)
class Case:
    """What both checks judge."""

    graph: Graph
    label: Label
    placed: Mapping[StepId, Placement]
    releases: tuple[PlannedRelease, ...]
    policy: Policy

    def tracker(self) -> TaintTracker:
        return TaintTracker(
            self.graph,
            self.label,
            self.placed.values(),
            releases=self.releases,
            policy=self.policy,
        )

    def proof(self) -> FlowProof:
        return check_flow(
            self.graph,
            self.label,
            placements=self.placed,
            releases=self.releases,
            policy=self.policy,
            approved=frozenset[Category]().union(*(entry.categories for entry in self.releases)),
        )


@st.composite
def any_cases(draw: st.DrawFn, *, max_steps: int = 6) -> Case:
    graph = draw(graphs(max_steps=max_steps))
    label, policy = draw(labels()), draw(policies())
    placed = draw(placements(graph))
    releases = draw(planned_releases(graph, policy, of_steps=True))
    return Case(graph, label, placed, releases, policy)


@st.composite
def cases_of_one_secret(draw: st.DrawFn) -> Case:
    """One secret, so that messages, decisions and the rules for them make the difference."""
    graph = draw(graphs(max_steps=4))
    person = frozenset({Category("person")})
    addressees = st.sampled_from(("cloud", "cloud-1", "cloud-2", "edge"))
    kinds = (ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT)
    rules = [ReleaseRule(person, draw(addressees), kind) for kind in kinds * 2]
    policy = Policy(
        categories={Category("person"): Level.CONFIDENTIAL},
        clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
        releases=(ReleaseRule(person, "cloud", ReleaseKind.REDACT), *rules),
    )
    placed: dict[StepId, Placement] = {}
    releases = [PlannedRelease(ReleaseKind.REDACT, person)]
    for step in graph.steps:
        node, zone = draw(st.sampled_from((NODES[0], *NODES[2:])))
        form = Form.RELEASED if zone == "cloud" else draw(st.sampled_from(Form))
        placed[step.id] = Placement(step.id, ModelName("m"), node, zone, form)
        drawn = [kind for kind in kinds if draw(st.booleans())]
        releases += [PlannedRelease(kind, person, step.id) for kind in drawn]
    return Case(graph, Label(person), placed, tuple(releases), policy)


def hold_a_run_against_its_proof(case: Case, data: st.DataObject) -> None:
    tracker = case.tracker()
    try:
        proof = case.proof()
    except LeakFound:
        event("refused")
        return
    has_secret = not all_may_see(case.policy, case.placed, case.label)
    event(f"accepted, something to hide: {has_secret}")

    run_once(case.graph, tracker, data, proof)


def all_may_see(policy: Policy, placed: Mapping[StepId, Placement], label: Label) -> bool:
    return all(policy.may_receive(p.node, p.zone, label) for p in placed.values())


def some_outcome_is_stopped(
    graph: Graph, tracker: TaintTracker, fired: frozenset[Edge] = frozenset(), at: int = 0
) -> bool:
    """Whether the taint check stops a run for any way in which its decisions can fall."""
    for position, step in enumerate(graph.topological[at:], start=at):
        incoming = graph.incoming[step.id]
        brought = [edge for edge in incoming if edge in fired]
        if incoming and not brought:
            tracker.skip(step.id)
            continue
        tracker.receive(step.id, brought)
        try:
            tracker.check(step.id)
        except PolicyViolation:
            return True
        outgoing = graph.outgoing[step.id]
        guarded = [edge for edge in outgoing if edge.when]
        ways = [
            frozenset(holding)
            for count in range(len(guarded) + 1)
            for holding in combinations(guarded, count)
        ]
        others = [
            fired.union(
                edge
                for edge in outgoing
                if not edge.is_guarded or edge in way or (edge.otherwise and not way)
            )
            for way in ways
        ]
        for other in others[1:]:
            if some_outcome_is_stopped(graph, deepcopy(tracker), other, position + 1):
                return True
        fired = others[0]
    return False


def hold_a_refusal_against_all_outcomes(case: Case) -> None:
    stopped = some_outcome_is_stopped(case.graph, case.tracker())
    event(f"stopped: {stopped}")

    refused = False
    try:
        case.proof()
    except LeakFound:
        refused = True

    assert refused == stopped


@quick
@given(case=any_cases(), data=st.data())
def test_what_the_flow_check_accepts_the_taint_check_never_stops(
    case: Case, data: st.DataObject
) -> None:
    hold_a_run_against_its_proof(case, data)


@quick
@given(case=cases_of_one_secret(), data=st.data())
def test_both_checks_agree_on_releases_of_messages_and_decisions(
    case: Case, data: st.DataObject
) -> None:
    hold_a_run_against_its_proof(case, data)


@quick
@given(case=st.one_of(any_cases(max_steps=4), cases_of_one_secret()))
def test_what_the_flow_check_refuses_the_taint_check_stops_in_some_outcome(case: Case) -> None:
    hold_a_refusal_against_all_outcomes(case)


@pytest.mark.long
@pytest.mark.timeout(0)
@long
@given(case=st.one_of(any_cases(), cases_of_one_secret()), data=st.data())
def test_what_the_flow_check_accepts_is_never_stopped_at_length(
    case: Case, data: st.DataObject
) -> None:
    hold_a_run_against_its_proof(case, data)


@pytest.mark.long
@pytest.mark.timeout(0)
@long
@given(case=st.one_of(any_cases(max_steps=4), cases_of_one_secret()))
def test_what_the_flow_check_refuses_is_stopped_at_length(case: Case) -> None:
    hold_a_refusal_against_all_outcomes(case)
