"""What would not be answered with the cloud away is told beforehand, and nothing else is."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.catalog.document import parse_catalog
from runtime.errors import LeewardError
from runtime.graph.document import parse_graph
from runtime.ids import NodeName, PlanId
from runtime.labels import Level
from runtime.planner.alone import NoEdgePlan, without_edge_plan
from runtime.planner.model import Plan, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.document import parse_policy
from runtime.policy.model import CloudAway
from runtime.testing.strategies import NODES, TODAY, UNLISTED, plan_requests

EDGE = frozenset({NodeName("edge")})
POLICY = """
leeward: policy/v1
categories: {person: confidential, health: restricted}
clearance: {edge: %s, cloud: internal}
releases: [{categories: [person], to: cloud, by: redact}]
cloud_away: %s
"""
CATALOG = """
leeward: catalog/v1
nodes: {edge: {zone: edge}, cloud: {zone: cloud}}
models: {large: {node: cloud}%s}
"""
GRAPH = parse_graph("leeward: graph/v1\nname: ask\nsteps: {far: {role: assistant, model: large}}\n")
quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def gaps(
    *, edge: str = "restricted", away: str = "edge_only", models: str = ""
) -> list[NoEdgePlan]:
    policy, catalog = parse_policy(POLICY % (edge, away)), parse_catalog(CATALOG % models)
    return list(without_edge_plan([GRAPH], policy, catalog, alone=EDGE, today=TODAY))


def test_a_graph_that_an_edge_model_can_play_is_prepared_for() -> None:
    assert gaps(models=", small: {node: edge}") == []


def test_a_device_without_a_model_says_so_for_every_request() -> None:
    (gap,) = gaps()

    assert (gap.graph, gap.level) == ("ask", Level.PUBLIC)
    assert "no edge model can stand in" in gap.reason
    assert str(gap).startswith('graph "ask", requests of level public: step far: node cloud')


def test_an_edge_that_may_not_see_what_the_cloud_gets_released_says_from_which_level_on() -> None:
    (gap,) = gaps(edge="internal", models=", small: {node: edge}")

    assert gap.level is Level.CONFIDENTIAL


@pytest.mark.parametrize("away", ["queue", "refuse"])
def test_nothing_is_looked_for_where_the_policy_asks_for_something_else(away: str) -> None:
    assert gaps(away=away) == []


def outcome(request: PlanRequest) -> Plan | None:
    try:
        return plan(request, plan_id=PlanId("p"), graph_hash="h")
    except LeewardError:
        return None


@quick
@given(
    request=plan_requests(),
    here=st.sampled_from([name for name, zone in NODES if zone == "edge"]),
)
def test_what_is_not_told_is_answered_without_the_cloud(
    request: PlanRequest, here: NodeName
) -> None:
    alone = frozenset({here})
    policy = replace(request.policy, cloud_away=CloudAway.EDGE_ONLY)
    told = without_edge_plan(
        [request.graph],
        policy,
        request.catalog,
        alone=alone,
        today=TODAY,
        can_sketch=request.can_sketch,
    )
    lowest = told[0].level if told else None
    wanted = replace(
        request, policy=policy, budget_left_usd=None, approved=frozenset(), today=TODAY
    )
    if UNLISTED in wanted.label.categories:
        wanted = replace(wanted, label=wanted.label.without({UNLISTED}))
    cloud = {name for name, zone in NODES if zone == "cloud"}

    linked = outcome(replace(wanted, healthy=alone | cloud))
    left = outcome(replace(wanted, healthy=alone))

    leaves = linked is not None and any(step.zone == "cloud" for step in linked.steps)
    if leaves and left is None:
        assert lowest is not None
        assert lowest <= policy.level_of(wanted.label)
