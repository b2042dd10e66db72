"""Messages and decisions between steps: each leak is refused, and its way is told."""

from dataclasses import replace

import pytest

from runtime.errors import LeakFound
from runtime.flow.check import check_flow
from runtime.flow.model import FlowProof, Form, Placement, PlannedRelease
from runtime.graph.model import Graph, MapOver, Output, Step
from runtime.graph.roles import Role
from runtime.ids import Category, StepId
from runtime.labels import Label, Level
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule
from runtime.testing.flows import drawn, edge, otherwise, placed, rule, when

PERSON = Category("person")
REDACT_PERSON = PlannedRelease(ReleaseKind.REDACT, frozenset({PERSON}))
ALL_RELEASED = dict.fromkeys(("near", "mid", "far", "final"), Form.RELEASED)
NEAR_FAR = drawn(edge("near", "far"), steps="near far")


def policy_with(*rules: ReleaseRule) -> Policy:
    return Policy(
        categories={PERSON: Level.CONFIDENTIAL},
        clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
        releases=rules,
    )


POLICY = policy_with(rule(PERSON, ReleaseKind.REDACT))


def check(
    graph: Graph,
    placements: dict[StepId, Placement],
    *releases: PlannedRelease,
    policy: Policy = POLICY,
) -> FlowProof:
    return check_flow(
        graph,
        Label.of("person"),
        placements=placements,
        releases=releases,
        policy=policy,
    )


def leak(*arguments: object, **keywords: object) -> LeakFound:
    with pytest.raises(LeakFound) as caught:
        check(*arguments, **keywords)  # type: ignore[arg-type]
    return caught.value


def test_an_answer_written_from_the_raw_request_keeps_its_label() -> None:
    placements = placed(NEAR_FAR, {"far": Form.RELEASED}, far="cloud")

    found = leak(NEAR_FAR, placements, REDACT_PERSON)

    assert found.path == ("request", "near.output", "far@cloud")


def test_the_messages_of_all_predecessors_count() -> None:
    graph = drawn(edge("near", "far"), edge("mid", "far"), steps="near mid far")
    forms = {"near": Form.RELEASED, "mid": Form.RAW, "far": Form.RELEASED}

    found = leak(graph, placed(graph, forms, far="cloud"), REDACT_PERSON)

    assert found.path == ("request", "mid.output", "far@cloud")


def test_redact_cannot_lower_the_answer_of_a_model() -> None:
    placements = placed(NEAR_FAR, {"far": Form.RELEASED}, far="cloud")
    release = PlannedRelease(ReleaseKind.REDACT, frozenset({PERSON}), StepId("near"))

    found = leak(NEAR_FAR, placements, REDACT_PERSON, release)

    assert found.reason == "redact cannot lower the output of step near"


def test_released_ancestors_make_the_answer_releasable() -> None:
    placements = placed(NEAR_FAR, ALL_RELEASED, far="cloud")

    proof = check(NEAR_FAR, placements, REDACT_PERSON)

    assert proof.by_step()[StepId("near")].output_label == Label()
    assert proof.by_step()[StepId("far")].label == Label()


def test_restoring_an_answer_adds_back_what_was_removed() -> None:
    graph = drawn(edge("near", "mid"), edge("mid", "far"), steps="near mid far")
    forms = {"near": Form.RELEASED, "mid": Form.RAW, "far": Form.RELEASED}

    found = leak(graph, placed(graph, forms, far="cloud"), REDACT_PERSON)

    assert found.path == ("request", "mid.output", "far@cloud")


def test_a_raw_step_behind_released_ones_carries_the_whole_label() -> None:
    graph = drawn(edge("far", "final"), steps="far final")
    placements = placed(graph, {"far": Form.RELEASED}, far="cloud")

    proof = check(graph, placements, REDACT_PERSON)

    assert proof.by_step()[StepId("final")].output_label == Label.of("person")


