"""The labels of a run, walked through outcomes by hand."""

import pytest

from runtime.errors import PolicyViolation
from runtime.executor.taint import TaintTracker
from runtime.flow.model import PlannedRelease
from runtime.graph.model import Graph
from runtime.ids import Category, NodeName, StepId
from runtime.labels import PUBLIC, Label, Level
from runtime.planner.model import Plan
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule
from runtime.testing.plans import CLOUD, POLICY, graph_of, plan_of, redact

PERSON = Label.of("person")
BOTH = Label.of("person", "project_name")
BRANCH = graph_of(
    """
    near: {role: router, outputs: {route: [stay, go]}}
    side: {role: assistant}
    far: {role: assistant}
    """,
    "near -> far",
    '{from: near, to: side, when: "near.route == go"}',
    "side -> far",
)


def tracker_of(plan: Plan, policy: Policy = POLICY) -> TaintTracker:
    return TaintTracker(plan.graph, plan.label, plan.steps, releases=plan.releases, policy=policy)


def policy_with(*rules: ReleaseRule) -> Policy:
    return Policy(POLICY.categories, POLICY.clearance, (*POLICY.releases, *rules))


def rule(kind: ReleaseKind, *categories: str, to: str = "cloud") -> ReleaseRule:
    return ReleaseRule(frozenset(Category(name) for name in categories), to, kind)


def of_step(kind: ReleaseKind, step: str, *categories: str) -> PlannedRelease:
    return PlannedRelease(kind, frozenset(Category(name) for name in categories), StepId(step))


def walk(tracker: TaintTracker, graph: Graph, silent: set[tuple[str, str]]) -> None:
    """Receive or skip every step, the given edges staying silent."""
    ran: set[str] = set()
    for step in graph.topological:
        incoming = graph.incoming[step.id]
        fired = [e for e in incoming if e.source in ran and (e.source, e.target) not in silent]
        if fired or not incoming:
            tracker.receive(step.id, fired)
            ran.add(step.id)
        else:
            tracker.skip(step.id)


def test_a_released_request_loses_exactly_what_the_release_lists() -> None:
    plan = plan_of(BRANCH, label=BOTH, releases=(redact("person"),))
    tracker = tracker_of(plan)

    assert tracker.request(plan.steps[0].form) == BOTH
    assert tracker_of(
        plan_of(BRANCH, label=BOTH, released={"near"}, releases=(redact("person"),))
    ).receive(StepId("near"), []) == Label.of("project_name")


def test_what_a_raw_step_wrote_keeps_its_label_for_a_released_reader() -> None:
    plan = plan_of(
        BRANCH, label=PERSON, cloud={"far"}, released={"far"}, releases=(redact("person"),)
    )
    tracker = tracker_of(plan)

    walk(tracker, BRANCH, silent=set())

    assert tracker.output(StepId("far")) == PERSON
    with pytest.raises(PolicyViolation):
        tracker.check(StepId("far"))


CHAIN = graph_of(
    """
    near: {role: router, outputs: {route: [stay, go]}}
    side: {role: assistant}
    other: {role: assistant}
    far: {role: fuser}
    """,
    '{from: near, to: side, when: "near.route == go"}',
    "[side, other] -> far",
)


@pytest.mark.parametrize("silent", [set(), {("near", "side")}])
def test_a_message_that_stays_away_tells_as_much_as_one_that_comes(
    silent: set[tuple[str, str]],
) -> None:
    plan = plan_of(
        CHAIN,
        label=PERSON,
        cloud={"far"},
        released={"side", "other", "far"},
        releases=(redact("person"),),
    )
    tracker = tracker_of(plan)

    walk(tracker, CHAIN, silent=silent)

    assert tracker.output(StepId("far")) == PERSON


@pytest.mark.parametrize("silent", [set(), {("near", "side")}])
def test_a_decision_from_released_data_is_no_secret(silent: set[tuple[str, str]]) -> None:
    released = {"near", "side", "other", "far"}
    plan = plan_of(
        CHAIN, label=PERSON, cloud={"far"}, released=released, releases=(redact("person"),)
    )
    tracker = tracker_of(plan)

    walk(tracker, CHAIN, silent=silent)

    tracker.check(StepId("far"))
    assert tracker.output(StepId("far")) == PUBLIC
    assert tracker.answer(StepId("far")) == PERSON


