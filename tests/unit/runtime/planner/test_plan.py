"""What the planner lets go where, case by case."""

from dataclasses import replace

import pytest

from runtime.catalog.model import Catalog, Model, Node
from runtime.errors import (
    LeakFound,
)
from runtime.flow.model import Form, PlannedRelease
from runtime.ids import Category, ModelName, NodeName, PlanId, StepId
from runtime.labels import UNSURE, Label, Level
from runtime.planner.model import Plan
from runtime.policy.model import ReleaseKind, ReleaseRule
from runtime.testing.flows import drawn, edge
from runtime.testing.plans import POLICY
from runtime.testing.requests import (
    ASK_FAR_WHEN_UNSURE,
    CATALOG,
    CLOUD,
    EDGE,
    EDGE_BIG,
    LARGE,
    ONE_FAR,
    SMALL,
    asked,
    planned,
    with_models,
)

ADA, NEAR, FAR, FINAL = StepId("ada"), StepId("near"), StepId("far"), StepId("final")
REDACT_PERSON = PlannedRelease(ReleaseKind.REDACT, frozenset({Category("person")}))
APPROVE_HEALTH = PlannedRelease(ReleaseKind.APPROVAL, frozenset({Category("health")}))


def changes(made: Plan) -> list[tuple[StepId, str]]:
    return [(repair.step, repair.change) for repair in made.repairs]


def test_case_1_a_public_request_goes_to_the_cloud_as_it_is() -> None:
    made = planned(asked())

    assert made.by_step[FAR].node == CLOUD
    assert made.by_step[FAR].form is Form.RAW
    assert made.releases == ()
    assert made.repairs == ()


def test_case_2_a_person_goes_to_the_cloud_after_redact() -> None:
    made = planned(asked(ONE_FAR, "person"))

    assert made.by_step[FAR].node == CLOUD
    assert made.by_step[FAR].form is Form.RELEASED
    assert made.by_step[FAR].label == Label()
    assert made.releases == (REDACT_PERSON,)
    assert [repair.reason for repair in made.repairs] == [
        "cloud-1 may read the request only after redact of person"
    ]


def test_case_3_health_stays_on_the_edge_unless_approved() -> None:
    made = planned(asked(ONE_FAR, "person", "health"))

    assert made.by_step[FAR].node == EDGE
    assert made.by_step[FAR].form is Form.RAW
    assert made.releases == ()
    assert len(made.repairs) == 1
    assert made.repairs[0].reason == (
        "no allowed release takes health out for cloud-1 (clearance internal);"
        " a person could approve it"
    )


def test_case_3_health_goes_to_the_cloud_once_approved() -> None:
    made = planned(asked(ONE_FAR, "person", "health", approved=("health", "secret")))

    assert made.by_step[FAR].node == CLOUD
    assert made.by_step[FAR].form is Form.RELEASED
    assert made.releases == (REDACT_PERSON, APPROVE_HEALTH)


def test_case_4_an_internal_request_goes_to_the_cloud_as_it_is() -> None:
    made = planned(asked(ONE_FAR, "project_name"))

    assert made.by_step[FAR].node == CLOUD
    assert made.by_step[FAR].form is Form.RAW
    assert made.by_step[FAR].label == Label.of("project_name")


@pytest.mark.parametrize("category", ["never_heard_of", UNSURE])
def test_case_5_what_nobody_is_sure_of_stays(category: str) -> None:
    made = planned(asked(ONE_FAR, category, approved=(category,)))

    assert made.by_step[FAR].node == EDGE
    assert changes(made) == [(FAR, "moved_to_edge")]


def test_an_approval_that_the_policy_does_not_foresee_is_not_used() -> None:
    made = planned(asked(ONE_FAR, "secret", approved=("secret",)))

    assert made.by_step[FAR].node == EDGE
    assert made.releases == ()


def test_an_approval_is_not_used_where_redacting_is_allowed() -> None:
    rules = (
        ReleaseRule(frozenset({Category("person")}), "cloud", ReleaseKind.APPROVAL),
        *POLICY.releases,
    )

    made = planned(
        asked(ONE_FAR, "person", policy=replace(POLICY, releases=rules), approved=("person",))
    )

    assert made.releases == (REDACT_PERSON,)


def test_what_leads_to_the_cloud_reads_the_released_form_and_the_rest_does_not() -> None:
    made = planned(asked(ASK_FAR_WHEN_UNSURE, "person"))

    assert {step.step: (step.node, step.form) for step in made.steps} == {
        NEAR: (EDGE, Form.RELEASED),
        FAR: (CLOUD, Form.RELEASED),
        FINAL: (EDGE_BIG, Form.RAW),
    }
    assert changes(made) == [(NEAR, "released_form"), (FAR, "released_form")]
    assert made.repairs[0].reason == "what it writes or decides can reach step far on cloud-1"


def test_the_proof_and_the_steps_say_the_same() -> None:
    made = planned(asked(ASK_FAR_WHEN_UNSURE, "person"))

    labels = {step: reception.label for step, reception in made.proof.by_step().items()}

    assert labels == {NEAR: Label(), FAR: Label(), FINAL: Label.of("person")}
    assert {step.step: step.label for step in made.steps} == labels


