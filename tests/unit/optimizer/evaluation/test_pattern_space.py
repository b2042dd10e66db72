"""Patterns stand beside composed graphs: canonical, planned, bounded before they are run."""

from datetime import date

import numpy as np
import pytest

from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.pattern_space import PatternSpace
from optimizer.evaluation.rules import GraphRules
from optimizer.search.caps import CapRule
from optimizer.search.composition import composition_of
from optimizer.search.model import Candidate, Constraint, Measure, Outcomes
from optimizer.search.problem import Problem
from optimizer.search.registry import make_search
from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.graph.document import check_graph
from runtime.ids import ModelName, NodeName
from runtime.labels import PUBLIC, Label
from runtime.patterns.book import pattern_of, patterns
from runtime.testing.plans import POLICY

NEAR, FAR = NodeName("edge-1"), NodeName("cloud-1")
PRICE = Price(date(2025, 1, 1), 1.0, 10.0)
CATALOG = Catalog(
    nodes=(Node(NEAR, "edge"), Node(FAR, "cloud", round_trip_s=0.04)),
    models=(
        Model(ModelName("slm"), NEAR, parameters=10),
        Model(ModelName("mini"), NEAR, parameters=5),
        Model(ModelName("llm"), FAR, prices=(PRICE,)),
    ),
)
LIMITS = SpaceLimits(("slm", "mini", "llm"), ("slm", "llm"), ("assistant", "fuser"), 1, 6, 7, 50, 0)
MODELS = {"near": ("slm", "mini"), "far": ("llm",), "far-small": ("llm",)}


def rules(*labels: Label, constraints: tuple[Constraint, ...] = ()) -> GraphRules:
    shares = {label: 1 / len(labels) for label in labels}
    return GraphRules(POLICY, CATALOG, shares, constraints, date(2026, 1, 1), 4)


def space(*names: str, under: GraphRules | None = None) -> PatternSpace:
    under = under or rules(PUBLIC)
    composed = GraphSpace("both", LIMITS, forbids=under.forbids, exposes=under.exposes)
    return PatternSpace(
        composed,
        [pattern_of(name) for name in names],
        MODELS,
        max_tokens=50,
        forbids=under.forbids,
        exposes=under.exposes,
    )


EVERY = space(*(pattern.name for pattern in patterns()))


def test_patterns_are_listed_behind_the_composed_graphs_each_once() -> None:
    both = space("cascade-confidence", "redact-and-restore")
    listed = both.candidates() or ()

    keys = [str(one.key) for one in listed]
    assert keys[-3:] == [
        "cascade-confidence(near=slm,far=llm)",
        "cascade-confidence(near=mini,far=llm)",
        "redact-and-restore(far=llm)",
    ]
    assert len(keys) == len(set(keys))
    assert "assistant@llm()" in keys
    assert [one.name for one in both.decisions[-3:]] == ["pattern", "near.model", "far.model"]


def test_every_candidate_is_its_own_canonical_form_and_a_sound_graph() -> None:
    for one in EVERY.candidates() or ():
        assert EVERY.candidate(one.choices) == one
        graph = EVERY.graph(one)
        assert check_graph(graph) == graph
        assert graph.name == "both"
        played = [step for step in graph.steps if step.rule is None]
        assert all(step.sampling.max_tokens <= 50 for step in played)


def test_models_that_a_pattern_has_no_place_for_do_not_make_another_graph() -> None:
    both = space("abstain", "redact-and-restore")
    one = next(one for one in both.bound if str(one.key).startswith("redact"))
    other = (*one.choices[:-2], 1, one.choices[-1])

    assert both.candidate(other) == one


def test_what_a_policy_never_lets_leave_is_refused_for_patterns_too() -> None:
    under = rules(Label.of("health"))
    both = space("redact-and-restore", "abstain", under=under)

    keys = {str(one.key) for one in both.candidates() or ()}
    assert "redact-and-restore(far=llm)" not in keys
    assert "abstain(near=slm)" in keys


def test_a_branch_that_may_pass_the_cloud_by_is_within_a_cap_on_what_leaves() -> None:
    under = rules(PUBLIC, constraints=(Constraint(Measure.CLOUD_SHARE, 0.5),))
    both = space("cascade-confidence", "draft-then-refine", under=under)

    keys = {str(one.key) for one in both.candidates() or ()}
    assert "cascade-confidence(near=slm,far=llm)" in keys
    assert "draft-then-refine(near=slm,far=llm)" not in keys


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("redact-and-restore", 2),  # one, and the edge model that takes over
        ("cascade-agreement", 5 + 2),
        ("abstain", 5),
        ("divide-and-fuse", 1 + 8 * 2 + 8 + 1),
    ],
)
def test_a_worst_case_counts_samples_items_and_branches_and_no_rules(name: str, calls: int) -> None:
    both = space(name)

    spend = rules(PUBLIC).worst_case(both.graph(both.bound[0]), 0, prompt_tokens=100)

    assert spend.calls == calls
    assert bool(spend.exposed) is (name != "abstain")


@pytest.mark.parametrize("name", ["agent_reinforce", "random", "exhaustive", "local_search"])
def test_searchers_propose_patterns(name: str) -> None:
    problem = Problem(EVERY, CapRule((), None, 4), questions=4)
    search = make_search(name, problem, seed=1)
    asked: list[Candidate] = []

    for _ in range(12):
        for trial in search.ask(8):
            asked.append(trial.candidate)
            search.tell(trial, outcomes(trial.questions, right=len(str(trial.candidate.key)) % 2))

    assert composition_of(EVERY, EVERY.candidates() or ()) is None
    assert all(EVERY.refusal(one.choices) is None for one in asked)
    assert any("near=" in str(one.key) for one in asked)


def outcomes(questions: tuple[int, ...], *, right: float) -> Outcomes:
    """The same on every question."""
    some = np.full(len(questions), 1.0)
    return Outcomes(
        np.array(questions), some * right, some == 0, some, some, some, ((),) * len(questions)
    )
