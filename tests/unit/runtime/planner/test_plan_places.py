"""Which model plays a step when places are open, nodes are away, or money is short."""

from dataclasses import replace

import pytest

from runtime.catalog.model import Catalog, Model, Node
from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    CloudAway,
    LeewardError,
    NotFound,
)
from runtime.flow.model import Form
from runtime.ids import ModelName, StepId
from runtime.labels import Level
from runtime.planner.model import Fallback, Plan
from runtime.policy.model import CloudAway as WhenCloudAway
from runtime.testing.flows import drawn, edge
from runtime.testing.plans import POLICY
from runtime.testing.requests import (
    ASK_FAR_WHEN_UNSURE,
    CATALOG,
    CLOUD,
    EDGE,
    EDGE_BIG,
    LARGE,
    MEDIUM,
    ONE_FAR,
    SMALL,
    asked,
    planned,
    with_models,
)

ADA, NEAR, FAR, FINAL = StepId("ada"), StepId("near"), StepId("far"), StepId("final")


def changes(made: Plan) -> list[tuple[StepId, str]]:
    return [(repair.step, repair.change) for repair in made.repairs]


def test_an_open_place_gets_the_largest_edge_model() -> None:
    made = planned(asked(with_models(drawn(steps="ada"))))

    assert made.by_step[ADA].model == MEDIUM
    assert changes(made) == [(ADA, "model_chosen")]


def test_a_model_that_may_not_see_the_request_is_passed_over() -> None:
    clearance = {**POLICY.clearance, "edge-2": Level.PUBLIC}
    policy = replace(POLICY, clearance=clearance)
    catalog = replace(
        CATALOG, models=(*CATALOG.models[:2], replace(CATALOG.models[2], fallback=MEDIUM))
    )
    graph = with_models(drawn(edge("ada", "far"), steps="ada far"), far=LARGE)

    made = planned(asked(graph, "health", policy=policy, catalog=catalog))

    assert {step.step: step.node for step in made.steps} == {ADA: EDGE, FAR: EDGE}


def test_an_open_place_on_a_gateway_gets_its_cheapest_model() -> None:
    cheap = Model(ModelName("llm-cheap"), CLOUD)
    gateway = Catalog((Node(CLOUD, "cloud"),), (CATALOG.models[2], cheap))

    made = planned(asked(with_models(drawn(steps="ada")), catalog=gateway))

    assert made.by_step[ADA].model == cheap.name


@pytest.mark.parametrize(
    ("catalog", "error"),
    [(Catalog((), ()), NotFound), (replace(CATALOG, nodes=CATALOG.nodes), CloudAway)],
    ids=["empty catalog", "all away"],
)
def test_an_open_place_with_nothing_to_put_there_is_refused(
    catalog: Catalog, error: type[LeewardError]
) -> None:
    request = asked(with_models(drawn(steps="ada")), catalog=catalog, away=(EDGE, EDGE_BIG, CLOUD))

    with pytest.raises(error, match="step ada"):
        planned(request)


def test_an_unknown_model_is_named() -> None:
    graph = with_models(drawn(steps="far"), far=ModelName("gpt-unknown"))

    with pytest.raises(NotFound, match="step far names model gpt-unknown"):
        planned(asked(graph))


def test_cloud_steps_have_the_fallback_that_the_catalog_names() -> None:
    made = planned(asked(ASK_FAR_WHEN_UNSURE, "person"))

    assert made.by_step[FAR].fallback == Fallback(SMALL, EDGE)
    assert made.by_step[NEAR].fallback is None


def test_the_largest_edge_model_stands_in_when_the_named_one_is_away() -> None:
    made = planned(asked(away=(EDGE,)))

    assert made.by_step[FAR].fallback == Fallback(MEDIUM, EDGE_BIG)


@pytest.mark.parametrize("way", [WhenCloudAway.REFUSE, WhenCloudAway.QUEUE])
def test_there_is_no_fallback_when_the_policy_does_not_want_one(way: WhenCloudAway) -> None:
    made = planned(asked(policy=replace(POLICY, cloud_away=way)))

    assert made.by_step[FAR].fallback is None


def test_a_cloud_that_is_away_is_replaced_by_the_edge() -> None:
    made = planned(asked(ONE_FAR, "person", away=(CLOUD,)))

    assert made.by_step[FAR].node == EDGE
    assert made.by_step[FAR].form is Form.RAW
    assert made.releases == ()
    assert made.repairs[0].reason == "node cloud-1 of model llm-large cannot be reached"


@pytest.mark.parametrize(
    ("way", "text"),
    [
        (WhenCloudAway.REFUSE, "the policy says refuse"),
        (WhenCloudAway.QUEUE, "queue: run it, and it waits"),
    ],
)
def test_a_cloud_that_is_away_is_an_error_when_the_policy_says_so(
    way: WhenCloudAway, text: str
) -> None:
    with pytest.raises(CloudAway, match=text):
        planned(asked(policy=replace(POLICY, cloud_away=way), away=(CLOUD,)))


def test_what_may_not_leave_does_not_care_whether_the_cloud_is_away() -> None:
    policy = replace(POLICY, cloud_away=WhenCloudAway.REFUSE)

    made = planned(asked(ONE_FAR, "health", policy=policy, away=(CLOUD,)))

    assert made.by_step[FAR].node == EDGE


def test_a_cloud_that_is_away_without_any_edge_model_is_an_error() -> None:
    with pytest.raises(CloudAway, match="no edge model can stand in"):
        planned(asked(away=(CLOUD, EDGE, EDGE_BIG)))


def test_an_edge_node_that_is_away_is_replaced_by_another() -> None:
    graph = with_models(drawn(steps="near"), near=SMALL)

    made = planned(asked(graph, away=(EDGE,)))

    assert made.by_step[NEAR].node == EDGE_BIG


def test_an_edge_node_that_is_away_without_another_is_an_error() -> None:
    graph = with_models(drawn(steps="near"), near=SMALL)

    with pytest.raises(BackendUnavailable, match="step near"):
        planned(asked(graph, away=(EDGE, EDGE_BIG)))


def test_a_plan_that_just_fits_the_budget_stays() -> None:
    cost_usd = planned(asked()).estimated_cost_usd

    made = planned(asked(budget_usd=cost_usd))

    assert made.by_step[FAR].node == CLOUD


def test_the_costliest_cloud_steps_move_until_the_budget_holds() -> None:
    graph = with_models(
        drawn(edge("ada", "far"), edge("ada", "final"), edge("far", "final"),
              steps="ada far final"),
        ada=LARGE, far=LARGE, final=LARGE,
    )  # fmt: skip

    made = planned(asked(graph, budget_usd=0.003))

    assert {step.step: step.zone for step in made.steps} == {
        ADA: "cloud",
        FAR: "cloud",
        FINAL: "edge",
    }
    assert made.estimated_cost_usd <= 0.003
    assert "the plan would exceed the 0.003000 USD left" in made.repairs[0].reason


def test_a_plan_that_cannot_fit_the_budget_is_refused() -> None:
    only_cloud = Catalog((Node(CLOUD, "cloud"),), (replace(CATALOG.models[2], fallback=None),))

    with pytest.raises(CapacityExhausted, match=r"0\.000100 USD left"):
        planned(asked(catalog=only_cloud, budget_usd=0.0001))
