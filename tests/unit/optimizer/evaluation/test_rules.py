"""The quick static rules say of every graph what the planner and the flow check would say."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.rules import GraphRules, flops_of_call
from optimizer.search.model import Constraint, Measure
from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.errors import LeakFound
from runtime.ids import ModelName, NodeName
from runtime.labels import PUBLIC, Label
from runtime.testing.plans import POLICY

NEAR, FAR = NodeName("edge-1"), NodeName("cloud-1")
PRICE = Price(date(2025, 1, 1), 1.0, 10.0)
CATALOG = Catalog(
    nodes=(Node(NEAR, "edge"), Node(FAR, "cloud", round_trip_s=0.04)),
    models=(
        Model(ModelName("slm"), NEAR, parameters=10, decode_tokens_per_s=10.0),
        Model(ModelName("llm"), FAR, prices=(PRICE,), fallback=ModelName("slm")),
        Model(ModelName("lone"), FAR, prices=(PRICE,)),
    ),
)
CLOUD_ONLY = replace(CATALOG, models=CATALOG.models[2:])
MODELS = ("slm", "llm", "lone")
LABELS = (PUBLIC, Label.of("person"), Label.of("health"), Label.of("person", "health"))
SPACE = GraphSpace("rules", SpaceLimits(MODELS, MODELS, ("assistant", "fuser"), 2, 6, 7, 50, 0.8))


def rules(
    *labels: Label, catalog: Catalog = CATALOG, constraints: tuple[Constraint, ...] = ()
) -> GraphRules:
    shares = {label: 1 / len(labels) for label in labels}
    return GraphRules(POLICY, catalog, shares, constraints, date(2026, 1, 1), 4)


@settings(max_examples=150)
@given(
    choices=st.tuples(*(st.integers(0, len(one.options) - 1) for one in SPACE.decisions)),
    labels=st.lists(st.sampled_from(LABELS), min_size=1, max_size=3, unique=True),
)
def test_rules_and_planner_agree(choices: tuple[int, ...], labels: list[Label]) -> None:
    graph = SPACE.graph(SPACE.candidate(choices))
    asked = rules(*labels)

    plans = [asked.plan(graph, label) for label in labels]

    moved = [{r.step for r in found.repairs if r.change == "moved_to_edge"} for found in plans]
    never = set.intersection(*moved)
    assert (asked.forbids(graph) is not None) == bool(never)
    for label, found in zip(labels, plans, strict=True):
        leaves = any(step.zone == "cloud" for step in found.steps)
        assert asked._leaves(graph, label) == leaves


def test_a_graph_that_no_edge_model_can_rescue_leaks() -> None:
    asked = rules(Label.of("health"), catalog=CLOUD_ONLY)
    alone = SPACE.graph(SPACE.single_steps()[2])

    refusal = asked.forbids(alone)

    assert refusal is not None
    assert refusal.startswith("leaks {health} at final")
    with pytest.raises(LeakFound):
        asked.plan(alone, Label.of("health"))


def test_what_leaves_is_a_share_of_the_declared_labels() -> None:
    cap = (Constraint(Measure.CLOUD_SHARE, 0.5),)
    alone = SPACE.graph(SPACE.single_steps()[1])

    half = rules(PUBLIC, Label.of("health"), constraints=cap).forbids(alone)
    all_of_it = rules(PUBLIC, constraints=cap).forbids(alone)

    assert half is None
    assert all_of_it == "needs at least cloud_share 1, more than the 0.5 allowed"


def test_a_worst_case_holds_the_failed_call_and_the_one_that_takes_over() -> None:
    alone = SPACE.graph(SPACE.single_steps()[1])

    spend = rules(PUBLIC).worst_case(alone, 3, prompt_tokens=100)

    assert spend.calls == 2
    assert spend.tokens == 2 * 150
    assert spend.usd == pytest.approx((100 * 1.0 + 50 * 10.0) / 1e6)
    assert spend.exposed == {3}


def test_flops_are_those_of_the_paper() -> None:
    model = Model(ModelName("m"), NEAR, parameters=10**9, layers=16, hidden_size=2048)

    # MATH, 202 in and 275 out, the paper's unit to a fraction of a percent
    assert flops_of_call(model, 202, 275) == pytest.approx(9.69e11, rel=1e-3)
