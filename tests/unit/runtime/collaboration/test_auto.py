"""`leeward/auto` with a router: what it chooses, says and may not know."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.catalog.document import catalog_from_data
from runtime.clock import SystemClock
from runtime.collaboration.auto import AutoRouter
from runtime.collaboration.collaboration import Collaboration, CollaborationRequest
from runtime.collaboration.graphs import Auto, GraphBook, Named
from runtime.collaboration.intake import Intake, take_in
from runtime.errors import CloudAway
from runtime.executor.executor import Executor
from runtime.graph.document import parse_graph
from runtime.ids import NodeName, PlanId, RequestId
from runtime.labels import PUBLIC, Label
from runtime.planner.model import Plan, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.document import parse_policy
from runtime.ports import ChatMessage
from runtime.routing.store import read_predictor
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel

POLICY = parse_policy("""
leeward: policy/v1
categories: {person: confidential, contact: confidential}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person, contact], to: cloud, by: redact}]
when_unsure: restricted
""")
PRICE = [{"valid_from": "2026-01-01", "prompt_usd_per_mtok": 5, "completion_usd_per_mtok": 15}]
CATALOG = catalog_from_data(
    {
        "leeward": "catalog/v1",
        "nodes": {"edge": {"zone": "edge"}, "cloud": {"zone": "cloud"}},
        "models": {
            "small": {"node": "edge"},
            "large": {"node": "cloud", "prices": PRICE, "fallback": "small"},
        },
    }
)
GRAPHS = {
    name: parse_graph(
        f"{{leeward: graph/v1, name: {name}, steps: {{a: {{role: assistant, model: {model}}}}}}}"
    )
    for name, model in {"near": "small", "far": "large"}.items()
}
SENTINEL = Sentinel(default_detectors())
ASKED = Intake(PUBLIC, 100, masked="What?")


def planned(graph: str, label: Label = PUBLIC, why: str = "") -> Plan:
    asked = PlanRequest(
        graph=GRAPHS[graph],
        label=label,
        policy=POLICY,
        catalog=CATALOG,
        today=date(2026, 11, 1),
        healthy=frozenset({NodeName("edge"), NodeName("cloud")}),
        prompt_tokens=100,
        why_graph=why,
    )
    return plan(asked, plan_id=PlanId("p"), graph_hash="h")


def router(near: float, far: float, right_usd: float = 0.1) -> AutoRouter:
    return AutoRouter(("near", "far"), lambda _: {"near": near, "far": far}, right_usd)


@pytest.mark.parametrize(
    ("near", "far", "right_usd", "graph"),
    [
        (0.5, 0.9, 0.1, "far"),
        (0.9, 0.9, 0.1, "near"),
        (0.5, 0.9, 0.0001, "near"),  # worth less than the call costs
    ],
)
def test_the_graph_that_is_worth_its_price(
    near: float, far: float, right_usd: float, graph: str
) -> None:
    routed = router(near, far, right_usd).route(ASKED, planned)
    assert routed is not None
    assert routed.graph == graph
    assert f"near {near:.0%} for 0.000000 US dollars, far {far:.0%} for 0.0" in routed.why


def test_the_plan_says_why() -> None:
    first, *_ = planned("far", why="it is likelier").repairs
    assert (first.change, first.reason) == ("graph_chosen", "far was chosen; it is likelier")


def test_a_graph_that_cannot_run_is_not_chosen() -> None:
    def away(graph: str) -> Plan:
        if graph == "far":
            raise CloudAway("the cloud is away")
        return planned(graph)

    routed = router(0.1, 0.9).route(ASKED, away)
    assert routed is not None
    assert routed.graph == "near"

    def nowhere(graph: str) -> Plan:
        raise CloudAway(graph)

    assert router(0.1, 0.9).route(ASKED, nowhere) is None


async def taken_in(text: str, declared: Label = PUBLIC) -> Intake:
    return await take_in([ChatMessage("user", text)], declared, sentinel=SENTINEL, policy=POLICY)


async def test_what_nobody_can_point_at_is_not_routed() -> None:
    asked = await taken_in("Is it as bad as it looks?", Label.of("person"))
    assert asked.unlocated == Label.of("person")
    assert router(0.1, 0.9).route(asked, planned) is None
    found = await taken_in("Is Dr. Anna Kowalska ill?", Label.of("person"))
    assert found.unlocated == PUBLIC
    assert router(0.1, 0.9).route(found, planned) is not None


async def test_a_node_plans_the_graph_that_its_router_chose() -> None:
    def collaboration(chooser: AutoRouter | None) -> Collaboration:
        return Collaboration(
            graphs=GraphBook(GRAPHS, CATALOG, default="near"),
            policy=POLICY,
            catalog=CATALOG,
            sentinel=SENTINEL,
            executor=cast("Executor", None),  # nothing is run
            healthy=lambda: frozenset({NodeName("edge"), NodeName("cloud")}),
            clock=SystemClock(),
            router=chooser,
        )

    request = CollaborationRequest(Auto(), (ChatMessage("user", "Why?"),))
    chosen = await collaboration(router(0.1, 0.9)).plan(request)
    assert chosen.graph.name == "far"
    assert chosen.repairs[0].change == "graph_chosen"
    named = await collaboration(router(0.1, 0.9)).plan(replace(request, choice=Named("near")))
    assert (named.graph.name, named.repairs) == ("near", ())
    usual = await collaboration(None).plan(request)
    assert (usual.graph.name, usual.repairs) == ("near", ())


class Optimist:
    """Has learned that the far graph is always right, and remembers what was chosen."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []

    def adjusted(self, chances: Mapping[str, float]) -> Mapping[str, float]:
        return {**chances, **{graph: 1.0 for graph in chances if graph == "far"}}

    def note(self, request: RequestId, graph: str, _chances: Mapping[str, float]) -> None:
        self.noted.append((request, graph))


