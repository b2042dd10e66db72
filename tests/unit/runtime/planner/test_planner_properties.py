"""What holds for the plan of any request."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.catalog.model import Catalog
from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    CloudAway,
    LeakFound,
)
from runtime.flow.check import check_flow
from runtime.flow.model import Form, Placement, PlannedRelease
from runtime.ids import Category, PlanId, StepId
from runtime.labels import Label
from runtime.planner.model import Plan, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.model import CloudAway as WhenCloudAway
from runtime.policy.model import ReleaseKind
from runtime.testing.strategies import NODES, labels, plan_requests

quick = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
REFUSALS = (LeakFound, CloudAway, BackendUnavailable, CapacityExhausted)


def outcome(request: PlanRequest) -> Plan | str:
    """Return the plan, or the refusal in words."""
    try:
        return plan(request, plan_id=PlanId("p"), graph_hash="h")
    except REFUSALS as refusal:
        return f"{type(refusal).__name__}: {refusal}"


def cloud_steps(made: Plan | str) -> set[str]:
    return set() if isinstance(made, str) else {s.step for s in made.steps if s.zone == "cloud"}


def placements(made: Plan) -> dict[StepId, Placement]:
    return {
        step.step: Placement(step.step, step.model, step.node, step.zone, step.form)
        for step in made.steps
    }


@quick
@given(request=plan_requests(), shuffled=st.randoms(use_true_random=False))
def test_the_order_of_catalog_and_rules_does_not_matter(
    request: PlanRequest, shuffled: random.Random
) -> None:
    models, rules = list(request.catalog.models), list(request.policy.releases)
    shuffled.shuffle(models)
    shuffled.shuffle(rules)
    same = replace(
        request,
        catalog=Catalog(request.catalog.nodes, tuple(models)),
        policy=replace(request.policy, releases=tuple(rules)),
    )

    first, second = outcome(request), outcome(same)

    assert first == second


@quick
@given(request=plan_requests())
def test_a_plan_is_whole_and_its_changes_are_told(request: PlanRequest) -> None:
    made = outcome(request)

    if isinstance(made, Plan):
        told = {repair.step for repair in made.repairs if repair.change != "released_form"}
        assert set(made.by_step) == set(request.graph.by_id)
        assert told == {
            step.id
            for step in request.graph.steps
            if step.rule is None and made.by_step[step.id].model != step.model
        }
        assert {repair.step for repair in made.repairs if repair.change == "released_form"} == {
            step.step for step in made.steps if step.form is Form.RELEASED
        }


@quick
@given(request=plan_requests())
def test_a_plan_uses_only_nodes_that_can_be_reached(request: PlanRequest) -> None:
    made = outcome(request)

    if isinstance(made, Plan):
        fallbacks = {step.fallback.node for step in made.steps if step.fallback}
        assert {step.node for step in made.steps} | fallbacks <= request.healthy


@quick
@given(request=plan_requests())
def test_a_fallback_stands_on_the_edge_and_may_see_the_request(request: PlanRequest) -> None:
    zones = dict(NODES)

    made = outcome(request)

    if isinstance(made, Plan):
        for step in made.steps:
            if step.fallback:
                assert step.zone == "cloud"
                assert zones[step.fallback.node] == "edge"
                assert request.policy.may_receive(step.fallback.node, "edge", request.label)


@quick
@given(request=plan_requests(), budget_usd=st.floats(0, 0.005))
def test_a_plan_holds_the_budget(request: PlanRequest, budget_usd: float) -> None:
    made = outcome(replace(request, budget_left_usd=budget_usd))

    if isinstance(made, Plan):
        assert made.estimated_cost_usd <= budget_usd


@quick
@given(request=plan_requests())
def test_only_approved_categories_are_released_by_approval(request: PlanRequest) -> None:
    made = outcome(request)

    if isinstance(made, Plan):
        for release in made.releases:
            if release.by is ReleaseKind.APPROVAL:
                assert release.categories <= request.approved & request.label.categories


@quick
@given(request=plan_requests())
def test_no_change_leads_to_the_cloud(request: PlanRequest) -> None:
    edge_models = {
        model.name
        for model in request.catalog.models
        if request.catalog.node_of(model).zone == "edge"
    }

    made = outcome(request)

    if isinstance(made, Plan):
        asked_edge = {step.id for step in request.graph.steps if step.model in edge_models}
        assert cloud_steps(made).isdisjoint(asked_edge)


@quick
@given(request=plan_requests(budgets=False), more=labels())
def test_a_larger_label_sends_nothing_more_to_the_cloud(request: PlanRequest, more: Label) -> None:
    larger = replace(request, label=request.label.join(more))

    small, large = outcome(request), outcome(larger)

    if isinstance(small, Plan):
        assert cloud_steps(large) <= cloud_steps(small)


@quick
@given(request=plan_requests(budgets=False))
def test_nothing_moves_to_the_edge_that_any_release_could_have_kept(
    request: PlanRequest,
) -> None:
    """Also shows why releases of single messages are never planned: none could save a step."""
    names = frozenset(name for name, _ in NODES)
    at_ease = replace(
        request,
        healthy=names,
        policy=replace(request.policy, cloud_away=WhenCloudAway.EDGE_ONLY),
    )
    made = outcome(at_ease)
    if isinstance(made, str):
        return
    everything = every_release(at_ease)
    moved = [repair.step for repair in made.repairs if repair.change == "moved_to_edge"]

    for step in moved:
        asked = at_ease.graph.by_id[step].model
        if asked is None:
            continue
        model = at_ease.catalog.model_by_name[asked]
        node = at_ease.catalog.node_of(model)
        kept = {
            **{name: replace(p, form=Form.RELEASED) for name, p in placements(made).items()},
            step: Placement(step, model.name, node.name, node.zone, Form.RELEASED),
        }
        with pytest.raises(LeakFound):
            check_flow(
                at_ease.graph,
                at_ease.label,
                placements=kept,
                releases=everything,
                policy=at_ease.policy,
                approved=at_ease.approved,
            )


def every_release(request: PlanRequest) -> tuple[PlannedRelease, ...]:
    """Return all that could be released by what performs releases today, and of every step."""
    everything = request.label.categories
    approved: frozenset[Category] = everything & request.approved
    return (
        PlannedRelease(ReleaseKind.REDACT, everything),
        PlannedRelease(ReleaseKind.GENERALISE, everything),
        PlannedRelease(ReleaseKind.APPROVAL, approved),
        *(
            PlannedRelease(kind, everything, step.id)
            for step in request.graph.steps
            for kind in (ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT)
        ),
    )