@pytest.mark.parametrize(
    ("kinds", "is_allowed"),
    [
        ((ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT), True),
        ((ReleaseKind.MODEL_WRITTEN,), False),
        ((ReleaseKind.DECISION_BIT,), False),
    ],
)
def test_message_and_decision_need_a_release_each(
    kinds: tuple[ReleaseKind, ...], is_allowed: bool
) -> None:
    graph = graph_of(
        """
        near: {role: router, outputs: {score: number}}
        far: {role: assistant}
        end: {role: fuser}
        """,
        '{from: near, to: far, when: "near.score > 1"}',
        "[near, far] -> end",
    )
    plan = plan_of(
        graph,
        label=PERSON,
        cloud={"far"},
        released={"far"},
        releases=(redact("person"), *(of_step(kind, "near", "person") for kind in kinds)),
    )
    both = (ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT)
    tracker = tracker_of(plan, policy_with(*(rule(kind, "person") for kind in both)))
    edge = graph.incoming[StepId("far")]
    tracker.receive(StepId("near"), [])
    tracker.receive(StepId("far"), edge)

    if is_allowed:
        tracker.check(StepId("far"))
        assert {release.by for release in tracker.lowered(StepId("far"))} == set(kinds)
    else:
        with pytest.raises(PolicyViolation):
            tracker.check(StepId("far"))


def test_a_release_that_the_policy_does_not_allow_lowers_nothing() -> None:
    graph = graph_of("near: {role: assistant}\nfar: {role: assistant}", "near -> far")
    written = of_step(ReleaseKind.MODEL_WRITTEN, "near", "person")
    plan = plan_of(
        graph, label=PERSON, cloud={"far"}, released={"far"}, releases=(redact("person"), written)
    )
    tracker = tracker_of(plan)

    walk(tracker, graph, silent=set())

    assert tracker.output(StepId("far")) == PERSON


def test_nothing_is_lowered_on_the_way_to_an_edge_node() -> None:
    graph = graph_of("near: {role: assistant}\nnext: {role: assistant}", "near -> next")
    written = of_step(ReleaseKind.MODEL_WRITTEN, "near", "person")
    plan = plan_of(graph, label=PERSON, released={"next"}, releases=(redact("person"), written))
    tracker = tracker_of(plan, policy_with(rule(ReleaseKind.MODEL_WRITTEN, "person", to="edge")))

    walk(tracker, graph, silent=set())

    assert tracker.output(StepId("next")) == PERSON


def test_a_release_for_one_node_is_not_one_for_another() -> None:
    graph = graph_of("only: {role: assistant}")
    plan = plan_of(
        graph, label=PERSON, cloud={"only"}, released={"only"}, releases=(redact("person"),)
    )
    policy = Policy(
        POLICY.categories,
        POLICY.clearance,
        (rule(ReleaseKind.REDACT, "person", to="cloud-2"),),
    )
    tracker = tracker_of(plan, policy)
    tracker.receive(StepId("only"), [])

    with pytest.raises(PolicyViolation):
        tracker.check(StepId("only"))


def test_a_fallback_is_held_to_its_own_nodes_clearance() -> None:
    plan = plan_of(graph_of("only: {role: assistant}"), label=PERSON, cloud={"only"})
    clearance = {**POLICY.clearance, "weak": Level.PUBLIC, CLOUD: Level.RESTRICTED}
    tracker = tracker_of(plan, Policy(POLICY.categories, clearance))
    tracker.receive(StepId("only"), [])

    tracker.check(StepId("only"))
    with pytest.raises(PolicyViolation):
        tracker.check(StepId("only"), node=NodeName("weak"), zone="edge")


def test_the_refusal_names_step_label_and_node_but_no_content() -> None:
    plan = plan_of(graph_of("only: {role: assistant}"), label=PERSON, cloud={"only"})
    tracker = tracker_of(plan)
    tracker.receive(StepId("only"), [])

    with pytest.raises(
        PolicyViolation, match=r"step only: \{person\} is confidential, node cloud-1"
    ):
        tracker.check(StepId("only"))