def test_a_node_with_its_own_rule_is_served_and_its_neighbour_moves_to_the_edge() -> None:
    other = NodeName("cloud-2")
    catalog = Catalog(
        (*CATALOG.nodes, Node(other, "cloud")),
        (*CATALOG.models, Model(ModelName("other"), other)),
    )
    policy = replace(
        POLICY,
        releases=(ReleaseRule(frozenset({Category("person")}), "cloud-2", ReleaseKind.REDACT),),
    )
    graph = with_models(
        drawn(edge("near", "final"), edge("far", "final"), steps="near far final"),
        near=ModelName("other"), far=LARGE, final=SMALL,
    )  # fmt: skip

    made = planned(asked(graph, "person", policy=policy, catalog=catalog))

    assert {step.step: step.node for step in made.steps} == {
        NEAR: other,
        FAR: EDGE,
        FINAL: EDGE,
    }


def test_a_redaction_and_an_approval_of_one_category_may_meet() -> None:
    other = NodeName("cloud-2")
    catalog = Catalog(
        (*CATALOG.nodes, Node(other, "cloud")),
        (*CATALOG.models, Model(ModelName("other"), other)),
    )
    person = frozenset({Category("person")})
    policy = replace(
        POLICY,
        releases=(
            ReleaseRule(person, "cloud-1", ReleaseKind.REDACT),
            ReleaseRule(person, "cloud-2", ReleaseKind.APPROVAL),
        ),
    )
    graph = with_models(drawn(edge("near", "far"), steps="near far"),
                        near=ModelName("other"), far=LARGE)  # fmt: skip

    made = planned(asked(graph, "person", policy=policy, catalog=catalog, approved=("person",)))

    assert {step.step: step.node for step in made.steps} == {NEAR: other, FAR: CLOUD}
    assert {release.by for release in made.releases} == {
        ReleaseKind.REDACT,
        ReleaseKind.APPROVAL,
    }


def test_more_is_redacted_than_clearance_demands_when_the_policy_allows_it() -> None:
    both = frozenset({Category("person"), Category("project_name")})
    policy = replace(POLICY, releases=(ReleaseRule(both, "cloud", ReleaseKind.REDACT),))

    made = planned(asked(ONE_FAR, "person", "project_name", policy=policy))

    assert made.releases == (PlannedRelease(ReleaseKind.REDACT, both),)


def test_what_may_not_be_redacted_is_generalised_before_anybody_is_asked() -> None:
    person = frozenset({Category("person")})
    rules = (
        ReleaseRule(person, "cloud", ReleaseKind.APPROVAL),
        ReleaseRule(person, "cloud", ReleaseKind.GENERALISE),
    )
    policy = replace(POLICY, releases=rules)
    redacting = replace(POLICY, releases=(*rules, ReleaseRule(person, "cloud", ReleaseKind.REDACT)))

    made = planned(asked(ONE_FAR, "person", policy=policy, approved=("person",)))
    better = planned(asked(ONE_FAR, "person", policy=redacting, approved=("person",)))

    assert made.by_step[FAR].node == CLOUD
    assert made.releases == (PlannedRelease(ReleaseKind.GENERALISE, person),)
    assert better.releases == (PlannedRelease(ReleaseKind.REDACT, person),)


def test_only_what_is_above_the_clearance_is_generalised() -> None:
    both = frozenset({Category("person"), Category("project_name")})
    policy = replace(POLICY, releases=(ReleaseRule(both, "cloud", ReleaseKind.GENERALISE),))

    made = planned(asked(ONE_FAR, "person", "project_name", policy=policy))

    assert made.releases == (
        PlannedRelease(ReleaseKind.GENERALISE, frozenset({Category("person")})),
    )


def test_an_abstract_is_planned_only_where_somebody_writes_one() -> None:
    person = frozenset({Category("person")})
    rules = (
        ReleaseRule(person, "cloud", ReleaseKind.SKETCH),
        ReleaseRule(person, "cloud", ReleaseKind.APPROVAL),
    )
    request = asked(ONE_FAR, "person", policy=replace(POLICY, releases=rules))

    without, with_one = planned(request), planned(replace(request, can_sketch=True))
    before_a_person = planned(replace(request, can_sketch=True, approved=person))

    assert without.by_step[FAR].node == EDGE
    assert with_one.by_step[FAR].node == CLOUD
    assert with_one.releases == (PlannedRelease(ReleaseKind.SKETCH, person),)
    assert before_a_person.releases == with_one.releases


def test_a_step_with_nowhere_to_go_is_refused_with_the_way() -> None:
    only_cloud = Catalog((Node(CLOUD, "cloud"),), (replace(CATALOG.models[2], fallback=None),))

    with pytest.raises(LeakFound) as found:
        planned(asked(ONE_FAR, "person", "health", catalog=only_cloud))

    assert found.value.path == ("request", "far@cloud-1")
    assert "health (restricted)" in found.value.reason


def test_an_edge_node_without_clearance_is_no_refuge() -> None:
    policy = replace(POLICY, clearance={"edge": Level.CONFIDENTIAL, "cloud": Level.INTERNAL})

    with pytest.raises(LeakFound):
        planned(asked(ONE_FAR, "health", policy=policy))


def test_a_step_on_an_edge_node_without_clearance_moves_to_one_that_has_it() -> None:
    clearance = {**POLICY.clearance, "edge-1": Level.PUBLIC}
    graph = with_models(drawn(steps="near"), near=SMALL)

    made = planned(asked(graph, "health", policy=replace(POLICY, clearance=clearance)))

    assert made.by_step[NEAR].node == EDGE_BIG
    assert changes(made) == [(NEAR, "moved_to_edge")]


def test_the_plan_carries_what_it_was_made_from() -> None:
    request = asked(ONE_FAR, "person")

    made = planned(request)

    assert made.plan_id == PlanId("plan-1")
    assert made.graph_hash == "sha256:0"
    assert made.graph is request.graph
    assert made.label == Label.of("person")
    assert made.proof.releases == made.releases