GUARDED = drawn(
    when("near", "mid"), edge("mid", "far"), edge("near", "final"), edge("far", "final"),
    steps="near mid far final",
)  # fmt: skip
MODEL_WRITTEN = rule(PERSON, ReleaseKind.MODEL_WRITTEN)
DECISION_BIT = rule(PERSON, ReleaseKind.DECISION_BIT)


def lowered(by: ReleaseKind, step: str) -> PlannedRelease:
    return PlannedRelease(by, frozenset({PERSON}), StepId(step))


def test_a_decision_on_labelled_data_may_not_guard_a_cloud_call() -> None:
    graph = drawn(when("near", "far"), steps="near far")
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")
    placements = placed(graph, {"far": Form.RELEASED}, far="cloud")

    found = leak(graph, placements, REDACT_PERSON, written, policy=policy)

    assert found.path == ("request", "near.agreement (decision)", "far@cloud")


def test_otherwise_tells_as_much_as_when() -> None:
    graph = drawn(
        when("near", "final"), otherwise("near", "far"), edge("far", "final"),
        steps="near far final",
    )  # fmt: skip
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")
    placements = placed(graph, {"far": Form.RELEASED}, far="cloud")

    found = leak(graph, placements, REDACT_PERSON, written, policy=policy)

    assert found.path == ("request", "near.agreement (decision)", "far@cloud")


def test_a_message_that_may_be_missing_tells_of_the_decision() -> None:
    placements = placed(GUARDED, {"mid": Form.RELEASED, "far": Form.RELEASED}, far="cloud")

    found = leak(GUARDED, placements, REDACT_PERSON)

    assert found.path == ("request", "near.output", "mid.output", "far@cloud")


def test_a_decision_follows_every_later_step() -> None:
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "mid")
    placements = placed(GUARDED, {"mid": Form.RELEASED, "far": Form.RELEASED}, far="cloud")

    found = leak(GUARDED, placements, REDACT_PERSON, written, policy=policy)

    assert found.path == ("request", "near.agreement (decision)", "mid.output", "far@cloud")


def test_a_decision_from_the_released_form_may_guard_a_cloud_call() -> None:
    placements = placed(GUARDED, {**ALL_RELEASED, "final": Form.RAW}, far="cloud")

    proof = check(GUARDED, placements, REDACT_PERSON)

    assert proof.by_step()[StepId("far")].label == Label()


def test_what_a_model_wrote_may_go_when_the_policy_says_so_by_name() -> None:
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")
    placements = placed(NEAR_FAR, {"far": Form.RELEASED}, far="cloud")

    proof = check(NEAR_FAR, placements, REDACT_PERSON, written, policy=policy)
    found = leak(NEAR_FAR, placements, REDACT_PERSON, written)

    assert proof.releases == (REDACT_PERSON, written)
    assert found.path == ("request", "near.output", "far@cloud")


def test_a_decision_may_guard_a_cloud_call_when_the_policy_says_so_by_name() -> None:
    graph = drawn(when("near", "far"), steps="near far")
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN, DECISION_BIT)
    releases = (
        REDACT_PERSON,
        lowered(ReleaseKind.MODEL_WRITTEN, "near"),
        lowered(ReleaseKind.DECISION_BIT, "near"),
    )
    placements = placed(graph, {"far": Form.RELEASED}, far="cloud")

    proof = check(graph, placements, *releases, policy=policy)
    found = leak(graph, placements, REDACT_PERSON, releases[2], policy=policy)

    assert proof.by_step()[StepId("far")].label == Label()
    assert found.path == ("request", "near.output", "far@cloud")


def test_what_was_lowered_for_the_cloud_is_not_lowered_for_the_edge() -> None:
    graph = drawn(edge("near", "mid"), edge("mid", "far"), steps="near mid far")
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")
    forms = {"mid": Form.RELEASED, "far": Form.RELEASED}

    found = leak(
        graph,
        placed(graph, forms, far="cloud"),
        REDACT_PERSON,
        written,
        policy=policy,
    )

    assert found.path == ("request", "near.output", "mid.output", "far@cloud")


