"""Requests and releases: what each node may receive, and how a leak is told."""

import pytest

from runtime.errors import LeakFound
from runtime.flow.check import check_flow
from runtime.flow.model import FlowProof, Form, Placement, PlannedRelease
from runtime.graph.model import Graph
from runtime.ids import Category, StepId
from runtime.labels import UNSURE, Label, Level
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule
from runtime.testing.flows import drawn, edge, placed, rule

PERSON, HEALTH, PROJECT = Category("person"), Category("health"), Category("project_name")
REDACT_PERSON = PlannedRelease(ReleaseKind.REDACT, frozenset({PERSON}))
ALL_RELEASED = dict.fromkeys(("near", "mid", "far", "final"), Form.RELEASED)


def policy_with(*rules: ReleaseRule, **clearance: Level) -> Policy:
    return Policy(
        categories={
            PERSON: Level.CONFIDENTIAL,
            HEALTH: Level.RESTRICTED,
            PROJECT: Level.INTERNAL,
        },
        clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL, **clearance},
        releases=rules,
    )


POLICY = policy_with(
    rule(PERSON, ReleaseKind.REDACT),
    rule(HEALTH, ReleaseKind.APPROVAL),
)


def check(
    graph: Graph,
    label: Label,
    placements: dict[StepId, Placement],
    *releases: PlannedRelease,
    policy: Policy = POLICY,
    approved: frozenset[Category] = frozenset(),
) -> FlowProof:
    return check_flow(
        graph,
        label,
        placements=placements,
        releases=releases,
        policy=policy,
        approved=approved,
    )


def leak(*arguments: object, **keywords: object) -> LeakFound:
    with pytest.raises(LeakFound) as caught:
        check(*arguments, **keywords)  # type: ignore[arg-type]
    return caught.value


FAR = drawn(steps="far")


def test_public_content_may_go_anywhere_as_it_is() -> None:
    proof = check(FAR, Label(), placed(FAR, far="cloud"))

    assert proof.by_step()[StepId("far")].label == Label()
    assert proof.by_step()[StepId("far")].clearance is Level.INTERNAL


def test_content_at_exactly_the_clearance_may_go_as_it_is() -> None:
    proof = check(FAR, Label.of("project_name"), placed(FAR, far="cloud"))

    assert proof.by_step()[StepId("far")].level is Level.INTERNAL


def test_a_raw_request_is_refused_one_level_above_the_clearance() -> None:
    found = leak(FAR, Label.of("person"), placed(FAR, far="cloud"))

    assert found.path == ("request", "far@cloud")
    assert found.reason == (
        "step far would bring person (confidential) to cloud node cloud,"
        " whose clearance is internal"
    )


def test_the_most_sensitive_category_is_named() -> None:
    found = leak(FAR, Label.of("person", "health"), placed(FAR, far="cloud"))

    assert "health (restricted)" in found.reason


def test_the_released_form_may_go_where_the_release_is_allowed() -> None:
    placements = placed(FAR, {"far": Form.RELEASED}, far="cloud")

    proof = check(FAR, Label.of("person", "project_name"), placements, REDACT_PERSON)

    assert proof.by_step()[StepId("far")].label == Label.of("project_name")
    assert proof.by_step()[StepId("far")].output_label == Label.of("project_name")
    assert proof.releases == (REDACT_PERSON,)


def test_a_release_does_not_help_a_step_that_reads_the_raw_request() -> None:
    found = leak(FAR, Label.of("person"), placed(FAR, far="cloud"), REDACT_PERSON)

    assert found.path == ("request", "far@cloud")


def test_what_a_release_does_not_list_stays() -> None:
    placements = placed(FAR, {"far": Form.RELEASED}, far="cloud")

    found = leak(FAR, Label.of("person", "health"), placements, REDACT_PERSON)

    assert "health" in found.reason
    assert found.path == ("request", "far@cloud")


def test_a_release_that_the_policy_does_not_list_is_refused() -> None:
    placements = placed(FAR, {"far": Form.RELEASED}, far="cloud")
    redact_health = PlannedRelease(ReleaseKind.REDACT, frozenset({HEALTH}))

    found = leak(FAR, Label.of("health"), placements, redact_health)

    assert "allows no redact of it to that node" in found.reason
    assert found.path == ("request", "far@cloud")