async def test_what_was_learned_decides_and_choices_without_labels_are_remembered() -> None:
    optimist = Optimist()
    chooser = replace(router(0.9, 0.1), learner=optimist)

    public, labelled = await taken_in("Why?"), await taken_in("Is Dr. Anna Kowalska ill?")
    for name, asked in (("public", public), ("labelled", labelled)):
        routed = chooser.route(asked, planned)
        assert routed is not None
        assert routed.graph == "far"
        chooser.note(RequestId(name), routed)

    assert optimist.noted == [("public", "far")]


async def test_no_learning_moves_what_may_not_leave() -> None:
    """The learner chooses graphs; where their steps run stays the planner's decision."""
    strict = parse_policy("""
leeward: policy/v1
categories: {person: restricted, contact: restricted}
clearance: {edge: restricted, cloud: internal}
when_unsure: restricted
""")
    collaboration = Collaboration(
        graphs=GraphBook(GRAPHS, CATALOG, default="near"),
        policy=strict,
        catalog=CATALOG,
        sentinel=SENTINEL,
        executor=cast("Executor", None),  # nothing is run
        healthy=lambda: frozenset({NodeName("edge"), NodeName("cloud")}),
        clock=SystemClock(),
        router=replace(router(0.9, 0.1), learner=Optimist()),
    )

    asked = CollaborationRequest(Auto(), (ChatMessage("user", "Is Dr. Anna Kowalska ill?"),))
    made = await collaboration.plan(asked)

    assert made.graph.name == "far"
    assert [step.zone for step in made.steps] == ["edge"]


PEOPLE = ["Anna Kowalska", "Bartholomew Featherstonehaugh", "Li Wei"]
MAILS = ["a.b@example.org", "somebody.with.a.long.name@mail.example.com"]


@given(st.sampled_from(PEOPLE), st.sampled_from(MAILS), st.text("abc ?.\n", max_size=60))
async def test_requests_that_differ_in_spans_alone_are_routed_alike(
    person: str, mail: str, rest: str
) -> None:
    """Promise 2: whether anything goes to the cloud says nothing about who it is about."""

    def text(who: str, where: str) -> str:
        return f"Write to Dr. {who} at {where} please. {rest}"

    predictor = read_predictor()
    seen: list[str] = []

    def chances(shown: str) -> Mapping[str, float]:
        seen.append(shown)
        near, far = predictor.predict([shown])[0]
        return {"near": float(near), "far": float(far)}

    one, other = await taken_in(text(person, mail)), await taken_in(text(PEOPLE[0], MAILS[0]))
    chooser = AutoRouter(("near", "far"), chances, 0.01)
    if one.label == other.label:
        assert chooser.route(one, planned) == chooser.route(other, planned)
        assert len(set(seen)) == 1
        assert person not in seen[0]
        assert mail not in seen[0]