def test_a_rule_for_the_edge_does_not_lower_what_passes_through_it() -> None:
    graph = drawn(edge("near", "mid"), edge("mid", "far"), steps="near mid far")
    to_edge = rule(PERSON, ReleaseKind.MODEL_WRITTEN, to="edge")
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN, to_edge)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")
    forms = {"mid": Form.RELEASED, "far": Form.RELEASED}

    found = leak(graph, placed(graph, forms, far="cloud"), REDACT_PERSON, written, policy=policy)

    assert found.path == ("request", "near.output", "mid.output", "far@cloud")


def test_a_rule_for_a_later_node_does_not_lower_what_an_earlier_one_gets() -> None:
    graph = drawn(edge("near", "mid"), edge("mid", "far"), steps="near mid far")
    to_b = rule(PERSON, ReleaseKind.MODEL_WRITTEN, to="cloud-b")
    cleared = policy_with(rule(PERSON, ReleaseKind.REDACT), to_b)
    policy = replace(cleared, clearance={**cleared.clearance, "cloud-a": Level.RESTRICTED})
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")
    forms = {"mid": Form.RELEASED, "far": Form.RELEASED}

    found = leak(
        graph,
        placed(graph, forms, mid="cloud-a", far="cloud-b"),
        REDACT_PERSON,
        written,
        policy=policy,
    )

    assert found.path == ("request", "near.output", "mid.output", "far@cloud-b")


def test_releasing_a_message_does_not_release_the_decision_made_from_it() -> None:
    graph = drawn(when("near", "far"), steps="near far")
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN, DECISION_BIT)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")

    found = leak(
        graph,
        placed(graph, {"far": Form.RELEASED}, far="cloud"),
        REDACT_PERSON,
        written,
        policy=policy,
    )

    assert found.path == ("request", "near.agreement (decision)", "far@cloud")


def test_releasing_a_message_does_not_release_the_request() -> None:
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), MODEL_WRITTEN)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")
    placements = placed(NEAR_FAR, {"far": Form.RELEASED}, far="cloud")

    found = leak(NEAR_FAR, placements, written, policy=policy)

    assert found.path == ("request", "far@cloud")


def test_what_was_lowered_for_one_cloud_node_is_not_lowered_for_the_next() -> None:
    graph = drawn(edge("near", "mid"), edge("mid", "far"), steps="near mid far")
    to_a = rule(PERSON, ReleaseKind.MODEL_WRITTEN, to="cloud-a")
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT), to_a)
    written = lowered(ReleaseKind.MODEL_WRITTEN, "near")
    forms = {"mid": Form.RELEASED, "far": Form.RELEASED}

    same = placed(graph, forms, mid="cloud-a", far="cloud-a")
    check(graph, same, REDACT_PERSON, written, policy=policy)
    other = placed(graph, forms, mid="cloud-a", far="cloud-b")
    found = leak(graph, other, REDACT_PERSON, written, policy=policy)

    assert found.path == ("request", "near.output", "mid.output", "far@cloud-b")
    assert "allows no model_written of it to that node" in found.reason


def test_a_list_that_is_mapped_over_carries_its_label_to_every_item() -> None:
    parts = Output("parts", "list")
    graph = Graph(
        "split",
        (
            Step(StepId("split"), Role.DIVIDER, outputs=(parts,)),
            Step(StepId("far"), Role.ASSISTANT, map_over=MapOver(StepId("split"), "parts", 4)),
        ),
        (edge("split", "far"),),
    )

    found = leak(
        graph, placed(graph, {"far": Form.RELEASED}, far="cloud"),
        REDACT_PERSON,
    )  # fmt: skip

    assert found.path == ("request", "split.output", "far@cloud")


def test_the_shortest_way_is_told() -> None:
    graph = drawn(
        edge("near", "mid"), edge("mid", "far"), edge("near", "far"), steps="near mid far"
    )
    placements = placed(graph, {"far": Form.RELEASED, "mid": Form.RELEASED}, far="cloud")

    found = leak(graph, placements, REDACT_PERSON)

    assert found.path == ("request", "near.output", "far@cloud")