def test_a_rule_for_one_node_does_not_serve_another() -> None:
    policy = policy_with(rule(PERSON, ReleaseKind.REDACT, to="cloud-a"))
    to_a = placed(FAR, ALL_RELEASED, far="cloud-a")
    to_b = placed(FAR, ALL_RELEASED, far="cloud-b")

    check(FAR, Label.of("person"), to_a, REDACT_PERSON, policy=policy)
    found = leak(FAR, Label.of("person"), to_b, REDACT_PERSON, policy=policy)

    assert found.path == ("request", "far@cloud-b")


def test_a_released_answer_is_not_passed_on_to_a_node_without_a_rule() -> None:
    graph = drawn(edge("mid", "far"), steps="mid far")
    policy = policy_with(
        rule(HEALTH, ReleaseKind.MODEL_WRITTEN, to="cloud-a"),
        rule(HEALTH, ReleaseKind.APPROVAL, to="cloud-a"),
    )
    approval = PlannedRelease(ReleaseKind.APPROVAL, frozenset({HEALTH}))
    placements = placed(graph, ALL_RELEASED, mid="cloud-a", far="cloud-b")

    found = leak(
        graph,
        Label.of("health"),
        placements,
        approval,
        policy=policy,
        approved=frozenset({HEALTH}),
    )

    assert found.path == ("request", "far@cloud-b")


def test_an_approval_counts_only_when_it_was_given() -> None:
    placements = placed(FAR, ALL_RELEASED, far="cloud")
    approval = PlannedRelease(ReleaseKind.APPROVAL, frozenset({HEALTH}))
    label = Label.of("health")

    check(FAR, label, placements, approval, approved=frozenset({HEALTH}))
    found = leak(FAR, label, placements, approval)

    assert found.reason == "nobody approved health"


def test_an_approval_that_the_policy_does_not_foresee_is_refused() -> None:
    placements = placed(FAR, ALL_RELEASED, far="cloud")
    approval = PlannedRelease(ReleaseKind.APPROVAL, frozenset({PERSON}))

    found = leak(FAR, Label.of("person"), placements, approval, approved=frozenset({PERSON}))

    assert "allows no approval" in found.reason


@pytest.mark.parametrize("category", [UNSURE, Category("never_heard_of")])
def test_a_failed_detector_and_an_unlisted_category_stay(category: Category) -> None:
    policy = policy_with(rule(UNSURE, ReleaseKind.REDACT))
    release = PlannedRelease(ReleaseKind.REDACT, frozenset({category}))

    found = leak(
        FAR,
        Label(frozenset({category})),
        placed(FAR, ALL_RELEASED, far="cloud"),
        release,
        policy=policy,
    )

    assert found.path == ("request", "far@cloud")


@pytest.mark.parametrize("kind", [ReleaseKind.GENERALISE, ReleaseKind.SKETCH])
def test_other_releases_of_the_request_count_where_the_policy_lists_them(
    kind: ReleaseKind,
) -> None:
    release = PlannedRelease(kind, frozenset({PERSON}))
    placements = placed(FAR, ALL_RELEASED, far="cloud")

    proof = check(
        FAR, Label.of("person"), placements, release, policy=policy_with(rule(PERSON, kind))
    )

    assert proof.by_step()[StepId("far")].label == Label()


def test_an_edge_node_is_held_to_its_clearance_too() -> None:
    policy = policy_with(edge=Level.CONFIDENTIAL)
    graph = drawn(steps="near")

    found = leak(graph, Label.of("health"), placed(graph), policy=policy)

    assert found.path == ("request", "near@edge-1")


def test_a_step_without_placement_is_refused() -> None:
    found = leak(FAR, Label(), {})

    assert found.reason == "step far has no placement"


@pytest.mark.parametrize("kind", [ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT])
def test_releases_of_steps_cannot_lower_the_request(kind: ReleaseKind) -> None:
    policy = policy_with(rule(PERSON, kind))
    release = PlannedRelease(kind, frozenset({PERSON}))
    placements = placed(FAR, ALL_RELEASED, far="cloud")

    found = leak(FAR, Label.of("person"), placements, release, policy=policy)

    assert found.reason == f"{kind.value} cannot lower the request"


def test_a_release_of_an_unknown_step_is_refused() -> None:
    release = PlannedRelease(ReleaseKind.MODEL_WRITTEN, frozenset({PERSON}), StepId("nobody"))

    found = leak(FAR, Label(), placed(FAR), release)

    assert found.reason == "model_written names step nobody, which is not there"
